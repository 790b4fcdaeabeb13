"""Choose lists that keep all policies: limits decide who may be shown what, list rules what may stand together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.block_scores import Heard
from models.chosen import Chosen, Ranker, Reach, ranking
from models.fused_blend import FusedBlend
from models.policies.arrange import arrange
from models.policies.limits import Limits
from models.policies.list_rules import ListRules

CANDIDATES = 3
"""Times the length of a list that the best of everything are told of, and that is looked at first where lists have rules to keep."""

DEEPER = 4
"""Times as many are looked at next for users whose lists the rules leave short."""

CELLS_AT_ONCE = 1 << 22
"""Candidates of such users that are arranged together: to the last of them that is the catalogue, many times over."""


@dataclass(frozen=True)
class Choice:
    """The lists of a block, what was within reach of them, and for each of that the code of why it is not recommended; (block, most)."""

    chosen: Chosen
    reach: Reach
    codes: NDArray[np.int8]


class Chooser:
    """Chooses lists of `k` by what a ranker says, under the rules for lists.

    Items that a quota asks for may stand far down: beside the best of everything the best of these are looked at.
    """

    def __init__(self, ranker: Ranker, rules: ListRules, k: int) -> None:
        self.ranker, self.rules, self.k = ranker, rules, k
        # A blend of probabilities or ranks has no score of an item by itself: there a quota finds what is among the best.
        self.of_quotas: list[tuple[int, Ranker]] = []
        if isinstance(ranker, FusedBlend):
            self.of_quotas += [(quota.least, ranker.among(quota.items)) for quota in rules.quotas]

    def choose(self, heard: Heard, limits: Limits, n_all: int = 0) -> Choice:
        """Choose the k best items of each user that limits and rules allow, with the `n_all` best of everything within reach."""
        depth = CANDIDATES * self.k if self.rules else self.k
        reach = self.ranker.reach(heard, limits, depth, n_all)
        if not self.rules or not reach.items.shape[1]:
            return Choice(reach.best(self.ranker.blend.families, self.k), reach, reach.codes)
        first = self._arranged(reach, heard, limits, depth)
        chosen, codes = first.chosen, _told_of(reach.items, reach.codes, first)
        longest = self._longest_list(limits)
        rows = first.short(longest)
        while len(rows) and depth < len(self.ranker.panel.item_speaks[0]):
            depth, still = DEEPER * depth, []
            for some in np.array_split(rows, -(-len(rows) * depth // CELLS_AT_ONCE)):
                theirs = heard.of(some), limits.of(some)
                deeper = self._arranged(self.ranker.reach(*theirs, depth), *theirs, depth)
                for ours, found in zip(_lists(chosen), _lists(deeper.chosen), strict=True):
                    ours[..., some, :] = found
                codes[some] = _told_of(reach.items[some], reach.codes[some], deeper)
                still.append(some[deeper.short(longest)])
            rows = np.concatenate(still)
        return Choice(chosen, reach, codes)

    def _arranged(self, reach: Reach, heard: Heard, limits: Limits, depth: int) -> _Arranged:
        """Choose from the `depth` best within reach that limits allow."""
        segment, minimum = heard.users.segment, self.rules.minimum
        items, scores = _best_allowed(reach, depth)
        goes_on = (items[:, -1] >= 0) & (items.shape[1] == depth)
        if minimum is not None:  # behind what misses it there are only others that do
            goes_on &= scores[:, -1] >= minimum.score[segment]
        pool, pool_scores = self._with_quotas(heard, limits, items, scores)
        found = arrange(pool, pool_scores, segment, self.k, self.rules)
        listed = np.where(found.place >= 0, np.take_along_axis(pool, found.place, axis=1), -1)
        return _Arranged(reach.ordered(listed, self.ranker.blend.families, self.k, found.added), pool, found.absent, goes_on)

    def _longest_list(self, limits: Limits) -> int:
        """Return how long a list can be at most, whoever it is for: caps may have room for fewer than k items."""
        n_items = len(self.ranker.panel.item_speaks[0])
        allowed = np.ones(n_items, np.bool_) if limits.closed is None else limits.closed == 0
        return min([self.k, *(cap.longest(allowed) for cap in self.rules.caps)])

    def _with_quotas(
        self, heard: Heard, limits: Limits, items: NDArray[np.int32], scores: NDArray[np.float64]
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Put the best of what quotas ask for beside the best of everything; both (block, pool), sorted by score, then item."""
        for least, ranker in self.of_quotas:
            more, more_scores = _best_allowed(ranker.reach(heard, limits, least), least)
            known = (more[:, :, None] == items[:, None, :]).any(axis=2) | (more < 0)
            items = np.hstack([items, np.where(known, -1, more)])
            scores = np.hstack([scores, np.where(known, -np.inf, more_scores)])
        order = ranking(scores, items)
        return np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)


@dataclass(frozen=True)
class _Arranged:
    """Lists that were chosen from a pool, (block, pool), and what became of its items; `goes_on` marks who has more to choose from."""

    chosen: Chosen
    pool: NDArray[np.int32]
    absent: NDArray[np.int8]
    goes_on: NDArray[np.bool_]

    def short(self, longest: int) -> NDArray[np.intp]:
        """Return the users whose lists are shorter than they could be, as far as anybody knows."""
        return np.flatnonzero(self.goes_on & ((self.chosen.items >= 0).sum(axis=1) < longest))


def _best_allowed(reach: Reach, most: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the best items that nothing bars, and their scores; (block, most or fewer)."""
    allowed = (reach.codes == 0) & (reach.items >= 0)
    scores = np.where(allowed, reach.scores, -np.inf).astype(np.float64)
    items = np.where(allowed, reach.items, -1)
    order = ranking(scores, items)[:, :most]
    return np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _told_of(items: NDArray[np.int32], codes: NDArray[np.int8], arranged: _Arranged) -> NDArray[np.int8]:
    """Return the codes of items, (block, items), those that no limit bars as the lists say that were made last."""
    stride = int(max(items.max(initial=-1), arranged.pool.max(initial=-1))) + 2
    # Users side by side, each with a stride of numbers for items, -1 included: one sorted row holds all pools.
    first = np.arange(len(items))[:, None] * stride + 1
    known = (first + arranged.pool).ravel()
    order = np.argsort(known)
    wanted = first + items
    at = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)]
    met = (known[at] == wanted) & (items >= 0) & (codes == 0)
    return np.where(met, np.maximum(arranged.absent.ravel()[at], 0), codes).astype(np.int8)


def _lists(chosen: Chosen) -> tuple[NDArray[np.generic], ...]:
    return chosen.items, chosen.parts, chosen.policy
