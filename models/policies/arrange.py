"""Arrange the best candidates of every user into a list that keeps the rules for lists, and say why the others are not in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policies.fill import Filled, Pool, fill
from models.policies.limits import SCORED_LESS
from models.policies.list_rules import ListRules, Quota

PART_CELLS = 1 << 20
"""Numbers looked at for as many users as are arranged together: few enough to stay in cache from one place to the next."""


@dataclass(frozen=True)
class Arranged:
    """The lists of a block of users, best first, and what became of every other candidate.

    `place` (block, k) is the place in the pool of what is recommended, -1 behind the last; `added` (block, k) what rules add to its
    score: less than 0 by diversity, more by quotas. `absent` (block, pool) holds the code of the reason why a candidate is not
    recommended, `SCORED_LESS` where better ones fill the list, -1 for what is recommended and where there is no candidate.
    """

    place: NDArray[np.intp]
    added: NDArray[np.float64]
    absent: NDArray[np.int8]


def arrange(items: NDArray[np.int32], scores: NDArray[np.floating], segment: NDArray[np.integer], k: int, rules: ListRules) -> Arranged:
    """Choose k of every user's candidates, place by place, always the best that breaks no rule.

    items (block, pool) has a column at least, and -1 behind the last; scores (block, pool), finite for items, fall, equals by item.
    All of them may be shown but for these rules. segment (block,) is the user's. A list depends on its user alone. The result is sorted
    by score plus `added`, descending, then by item: these sums never rise.

    - A candidate below the minimum of the user's segment is out.
    - A candidate with a value of which the list has as many as its cap allows is out; one without values never is.
    - Diversity takes from a score: its strength, times the score of the pool's first less that of its k-th, times the largest cosine
      between the candidate and what stands above it.
    - A quota that such a list falls short of gets the lowest places that suffice, filled with its best candidates that break no cap.
      Where better items have used up those caps, its candidates are chosen before them. A list that quotas cannot come closer to in
      either way stays as it is.
    - Quotas change who stands in a list, and never lower its scores: in a list that they changed, sorted by value, every place has at
      least the score that it would have without quotas. What has less is lifted to it.

    Of the absent, those that quotas took out of the list have the code of a quota; those that beat the last of the list, as it is without
    quotas, have the code of the first cap that the list has used up for them, or else diversity's, or else the quota's that let go of
    that cap; all others `SCORED_LESS`. `ValueError` is raised for a k below 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    width = 1 if rules.diversity is None else rules.diversity.vectors.shape[1]
    step = max(1, PART_CELLS // (items.shape[1] * width))
    parts = [slice(start, start + step) for start in range(0, max(1, len(items)), step)]
    arranged = [_arranged(Pool.of(items[part], scores[part], segment[part], rules.minimum), k, rules) for part in parts]
    return Arranged(
        np.concatenate([part.place for part in arranged]),
        np.concatenate([part.added for part in arranged]),
        np.concatenate([part.absent for part in arranged]),
    )


def _arranged(pool: Pool, k: int, rules: ListRules) -> Arranged:
    free = fill(pool, k, rules)
    kept = _with_quotas(pool, free, k, rules)
    place, added = _in_order(pool, free, kept)
    return Arranged(place, added, _reasons(pool, free, kept, rules))


def _with_quotas(pool: Pool, free: Filled, k: int, rules: ListRules) -> Filled:
    """Exchange the lists that fall short of quotas for ones that fall less short, first at the cost of the lowest places only."""
    kept = free
    for early in (False, True) if rules.quotas else ():
        lacks = _lacks(pool, kept, rules.quotas)
        others = pool.shown & ~kept.listed()
        helpful = [(others & quota.items[pool.items]).any(axis=1) for quota in rules.quotas]
        users = np.flatnonzero(((lacks > 0) & helpful).any(axis=0))
        tried = fill(pool.at(users), k, rules, rules.quotas, early)
        better = _lacks(pool.at(users), tried, rules.quotas).sum(axis=0) < lacks[:, users].sum(axis=0)
        kept = kept.with_lists_of(users[better], tried.at(better))
    return kept


def _lacks(pool: Pool, filled: Filled, quotas: tuple[Quota, ...]) -> NDArray[np.intp]:
    """Count how many items each quota lacks in each list; (quotas, users)."""
    listed = filled.listed()
    return np.array([np.maximum(quota.least - (listed & quota.items[pool.items]).sum(axis=1), 0) for quota in quotas])


def _in_order(pool: Pool, free: Filled, kept: Filled) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the places in the pool, sorted by what is published, and what is added to the scores; (users, k) both."""
    order = np.argsort(-kept.value, axis=1, kind="stable")
    place = np.take_along_axis(kept.place, order, axis=1)
    value, penalty = (np.take_along_axis(part, order, axis=1) for part in (kept.value, kept.penalty))
    there = place >= 0
    scores = np.where(there, np.take_along_axis(pool.scores, place, axis=1), -np.inf)
    items = np.where(there, np.take_along_axis(pool.items, place, axis=1), -1)
    lifted = there & (free.value > value)
    added = np.where(lifted, np.subtract(free.value, scores, where=lifted, out=np.zeros(place.shape)), penalty)
    # Rounded, the sum may miss the score that it was lifted to by a hair; it is the sum that must not rise.
    order = np.lexsort((items, -(scores + added)), axis=1)
    return np.take_along_axis(place, order, axis=1), np.take_along_axis(added, order, axis=1)


def _reasons(pool: Pool, free: Filled, kept: Filled, rules: ListRules) -> NDArray[np.int8]:
    """Say of every candidate why it is absent; (users, pool). Later lines overrule earlier ones."""
    last, at = free.value[:, -1:], free.place[:, -1:]
    ahead = (pool.scores > last) | ((pool.scores == last) & (np.arange(pool.items.shape[1]) < at)) | (kept.place[:, -1:] < 0)
    absent = np.full(pool.items.shape, SCORED_LESS, np.int8)
    if rules.diversity is not None:
        absent[ahead] = rules.diversity.code
    if rules.quotas:
        gains = _lacks(pool, free, rules.quotas) > _lacks(pool, kept, rules.quotas)
        code = np.array([quota.code for quota in rules.quotas], np.int8)[gains.argmax(axis=0)][:, None]
        absent = np.where(ahead & (free.capped > 0) | free.listed(), code, absent)
    capped = ahead & (kept.capped > 0) & ~free.listed()
    absent = np.where(capped, kept.capped, absent)
    if rules.minimum is not None:
        absent[~pool.shown] = rules.minimum.code
    absent[kept.listed() | (pool.items < 0)] = -1
    return absent
