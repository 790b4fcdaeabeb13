"""What is wrong with declared policies, given tonight's items and users: found before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from models.policies.eligibility import ineligible_items
from tasks.policies.build import cap_of, closed, codes, is_new, kinds_of_users, requirements
from tasks.policies.config import PoliciesConfig
from tasks.policies.sections import Value
from tasks.policies.values import Described, Values
from tasks.prepare.training_set import TrainingSet
from tasks.refusals import UsageError


def findings(
    config: PoliciesConfig, known: TrainingSet, has: Described, kinds: Mapping[str, str], bands: Iterable[str], k: int
) -> tuple[str, ...]:
    """Return a warning for every rule that can do nothing tonight, and for what keeps lists short.

    `kinds` says how each delivered attribute is read, such as items.genres; `bands` which numbers have bands. Raises UsageError where an
    attribute was never delivered, where a cap counts a number without bands, and where more places are kept than a list of k has.
    """
    _require_attributes(config, kinds)
    _require_bands(config, kinds, bands)
    _require_places(config, k)
    may_be_shown = closed(known, config) == 0
    return (
        *_blocks(config, known, has),
        *_values(config, has),
        *_closed(config, known, has, may_be_shown),
        *_short_by_caps(config, has, may_be_shown, k),
        *_short_by_eligibility(config, known, has, may_be_shown, k),
    )


def _require_attributes(config: PoliciesConfig, kinds: Mapping[str, str]) -> None:
    for side, asked in (("items", config.named().items), ("users", config.named().users)):
        there = {name.partition(".")[2].lower(): name.partition(".")[2] for name in kinds if name.startswith(f"{side}.")}
        for attribute in asked:
            if attribute not in there:
                near = ", ".join(_near(attribute, there)) or f"none: no {side} with attributes were delivered"
                raise UsageError(
                    f"setting policies.{_rules_with(config, side, attribute)}", f"an attribute of {side}", attribute, f"name one of: {near}"
                )


def _rules_with(config: PoliciesConfig, side: str, attribute: str) -> str:
    """Return the first rule, as a path in the settings, that names an attribute."""
    rules = [(name, pairs) for name, pairs in _attributes(config) if (side, attribute) in pairs]
    return rules[0][0]


def _attributes(config: PoliciesConfig) -> Iterator[tuple[str, set[tuple[str, str]]]]:
    """Yield every rule with the attributes of items and users that it names, in lower case."""
    yield from (("unavailable_where", {("items", name.lower())}) for name in config.unavailable_where)
    yield "own_items", {("items", (config.own_items or "").lower())}
    yield "blocks.users_attribute", {("users", (config.blocks.users_attribute or "").lower())}
    yield "blocks.items_attribute", {("items", (config.blocks.items_attribute or "").lower())}
    for rule in config.eligibility:
        yield f"eligibility.{rule.name}", {("items", rule.item_attribute), ("users", rule.user_attribute)}
    yield from ((f"caps.{cap.name}", {("items", cap.by.lower())}) for cap in config.caps)
    for name, side, column in _columns(config):
        yield name, {(side, Value.of(column).attribute)}


def _columns(config: PoliciesConfig) -> Iterator[tuple[str, str, str]]:
    """Yield every `attribute=value` that a rule names, with the rule and what it speaks of: items or users."""
    for section, rules in (("eligibility", config.eligibility), ("boosts", config.boosts), ("quotas", config.quotas)):
        for rule in rules:
            yield from (
                (f"{section}.{rule.name}", f"{side}s", getattr(rule, side)) for side in ("item", "user") if getattr(rule, side, None)
            )


def _require_bands(config: PoliciesConfig, kinds: Mapping[str, str], bands: Iterable[str]) -> None:
    banded = {name.lower() for name in bands}
    numbers = {name.partition(".")[2].lower() for name, kind in kinds.items() if name.startswith("items.") and kind == "number"}
    for cap in config.caps:
        if cap.by.lower() in numbers - banded:
            raise UsageError(
                f"setting policies.caps.{cap.name}.by",
                "an attribute whose values items share",
                f"the number {cap.by}, without bands",
                f"set its bounds in [features.bands], such as {cap.by} = [10, 25], or say in [features.kinds] that it is no number",
            )


def _require_places(config: PoliciesConfig, k: int) -> None:
    asked = sum(quota.least for quota in config.quotas) + config.exploration.least
    if asked > k:
        raise UsageError(
            "settings policies.quotas and policies.exploration",
            f"{k} places at most, for a list has no more ([score] k)",
            f"{asked} places",
            "lower `least`, or raise [score] k",
        )


def _values(config: PoliciesConfig, has: Described) -> Iterator[str]:
    for name, side, column in _columns(config):
        values = has.items if side == "items" else has.users
        attribute, value = Value.of(column)
        names = values.names(attribute)
        if value not in names:
            near = ", ".join(_near(value, names)) or "none"
            yield f"{name}: no {side.removesuffix('s')} has {column}; values of {attribute}: {near}"
    for rule in config.eligibility:
        if rule.match and not set(has.items.names(rule.match.item)) & set(has.users.names(rule.match.user)):
            yield f"eligibility.{rule.name}: no user has a value of {rule.match.user} that any item has of {rule.match.item}"


def _blocks(config: PoliciesConfig, known: TrainingSet, has: Described) -> Iterator[str]:
    item_ids, user_ids = known.items["item_id"], known.users["user_id"]
    there = {str(item) for item in item_ids.to_pylist()} if config.blocks.items else set()
    unknown = [item for item in config.blocks.items if item not in there]
    if unknown:
        more = f" and {len(unknown) - 1} more are ids" if len(unknown) > 1 else " is the id"
        yield f"blocks.items: {unknown[0]}{more} of no known item"
    asked: tuple[tuple[str, str | None, Values, object, str], ...] = (
        ("own_items", config.own_items, has.items, user_ids, "user"),
        ("blocks.users_attribute", config.blocks.users_attribute, has.users, item_ids, "item"),
        ("blocks.items_attribute", config.blocks.items_attribute, has.items, user_ids, "user"),
    )
    for name, attribute, values, ids, of in asked:
        if attribute and values.ids(attribute, ids).nnz == 0:
            yield f"{name}: no value of {attribute} is the id of a known {of}"


def _closed(config: PoliciesConfig, known: TrainingSet, has: Described, may_be_shown: NDArray[np.bool_]) -> Iterator[str]:
    for boost in config.boosts:
        meant = has.items.holds(boost.item)
        if meant.any() and not (meant & may_be_shown).any():
            yield f"boosts.{boost.name}: none of the {np.count_nonzero(meant)} items with {boost.item} may be shown"
    for quota in config.quotas:
        meant = has.items.holds(quota.item)
        if meant.any() and (n := np.count_nonzero(meant & may_be_shown)) < quota.least:
            yield f"quotas.{quota.name}: {quota.least} places are kept, and {n} of {np.count_nonzero(meant)} items may be shown"
    if config.exploration.least:
        n = np.count_nonzero(is_new(known, config) & may_be_shown)
        if n < config.exploration.least:
            yield f"exploration: {config.exploration.least} places are kept, and only {n} of the items that may be shown are new"


def _short_by_caps(config: PoliciesConfig, has: Described, may_be_shown: NDArray[np.bool_], k: int) -> Iterator[str]:
    code = codes(config)
    for cap in config.caps:
        longest = cap_of(cap, has, code[f"caps.{cap.name}"]).longest(may_be_shown)
        if longest < min(k, int(np.count_nonzero(may_be_shown))):
            yield f"caps.{cap.name}: lists have {longest} items at most, not {k}; raise `most` or lower [score] k"


def _short_by_eligibility(
    config: PoliciesConfig, known: TrainingSet, has: Described, may_be_shown: NDArray[np.bool_], k: int
) -> Iterator[str]:
    if not config.eligibility:
        return
    demands = requirements(config, has)
    kinds = kinds_of_users(demands, known)
    left = np.array([np.count_nonzero((refused == 0) & may_be_shown) for refused in ineligible_items(demands, kinds)])
    short = left[kinds.kind] < min(k, np.count_nonzero(may_be_shown))
    if short.any():
        user = int(np.flatnonzero(short)[np.argmin(left[kinds.kind[short]])])
        example = f"{known.users['user_id'][user].as_py()}: {left[kinds.kind[user]]}"
        yield f"eligibility: {np.count_nonzero(short)} of {len(short)} users may be shown fewer than {k} items, such as user {example}"


def _near(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names most like this one, failing that some."""
    names = list(known)
    return get_close_matches(name, names, n=3) or names[:3]
