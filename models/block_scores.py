"""What several models say to a block of users, brought to one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.products import DotProduct, ItemVectors
from models.scorer import Scorer, UserBlock
from models.top_k import ScoreError

CELLS_AT_ONCE = 1 << 17
"""Scores standardised at a time, so that their float64 copy stays in cache."""

PAIRS_AT_ONCE = 1 << 10
"""Pairs of a user and an item whose vectors are brought together at a time, so that they stay in cache."""

LEAST_SPREAD = 4 * float(np.finfo(np.float32).eps)
"""Deviation, as a share of the mean, up to which scores differ by float32 rounding alone."""


class Said(NamedTuple):
    """What a model says to a block: vectors of the users (block, width), of a model that is a product, or scores (block, items).

    `mean` and `deviation` (block,) are those of its scores over the items it knows; `speaks` (block,) says to whom it has anything to say.
    """

    vectors: NDArray[np.float32] | None
    scores: NDArray[np.float32] | None
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    speaks: NDArray[np.bool_]

    def of(self, rows: NDArray[np.intp]) -> Said:
        """Return what it says to some users of the block."""
        return Said(*(None if part is None else part[rows] for part in self))  # type: ignore[arg-type]


@dataclass(frozen=True)
class BlockScores:
    """What some models say to a block of users.

    A model speaks to a user of an item where both `user_speaks` (models, block) and `item_speaks` (models, items) say so; elsewhere its
    `z`, (models, block, items) float32, is zero and means nothing. `deviation` (models, block) is what the scores were divided by.
    """

    z: NDArray[np.float32]
    deviation: NDArray[np.float32]
    user_speaks: NDArray[np.bool_]
    item_speaks: NDArray[np.bool_]

    def speaks(self, model: int) -> NDArray[np.bool_]:
        """Mark of which items a model speaks to which users; (block, items)."""
        return self.user_speaks[model][:, None] & self.item_speaks[model]


@dataclass(frozen=True, eq=False)
class Panel:
    """Models that are asked about the same users, block after block; what can be known of their items beforehand is worked out once.

    `item_speaks` (models, items) says what each knows, and `products` what those are made of that are products of vectors.
    """

    scorers: tuple[Scorer, ...]
    item_speaks: NDArray[np.bool_]
    products: tuple[tuple[DotProduct, ItemVectors] | None, ...]

    @classmethod
    def of(cls, scorers: Sequence[Scorer]) -> Self:
        """Seat some models, in their order."""
        products = ((scorer, ItemVectors.of(scorer)) if isinstance(scorer, DotProduct) else None for scorer in scorers)
        return cls(tuple(scorers), np.stack([scorer.knows_item for scorer in scorers]), tuple(products))

    def alone(self, model: int) -> Panel:
        """Return one of the models as a panel of its own."""
        just = slice(model, model + 1)
        return Panel(self.scorers[just], self.item_speaks[just], self.products[just])

    def hear(self, users: UserBlock) -> Heard:
        """Ask every model about a block of users; raises ScoreError, naming it, where one says what is no number."""
        return Heard(users, self, tuple(self._said(model, users) for model in range(len(self.scorers))))

    def _said(self, model: int, users: UserBlock) -> Said:
        scorer, product = self.scorers[model], self.products[model]
        if product:
            vectors, scores = product[0].user_factors(users), None
            mean, deviation = product[1].spread(vectors)
        else:
            vectors, scores = None, scorer.score(users)
            mean, deviation = spread(scores, self.item_speaks[model])
        if not np.isfinite(deviation).all():
            raise ScoreError(f"{scorer.name}: scores must be finite, found NaN or infinity")
        # One who gets the same score for everything is told nothing.
        speaks = scorer.knows_user(users) & (deviation > LEAST_SPREAD * np.abs(mean))
        return Said(vectors, scores, mean, deviation, speaks)


@dataclass(frozen=True, eq=False)
class Heard:
    """What a panel says to a block of users: asked once, whoever ranks by it."""

    users: UserBlock
    panel: Panel
    said: tuple[Said, ...]

    def alone(self, model: int) -> Heard:
        """Return what one of the models says."""
        return Heard(self.users, self.panel.alone(model), self.said[model : model + 1])

    def of(self, rows: NDArray[np.intp]) -> Heard:
        """Return what is said to some users of the block."""
        return Heard(self.users.of(rows), self.panel, tuple(one.of(rows) for one in self.said))

    def at(self, model: int, items: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return what a model says to each user of some items, (block, places), from the vectors of these alone; -1 stands for any item."""
        one, product = self.said[model], self.panel.products[model]
        if one.vectors is None or product is None:
            rows = np.arange(len(items))[:, None]
            return np.zeros(items.shape) if one.scores is None else one.scores[rows, items].astype(np.float64)
        found = np.empty(items.shape, np.float32)
        step = max(1, PAIRS_AT_ONCE // max(1, items.shape[1]))
        for start in range(0, len(items), step):
            some = slice(start, start + step)
            vectors = np.take(product[1].vectors, items[some], axis=0, mode="wrap")
            np.vecdot(vectors, one.vectors[some, None], out=found[some])
        return found.astype(np.float64)

    def standardised(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return what every model says to each user of some items, (block, places), on one scale; (models, block, places)."""
        z = np.zeros((len(self.said), *items.shape), np.float32)
        for model, one in enumerate(self.said):
            np.divide(self.at(model, items) - one.mean[:, None], one.deviation[:, None], out=z[model], where=one.speaks[:, None])
        return z

    @cached_property
    def speaks(self) -> NDArray[np.bool_]:
        """Mark which models speak to which users; (models, block)."""
        return np.stack([one.speaks for one in self.said])

    @cached_property
    def scores(self) -> BlockScores:
        """Return every model's scores of the whole catalogue, brought to one scale."""
        item_speaks = self.panel.item_speaks
        z = np.empty((len(self.said), len(self.users), item_speaks.shape[1]), np.float32)
        deviation = np.empty(z.shape[:2], np.float32)
        for model, (said, product) in enumerate(zip(self.said, self.panel.products, strict=True)):
            deviation[model] = said.deviation
            factor = np.divide(1, said.deviation, out=np.zeros(len(self.users)), where=said.speaks)
            shift = (factor * said.mean).astype(np.float32)[:, None]
            if said.vectors is not None and product:
                np.matmul((said.vectors * factor[:, None]).astype(np.float32), product[1].vectors.T, out=z[model])
            elif said.scores is not None:
                np.multiply(said.scores, factor.astype(np.float32)[:, None], out=z[model])
            z[model] -= shift
            if not item_speaks[model].all():
                z[model] *= item_speaks[model]
        return BlockScores(z, deviation, self.speaks, item_speaks)


def spread(scores: NDArray[np.float32], knows_item: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and deviation of each user's scores, (block, items), over the items a model knows; both (block,).

    Scores of items that it does not know are zero, as the contract says. Each row is added up by itself, so that nobody's scores depend on
    who else is in the block.
    """
    means, deviations = np.empty(len(scores)), np.empty(len(scores))
    n_known = max(1, np.count_nonzero(knows_item))
    step = max(1, CELLS_AT_ONCE // max(1, scores.shape[1]))
    for start in range(0, len(scores), step):
        rows = slice(start, start + step)
        exact = scores[rows].astype(np.float64)
        means[rows] = exact.sum(axis=1) / n_known
        deviations[rows] = np.sqrt(np.maximum(np.vecdot(exact, exact) / n_known - means[rows] ** 2, 0))
    return means, deviations
