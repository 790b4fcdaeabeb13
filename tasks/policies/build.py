"""From declared policies to arrays of everybody."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from models.directions import unit_rows
from models.holdout import DAY
from models.policies.eligibility import Kinds, Requirement, ineligible_items, kinds_of
from models.policies.likeness import likeness_vectors
from models.policies.limits import SEEN, UNAVAILABLE, Boosts
from models.policies.list_rules import Cap, Diversity, ListRules, Minimum, Quota
from models.policies.policies import Policies, by_smallest_code
from models.products import DotProduct
from models.scorer import Scorer
from tasks.night import Night
from tasks.policies.config import PoliciesConfig
from tasks.policies.sections import CapConfig
from tasks.policies.values import Described, described
from tasks.prepare.training_set import TrainingSet
from tasks.refusals import UsageError

log = logging.getLogger("nightly")

MOST_KINDS = 2000
"""Kinds of users who may be shown different items."""

MOST_CELLS = 1 << 29
"""Kinds times items: a byte each stands in memory."""


def build_policies(
    night: Night,
    known: TrainingSet,
    config: PoliciesConfig,
    *,
    seen: sp.csr_matrix,
    tired_of: sp.csr_matrix | None = None,
    minimum: NDArray[np.float32] | None = None,
    vectors: NDArray[np.float32] | None = None,
) -> Policies:
    """Bring the declared policies to arrays.

    `seen` and `tired_of` (users, items) mark what users may not be shown for what happened, `minimum` (segments,) is the score below
    which nothing is, and `vectors` (items, width) are those of the model that [policies.diversity] names. Raises UsageError where
    eligibility tells too many users apart.
    """
    if not config.declared:
        return Policies.without_rules(seen, known.recommendable)
    has, code = described(night, known, config), codes(config)
    demands = requirements(config, has)
    kinds = kinds_of_users(demands, known) if demands else None
    return Policies(
        config.reasons(),
        closed(known, config),
        by_smallest_code(_barred(known, config, has, seen, tired_of)),
        ineligible_items(demands, kinds) if kinds else None,
        kinds.kind if kinds else None,
        _boosts(config, has) if config.boosts else None,
        ListRules(
            tuple(cap_of(cap, has, code[f"caps.{cap.name}"]) for cap in config.caps),
            _quotas(known, config, has),
            _diversity(known, config, vectors) if config.diversity.strength else None,
            Minimum(minimum, code["minimum"]) if minimum is not None and config.minimum.chance else None,
        ),
    )


def codes(config: PoliciesConfig) -> dict[str, int]:
    """Return the code of every rule by its name."""
    return {reason.rule: code for code, reason in enumerate(config.reasons())}


def closed(known: TrainingSet, config: PoliciesConfig) -> NDArray[np.int8]:
    """Return the code of what keeps an item from everybody, 0 where nothing does; (items,)."""
    found = np.where(known.recommendable, 0, UNAVAILABLE).astype(np.int8)
    named = np.asarray(pc.is_in(pc.cast(known.items["item_id"], pa.string()), value_set=pa.array(config.blocks.items, pa.string())))
    return np.where((found == 0) & named, codes(config).get("blocks.items", 0), found).astype(np.int8)


def requirements(config: PoliciesConfig, has: Described) -> list[Requirement]:
    """Return what eligibility asks of users and items, in the order of the settings."""
    code, found = codes(config), []
    for rule in config.eligibility:
        strict = rule.missing == "refuse"
        item_told, user_told = has.items.has(rule.item_attribute), has.users.has(rule.user_attribute)
        exempt = np.zeros(len(user_told), np.bool_) if strict else ~user_told
        if rule.match:
            names = has.items.names(rule.item_attribute)
            users, items = has.users.matrix(rule.user_attribute, names), has.items.matrix(rule.item_attribute, names)
            bound = np.ones(len(item_told), np.bool_) if strict else item_told
        else:
            # One value, which stands for the items not everybody may be shown and for the users who may.
            bound = has.items.holds(rule.item or "") | (~item_told & strict)
            users, items = (sp.csr_matrix(held[:, None].astype(np.int32)) for held in (has.users.holds(rule.user or ""), bound))
        found.append(Requirement(users, items, bound, exempt, code[f"eligibility.{rule.name}"]))
    return found


def kinds_of_users(demands: Sequence[Requirement], known: TrainingSet) -> Kinds:
    """Tell users apart by what they may be shown; raises UsageError where that makes too many kinds."""
    kinds = kinds_of(demands, known.n_users)
    if len(kinds) > MOST_KINDS or len(kinds) * known.n_items > MOST_CELLS:
        raise UsageError(
            "setting policies.eligibility",
            f"{MOST_KINDS:,} kinds of users at most, and {MOST_CELLS:,} kinds times items",
            f"{len(kinds):,} kinds and {known.n_items:,} items",
            "match attributes with fewer values, such as a country for a town, or leave out a rule",
        )
    return kinds


def is_new(known: TrainingSet, config: PoliciesConfig) -> NDArray[np.bool_]:
    """Mark the items that places are kept for by [policies.exploration]; without times only what nobody has met is new; (items,)."""
    rows = np.ones(len(known.events), np.bool_)
    met_by = np.bincount(known.pairs(rows).item, minlength=known.n_items)
    few = met_by < config.exploration.fewer_than_events
    times = known.events.occurred_at
    if times is None or len(times) == 0:
        return few & (met_by == 0)
    latest = np.iinfo(np.int64).max
    since = np.full(known.n_items, latest)
    np.minimum.at(since, known.events.item, times)
    told = known.items["available_from"]
    available_from = np.asarray(pc.fill_null(pc.cast(told, pa.int64()), latest), np.int64)
    since = np.where(np.asarray(pc.is_valid(told), np.bool_), available_from, since)
    return few & (since >= times.max() - config.exploration.newer_than_days * DAY)


def vectors_of(scorers: Sequence[Scorer], config: PoliciesConfig) -> NDArray[np.float32] | None:
    """Return the item vectors of the model that [policies.diversity] names; None where descriptions tell likeness.

    They also do, with a warning, where that model is not heard tonight: it could not be trained, another speaks alone, or an earlier
    night's models speak.
    """
    if not config.diversity.strength or config.diversity.by == "descriptions":
        return None
    there = {scorer.name: scorer for scorer in scorers if isinstance(scorer, DotProduct)}
    if config.diversity.by not in there:
        log.warning("policies: diversity goes by descriptions: tonight there are no vectors of %s", config.diversity.by)
        return None
    return there[config.diversity.by].item_factors


def _barred(
    known: TrainingSet, config: PoliciesConfig, has: Described, seen: sp.csr_matrix, tired_of: sp.csr_matrix | None
) -> list[tuple[sp.csr_matrix, int]]:
    code, causes = codes(config), [(seen, SEEN)]
    user_ids, item_ids = known.users["user_id"], known.items["item_id"]
    if config.own_items:
        causes.append((has.items.ids(config.own_items, user_ids).T.tocsr(), code["own_items"]))
    if config.blocks.users_attribute:
        causes.append((has.users.ids(config.blocks.users_attribute, item_ids), code["blocks.users_attribute"]))
    if config.blocks.items_attribute:
        causes.append((has.items.ids(config.blocks.items_attribute, user_ids).T.tocsr(), code["blocks.items_attribute"]))
    if tired_of is not None and config.fatigue.nights:
        causes.append((tired_of, code["fatigue"]))
    return causes


def _boosts(config: PoliciesConfig, has: Described) -> Boosts:
    everybody = np.ones(has.users.n_things, np.bool_)
    users = [has.users.holds(boost.user) if boost.user else everybody for boost in config.boosts]
    items = [has.items.holds(boost.item) * np.float32(boost.points) for boost in config.boosts]
    return Boosts(np.column_stack(users).astype(np.float32), np.column_stack(items).astype(np.float32))


def cap_of(cap: CapConfig, has: Described, code: int) -> Cap:
    """Return a cap with what items have of its attribute."""
    return Cap(has.items.matrix(cap.by, has.items.names(cap.by)), cap.most, code)


def _quotas(known: TrainingSet, config: PoliciesConfig, has: Described) -> tuple[Quota, ...]:
    code = codes(config)
    quotas = [Quota(has.items.holds(quota.item), quota.least, code[f"quotas.{quota.name}"]) for quota in config.quotas]
    if config.exploration.least:
        quotas.append(Quota(is_new(known, config), config.exploration.least, code["exploration"]))
    return tuple(quotas)


def _diversity(known: TrainingSet, config: PoliciesConfig, vectors: NDArray[np.float32] | None) -> Diversity:
    near = likeness_vectors(known.item_descriptions.features) if vectors is None else unit_rows(np.asarray(vectors, np.float32))
    return Diversity(near, config.diversity.strength, codes(config)["diversity"])
