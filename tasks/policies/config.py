"""What people have decided of the lists, as nightly.toml says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pydantic import BaseModel, model_validator

from models.policies.limits import REASONS, Reason
from models.policies.minimum import MinimumConfig
from tasks.policies.fatigue import FatigueConfig
from tasks.policies.sections import (
    LONGEST_LIST,
    BlocksConfig,
    Boost,
    CapConfig,
    DiversityConfig,
    Eligibility,
    ExplorationConfig,
    QuotaConfig,
    Text,
    Value,
)
from tasks.policies.seen import SeenConfig
from tasks.prepare.named_values import NamedAttributes

MOST_RULES = 100
"""Rules that are declared at most; the reasons of what is left out are counted in a byte."""


class PoliciesConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What people have decided of the lists, whatever models say."""

    unavailable_where: dict[str, tuple[Text, ...]] = {}
    """Attribute of items -> values that make an item unavailable, such as {in_stock = ["false", "0"]}."""

    own_items: Text | None = None
    """Attribute of items that holds the id of the user who offers the item: it is not recommended to them."""

    seen: SeenConfig = SeenConfig()
    blocks: BlocksConfig = BlocksConfig()
    eligibility: tuple[Eligibility, ...] = ()
    """Who may be shown which items; every rule must hold. Each stands under a heading of its own, [[policies.eligibility]]."""

    boosts: tuple[Boost, ...] = ()
    """Points for some items, under [[policies.boosts]] each."""

    caps: tuple[CapConfig, ...] = ()
    """Items of a list that may share a value, under [[policies.caps]] each."""

    quotas: tuple[QuotaConfig, ...] = ()
    """Places that are kept for some items, under [[policies.quotas]] each."""

    diversity: DiversityConfig = DiversityConfig()
    exploration: ExplorationConfig = ExplorationConfig()
    fatigue: FatigueConfig = FatigueConfig()
    minimum: MinimumConfig = MinimumConfig()

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> PoliciesConfig:
        if fault := next(self._faults(), None):
            raise ValueError(fault)
        return self

    def _faults(self) -> Iterator[str]:
        for section in ("eligibility", "boosts", "caps", "quotas"):
            names = Counter(rule.name for rule in getattr(self, section))
            yield from (f"the rules of `{section}` need names of their own, {name!r} is taken" for name, n in names.items() if n > 1)
        if len(self.reasons()) + len(self.boosts) > MOST_RULES:
            yield f"no more than {MOST_RULES} rules"
        asked = sum(quota.least for quota in self.quotas) + self.exploration.least
        if asked > LONGEST_LIST:
            yield f"quotas and exploration ask for {asked} places, and no list is longer than {LONGEST_LIST}"
        closed = {Value(name.lower(), value.lower()) for name, values in self.unavailable_where.items() for value in values}
        for quota in self.quotas:
            asks = Value.of(quota.item)
            if asks in closed:
                yield f"quotas.{quota.name} asks for items that `unavailable_where` leaves out"
            for cap in (cap for cap in self.caps if cap.by.lower() == asks.attribute and cap.most < quota.least):
                yield f"quotas.{quota.name} asks for {quota.least} items of one value, and caps.{cap.name} allows {cap.most}"
        spoken_of = [(boost.name, Value.of(boost.item)) for boost in self.boosts]
        yield from (f"boosts.{name} is about items that `unavailable_where` leaves out" for name, value in spoken_of if value in closed)

    @property
    def declared(self) -> bool:
        """Say whether anything is."""
        return self != PoliciesConfig()

    def reasons(self) -> tuple[Reason, ...]:
        """Return the reasons for which a candidate may be left out, the place of each being its code."""
        further = [
            (Reason("blocked", "blocks.items"), self.blocks.items),
            (Reason("own_item", "own_items"), self.own_items),
            (Reason("blocked", "blocks.users_attribute"), self.blocks.users_attribute),
            (Reason("blocked", "blocks.items_attribute"), self.blocks.items_attribute),
            *((Reason("ineligible", f"eligibility.{rule.name}"), True) for rule in self.eligibility),
            (Reason("tired_of", "fatigue"), self.fatigue.nights),
            (Reason("below_minimum", "minimum"), self.minimum.chance),
            *((Reason("capped", f"caps.{cap.name}"), True) for cap in self.caps),
            (Reason("diversified", "diversity"), self.diversity.strength),
            *((Reason("displaced", f"quotas.{quota.name}"), True) for quota in self.quotas),
            (Reason("displaced", "exploration"), self.exploration.least),
        ]
        return (*REASONS, *(reason for reason, asked in further if asked))

    def named(self) -> NamedAttributes:
        """Return the attributes that rules name."""
        of_items: list[str | None] = [
            self.own_items,
            self.blocks.items_attribute,
            *self.unavailable_where,
            *(rule.item_attribute for rule in self.eligibility),
            *(Value.of(boost.item).attribute for boost in self.boosts),
            *(Value.of(quota.item).attribute for quota in self.quotas),
            *(cap.by for cap in self.caps),
        ]
        of_users: list[str | None] = [
            self.blocks.users_attribute,
            *(rule.user_attribute for rule in self.eligibility),
            *(Value.of(boost.user).attribute for boost in self.boosts if boost.user),
        ]
        items, users = (tuple(sorted({name.lower() for name in names if name})) for names in (of_items, of_users))
        return NamedAttributes(items=items, users=users, unavailable_where=self.unavailable_where)

    def without(self, rule: str) -> PoliciesConfig:
        """Return all policies but one, named as in settings, such as `caps.genres` or `seen`; raises KeyError where there is none."""
        section, _, name = rule.partition(".")
        stands = getattr(self, section, None)
        if isinstance(stands, tuple) and name in {part.name for part in stands}:
            return self.model_copy(update={section: tuple(part for part in stands if part.name != name)})
        if section == "blocks" and name in BlocksConfig.model_fields:
            default = BlocksConfig.model_fields[name].default
            return self.model_copy(update={section: self.blocks.model_copy(update={name: default})})
        if not name and section in PoliciesConfig.model_fields and not isinstance(stands, tuple):
            return self.model_copy(update={section: PoliciesConfig.model_fields[section].default})
        raise KeyError(rule)


def named_by(policies: Iterable[PoliciesConfig]) -> NamedAttributes:
    """Return the attributes that rules of any of some sets of policies name; what makes items unavailable is the same in all."""
    named = [config.named() for config in policies]
    items, users = (tuple(sorted(set().union(*names))) for names in ((one.items for one in named), (one.users for one in named)))
    return NamedAttributes(items=items, users=users, unavailable_where=named[0].unavailable_where)
