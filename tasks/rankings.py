"""Rank for the judged users in every way there is: each model alone, every cross-fitted blend, and a blend for everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.blend import Blend
from models.chosen import allowed_items
from models.metrics import Metric, ranking_metrics
from models.scorer import Scorer
from models.top_k import top_k
from tasks.judging import Audience, ScoredBlock, even_lots, scored_blocks

BLEND = "blend"
"""The kind of blend that is published."""

PerUser = dict[str, dict[int, dict[Metric, NDArray[np.float64]]]]
"""Ranking -> list length -> metric -> one value per judged user."""


@dataclass(frozen=True)
class Judge:
    """What it takes to rank: who may be scored, the models, and how long the lists are.

    `blends` holds, per kind of blend, the one that judges users of half 0 and the one that judges those of half 1: each was taught by the
    other half. `singly` says whether each model is ranked by alone, too; `room` how many bytes the users scored at once may take.
    """

    audience: Audience
    scorers: Sequence[Scorer]
    blends: Mapping[str, Sequence[Blend]]
    k: int
    at_once: int
    singly: bool = True
    room: int | None = None


@dataclass
class Rankings:
    """Ranked lists of the judged users, per way of ranking, in lots of (users, k).

    `fresh` holds lists that may show what the users met since the served table was made, of the rankings that may be served tonight;
    `constant` (users,) marks the lists that have one score throughout.
    """

    lists: dict[str, list[NDArray[np.int32]]] = field(default_factory=dict)
    fresh: dict[str, list[NDArray[np.int32]]] = field(default_factory=dict)
    constant: dict[str, list[NDArray[np.bool_]]] = field(default_factory=dict)

    def join(self, lot: Rankings) -> None:
        """Put the lists of further users behind those there are."""
        for ours, theirs in ((self.lists, lot.lists), (self.fresh, lot.fresh), (self.constant, lot.constant)):
            for name, parts in theirs.items():
                ours.setdefault(name, []).extend(parts)  # type: ignore[arg-type]

    def put_back(self, order: NDArray[np.intp]) -> None:
        """Bring the lists of users who were ranked in another order, (users,), back into their own."""
        back = np.argsort(order)
        for ranked in (self.lists, self.fresh):
            for name, parts in ranked.items():
                ranked[name] = [np.concatenate(parts)[back]]
        self.constant = {name: [np.concatenate(parts)[back]] for name, parts in self.constant.items()}

    def per_user(self, targets: sp.csr_matrix, ks: Sequence[int]) -> PerUser:
        """Measure every ranking on every user; targets (users, items)."""
        ranked = {name: np.concatenate(parts) for name, parts in self.lists.items()}
        return {name: {k: ranking_metrics(items, targets, k) for k in ks} for name, items in ranked.items()}


def rank(
    judge: Judge, users: NDArray[np.intp], half: NDArray[np.int8], seen_then: sp.csr_matrix | None = None, *, newcomers: bool = False
) -> Rankings:
    """Rank for some users, of the given halves (users,); `newcomers` as if they had just joined.

    With what everybody had met when the served table was made, (users, items), lists barred from that are ranked too.
    """
    rankings, may_be_served = Rankings(), {BLEND, *(scorer.name for scorer in judge.scorers)}
    half_of = np.zeros(judge.audience.data.interactions.n_users, np.int8)
    half_of[users] = half
    # A lot is of one half and so judged by one blend: a lot of both would have to be taken apart, score by score.
    order = np.argsort(half, kind="stable")
    lots = [lot for some in np.split(users[order], [np.count_nonzero(half == 0)]) for lot in even_lots(some, judge.at_once)]

    def ranked(said: ScoredBlock) -> Rankings:
        lot = Rankings()
        segment, allowed = said.people.segment, said.allowed
        fresh = None if seen_then is None else allowed & allowed_items(seen_then[said.users], judge.audience.recommendable)
        for name, scores in _scored(judge, said, int(half_of[said.users[0]]), segment):
            items, best = top_k(np.where(allowed, scores, np.float32(-np.inf)), judge.k)
            lot.lists[name], lot.constant[name] = [items], [_constant(items, best)]
            if fresh is not None and name in may_be_served:
                lot.fresh[name] = [top_k(np.where(fresh, scores, np.float32(-np.inf)), judge.k)[0]]
        return lot

    for lot in scored_blocks(judge.audience, judge.scorers, lots, ranked, newcomers=newcomers, room=judge.room):
        rankings.join(lot)
    rankings.put_back(order)
    return rankings


def _scored(judge: Judge, said: ScoredBlock, half: int, segment: NDArray[np.int16]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield every ranking's name and its scores of a block, one at a time; (block, items), -inf where nothing is said."""
    for name, blends in judge.blends.items():
        yield name, blends[half].scores(blends[half].heard(said.scores, said.allowed), segment)
    for place, scorer in enumerate(judge.scorers if judge.singly else ()):
        yield scorer.name, np.where(said.scores.speaks(place), said.scores.z[place], np.float32(-np.inf))


def _constant(items: NDArray[np.int32], best: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark lists of two items and more whose first and last score are the same; (block,)."""
    length = (items >= 0).sum(axis=1)
    last = best[np.arange(len(best)), np.maximum(length, 1) - 1]
    return (length > 1) & (best[:, 0] == last)
