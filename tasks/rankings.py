"""Rank for the judged users in every way there is: each model alone, every cross-fitted blend, and a blend for everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.blend import Blend
from models.block_scores import Heard, Panel
from models.chosen import Ranker, best_unseen, published_scores
from models.fused_blend import FusedBlend, each_alone
from models.metrics import Metric, ranking_metrics
from models.scorer import Scorer
from models.voiced_blend import VoicedBlend
from models.voices import AS_THEY_ARE
from tasks.judging import Audience, heard_blocks, lots_of_halves

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

    `fresh` holds lists that may show what the users met since the served table was made, of the blend or, without it, of the models;
    `scores` (users, k) are what would be published with the lists, 0 behind the last item; `constant` (users,) marks the lists that have
    one score throughout.
    """

    lists: dict[str, list[NDArray[np.int32]]] = field(default_factory=dict)
    fresh: dict[str, list[NDArray[np.int32]]] = field(default_factory=dict)
    scores: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    constant: dict[str, list[NDArray[np.bool_]]] = field(default_factory=dict)

    def join(self, lot: Rankings) -> None:
        """Put the lists of further users behind those there are."""
        both = (self.lists, lot.lists), (self.fresh, lot.fresh), (self.scores, lot.scores), (self.constant, lot.constant)
        for ours, theirs in both:
            for name, parts in theirs.items():
                ours.setdefault(name, []).extend(parts)  # type: ignore[arg-type]

    def put_back(self, order: NDArray[np.intp]) -> None:
        """Bring the lists of users who were ranked in another order, (users,), back into their own."""
        back = np.argsort(order)
        for ranked in (self.lists, self.fresh):
            for name, parts in ranked.items():
                ranked[name] = [np.concatenate(parts)[back]]
        self.scores = {name: [np.concatenate(parts)[back]] for name, parts in self.scores.items()}
        self.constant = {name: [np.concatenate(parts)[back]] for name, parts in self.constant.items()}

    def per_user(self, targets: sp.csr_matrix, ks: Sequence[int]) -> PerUser:
        """Measure every ranking on every user; targets (users, items)."""
        ranked = {name: np.concatenate(parts) for name, parts in self.lists.items()}
        return {name: {k: ranking_metrics(items, targets, k) for k in ks} for name, items in ranked.items()}


def rank(
    judge: Judge, users: NDArray[np.intp], half: NDArray[np.int8], seen_then: sp.csr_matrix | None = None, *, newcomers: bool = False
) -> Rankings:
    """Rank for some users, of the given halves (users,); `newcomers` as if they had just joined.

    With what everybody had met when the served table was made, (users, items), lists barred from that are ranked too: of the published
    blend or, where it is not among those asked for, of every model.
    """
    rankings, audience, panel = Rankings(), judge.audience, Panel.of(judge.scorers)
    ways, seen = _ways(judge, panel), audience.seen
    half_of = np.zeros(audience.data.interactions.n_users, np.int8)
    half_of[users] = half
    order, lots = lots_of_halves(users, half, judge.at_once)

    def ranked(some: NDArray[np.intp], heard: Heard) -> Rankings:
        lot, met = Rankings(), seen[some]
        met_by_then = None if seen_then is None else met + seen_then[some]
        for way in ways:
            said, ranker = heard if way.model is None else heard.alone(way.model), way.rankers[half_of[some[0]]]
            chosen = best_unseen(ranker, said, met, judge.k)
            scores = published_scores(chosen.parts, ranker.blend.families)
            lot.lists[way.name], lot.scores[way.name] = [chosen.items], [scores]
            lot.constant[way.name] = [_constant(chosen.items, scores)]
            if met_by_then is not None and (way.name == BLEND or BLEND not in judge.blends):
                lot.fresh[way.name] = [best_unseen(ranker, said, met_by_then, judge.k).items]
        return lot

    for lot in heard_blocks(audience, panel, lots, ranked, newcomers=newcomers, room=judge.room):
        rankings.join(lot)
    rankings.put_back(order)
    return rankings


class _Way(NamedTuple):
    """A way to rank: by the blend for users of either half, or by one model alone, `model` being its place."""

    name: str
    model: int | None
    rankers: tuple[Ranker, Ranker]


def _ways(judge: Judge, panel: Panel) -> list[_Way]:
    """Return the ways to rank, the blends first."""
    recommendable, ways = judge.audience.recommendable, []
    if judge.blends:
        fused = FusedBlend(panel, next(iter(judge.blends.values()))[0], recommendable)
        ways = [_Way(name, None, of_halves(fused, blends, recommendable)) for name, blends in judge.blends.items()]
    alone = each_alone(panel, judge.audience.data.segments, recommendable) if judge.singly else []
    return ways + [_Way(ranker.blend.models[0], place, (ranker, ranker)) for place, ranker in enumerate(alone)]


def of_halves(fused: FusedBlend, blends: Sequence[Blend], recommendable: NDArray[np.bool_]) -> tuple[Ranker, Ranker]:
    """Return what ranks by the blend of either half, or by the only one there is; `fused` has the vectors that all of them share."""

    def by(blend: Blend) -> Ranker:
        return fused.blending(blend) if blend.voice == AS_THEY_ARE else VoicedBlend(fused.panel, blend, recommendable)

    return by(blends[0]), by(blends[-1])


def _constant(items: NDArray[np.int32], scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark lists of two items and more whose first and last score are the same; (block,)."""
    length = (items >= 0).sum(axis=1)
    last = scores[np.arange(len(scores)), np.maximum(length, 1) - 1]
    return (length > 1) & (scores[:, 0] == last)
