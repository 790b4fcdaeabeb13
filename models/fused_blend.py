"""Rank by a blend of standardised scores without standardising a score.

The blended score of an item is, but for a constant of the user and the few groups of items that the same models speak of, a weighted sum
of the models' scores. Most models are products of vectors, so their weighted sum is one product of longer vectors. It is computed in
float32 and only has to say which items may be among the k best, under a bound of its error; these few are then scored anew, model by model.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.bars import Bars
from models.blend import Blend, item_groups
from models.block_scores import Heard, Panel, Said
from models.cell_search import CellSearch
from models.chosen import Reach, fitting
from models.policies.limits import Boosts, Limits
from models.ragged import padded
from models.rough_scores import RoughScores, float32_error
from models.tiles import SAMPLED, reached
from models.top_k import ScoreError

MOST = 1e38
"""Sums below it are far from what float32 cannot hold."""

TILED_AT_ONCE = 1024
"""Users of a block whose scores are looked at tile by tile: enough for what is done once a block to weigh little."""

SEARCHED_AT_ONCE = 2048
"""Users of a block that is searched: enough for a cell to be of interest to a few of them."""

IN_CACHE = 256
"""Users of a block some of whose scores stand in memory: more of these leave the cache before they are looked at again."""

SUMMED_AT_ONCE = 8
"""Users whose scores by several models are added up at a time, so that the terms stay in cache."""


class FusedBlend:
    """Ranks by a blend whose terms are standardised scores; see `models.blend` for what is added up, and `best` for how exactly."""

    def __init__(
        self,
        panel: Panel,
        blend: Blend,
        recommendable: NDArray[np.bool_],
        cell: NDArray[np.intp] | None = None,
        boosts: Boosts | None = None,
    ) -> None:
        """Put items that the same models speak of side by side, and among these those of the same `cell`, (items,), where that is given.

        The limits of all blocks bear the same `boosts`, of their users.
        """
        self.panel, self.blend, self.boosts = panel, blend, boosts
        items = np.flatnonzero(recommendable)
        first, group = item_groups(self.panel.item_speaks[:, items])
        of_cell = np.zeros(len(items), np.intp) if cell is None else cell[items]
        order = np.lexsort((of_cell, group))
        self.columns, self.cells = items[order], of_cell[order]
        self.search: CellSearch | None = None
        self.bounds = np.r_[0, np.cumsum(np.bincount(group, minlength=len(first)))]
        self.group_speaks = self.panel.item_speaks[:, items[first]]
        self.in_place = np.array_equal(self.columns, np.arange(len(recommendable)))
        self.place = np.full(len(recommendable), -1, np.intp)
        self.place[self.columns] = np.arange(len(self.columns))
        # One more column for each group carries what is subtracted for the users' means.
        groups = np.repeat(np.eye(len(first), dtype=np.float32), np.diff(self.bounds), axis=0)
        stacked = [product[1].vectors[self.columns] for product in self.panel.products if product]
        boosted = [] if boosts is None else [groups * boosts.items[self.columns, rule, None] for rule in range(boosts.items.shape[1])]
        self.stacked = np.ascontiguousarray(np.column_stack([*stacked, *boosted, groups]))
        self.longest = float(np.sqrt(np.vecdot(self.stacked, self.stacked).max(initial=0)))

    def users_at_once(self, most_scores: int) -> int:
        """Count the scores of models that are no products, which stand in memory, of the sample and of cells that are searched."""
        told = sum(product is None for product in self.panel.products)
        held = len(self.place) * (told + 2) if told else 0
        if self.search is not None:
            return fitting(most_scores, held + 2 * self.search.scores_of_user, SEARCHED_AT_ONCE)
        return fitting(most_scores, held + len(self.place) // SAMPLED, IN_CACHE if told else TILED_AT_ONCE)

    def search_of(self, probes: int) -> CellSearch:
        """Return a search that looks into so many cells for each user."""
        return CellSearch(self.stacked, self.cells, self.bounds, probes)

    def blending(self, blend: Blend) -> Self:
        """Return what ranks the same items by another blend of the same models."""
        ranker = copy.copy(self)
        ranker.blend = blend
        return ranker

    def among(self, items: NDArray[np.bool_]) -> FusedBlend:
        """Return what ranks only some of the items, marked in (items,), with the same scores."""
        return FusedBlend(self.panel, self.blend, items & (self.place >= 0), boosts=self.boosts)

    def searching(self, search: CellSearch) -> Self:
        """Return the same blend that looks only where a search does."""
        ranker = copy.copy(self)
        ranker.search = search
        return ranker

    def reach(self, heard: Heard, limits: Limits, k: int, n_all: int = 0) -> Reach:
        """Find what may be among the k best items of each user that limits allow, and the `n_all` best whatever they allow.

        It is found with float32 sums whose error is bounded; the published score of an item is computed from its own vectors alone, so
        that no list depends on who else is in the block but for how BLAS rounds what models say to it.
        """
        said, n_users = heard.said, len(heard.users)
        weights = np.where(heard.speaks.T, self.blend.weights[heard.users.segment], 0)
        counted = self.blend.counted(weights, self.group_speaks)
        scale = np.zeros(weights.T.shape)
        for model, one in enumerate(said):
            np.divide(weights[:, model], one.deviation, out=scale[model], where=one.speaks)

        def parts_of(items: NDArray[np.int32]) -> NDArray[np.float64]:
            return self._exact(heard, scale, counted, items)

        if not len(self.columns):
            nothing = np.zeros((n_users, 0))
            return Reach(nothing.astype(np.int32), nothing.astype(np.float32), nothing.astype(np.int8), limits, parts_of, heard.speaks)
        rough = self._rough(said, scale, counted, limits)
        found = reached(rough, k, n_all) if self.search is None else self.search.reached(rough, k, n_all)
        items = padded(found.row, self.columns[found.place].astype(np.int32), n_users, -1)
        scores, codes = padded(found.row, found.score, n_users, -np.inf), padded(found.row, found.code, n_users, 0)
        return Reach(items, scores, codes, limits, parts_of, heard.speaks)

    def _rough(self, said: Sequence[Said], scale: NDArray[np.float64], counted: NDArray[np.float64], limits: Limits) -> RoughScores:
        """Return float32 scores of the columns, and how far from the exact ones they can be.

        scale (models, block) is the weight of each model over its deviation, zero where it does not speak. Raises ScoreError where the
        scores could be beyond what float32 holds.
        """
        vectors = [scale[model][:, None] * one.vectors for model, one in enumerate(said) if one.vectors is not None]
        if limits.boosts is not None:
            # What is boosted is not divided by what is counted, group by group.
            heard = np.where(np.isfinite(counted), counted, 0)
            vectors += [heard * by[:, None] for by in limits.boosts.users.T]
        taken_off = np.stack([factor * one.mean for factor, one in zip(scale, said, strict=True)], axis=1) @ self.group_speaks
        of_users, share = np.column_stack([*vectors, -taken_off]), 1 / counted
        sums = self._summed_scores(said, scale)
        alone = len(self.bounds) == 2 and sums is None and bool(share.all())
        if alone:  # the division by what is counted is part of the product
            of_users *= share
        largest = share.max(axis=1, initial=0)
        length = np.sqrt(np.vecdot(of_users, of_users)) * (1 if alone else largest)
        error, furthest = self._error(said, scale, largest, length)
        if not np.all((furthest < MOST) & (np.abs(of_users).max(axis=1, initial=0) < MOST)):
            raise ScoreError("the blended scores are not finite")
        return RoughScores(
            of_users.astype(np.float32),
            self.stacked,
            sums,
            np.ones(share.shape, np.float32) if alone else share.astype(np.float32),
            self.bounds,
            Bars.of_limits(limits, self.columns, self.place),
            error.astype(np.float32),
        )

    def _summed_scores(self, said: Sequence[Said], scale: NDArray[np.float64]) -> NDArray[np.float32] | None:
        """Add up the scaled scores of the models that are no products; (block, columns), None where all are."""
        terms = [(one.scores, of.astype(np.float32)) for one, of in zip(said, scale, strict=True) if one.scores is not None]
        if not terms:
            return None
        (first, of_first), *others = terms
        total = np.empty((scale.shape[1], len(self.columns)), np.float32)
        for start in range(0, len(total), SUMMED_AT_ONCE):
            rows = slice(start, start + SUMMED_AT_ONCE)
            summed = np.multiply(first[rows], of_first[rows, None], out=total[rows] if self.in_place else None)
            for scores, factor in others:
                summed += scores[rows] * factor[rows, None]
            if not self.in_place:
                np.take(summed, self.columns, axis=1, out=total[rows], mode="clip")  # without it NumPy takes, then copies
        return total

    def _error(
        self, said: Sequence[Said], scale: NDArray[np.float64], share: NDArray[np.float64], length: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bound by how much rough and exact scores may differ, and how far from zero a sum can get on its way; both (block,).

        A float32 sum of n products errs by at most n units of the product of both lengths. No score lies further from its mean than the
        root of the catalogue's size times the deviation.
        """
        furthest = np.asarray(length * self.longest)
        error = float32_error(self.stacked.shape[1], furthest)
        spread = np.sqrt(len(self.place))
        for one, factor in zip(said, scale, strict=True):
            if one.scores is not None:
                most = factor * share * (np.abs(one.mean) + spread * one.deviation)
                error, furthest = error + float32_error(len(said), most), furthest + most
        return 2 * error, furthest

    def _exact(
        self, heard: Heard, scale: NDArray[np.float64], counted: NDArray[np.float64], items: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """Return what each model adds to the scores of some items of each user, pair by pair; (models, block, places)."""
        parts = np.full((len(heard.said), *items.shape), np.nan)
        if not len(self.columns):
            return parts
        alone, place = len(self.bounds) == 2, self.place[items]
        group = np.zeros((1, 1), np.intp) if alone else np.searchsorted(self.bounds, place, side="right") - 1
        share = 1 / (counted if alone else np.take_along_axis(counted, group, axis=1))
        for model, one in enumerate(heard.said):
            standard = heard.at(model, items) - one.mean[:, None]
            speaks = (items >= 0) & one.speaks[:, None] & self.group_speaks[model][group]
            np.multiply(standard, share * scale[model][:, None], out=parts[model], where=speaks)
        return parts


def each_alone(panel: Panel, segments: tuple[str, ...], recommendable: NDArray[np.bool_]) -> list[FusedBlend]:
    """Return what ranks by each model of a panel alone, in its order."""
    rankers = []
    for place, scorer in enumerate(panel.scorers):
        itself = Blend((scorer.name,), (scorer.family,), segments, np.ones((len(segments), 1)))
        rankers.append(FusedBlend(panel.alone(place), itself, recommendable))
    return rankers
