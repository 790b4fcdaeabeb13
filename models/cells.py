"""Cells of items whose vectors lie close together, so that a search may look into a few of them instead of everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.blend import Blend
from models.products import DotProduct
from models.scorer import Scorer

ROUNDS = 6
"""Times the middles of the cells move: they hardly do any more."""

DRAWN_PER_CELL = 48
"""Items drawn for each cell to find its middle by; all others only join the nearest."""

ITEMS_AT_ONCE = 1 << 11
"""Items compared with all middles at a time."""


CELLS_PER_ROOT = 2
"""Cells for each unit of the root of the catalogue's size: finding the best cells then takes about as long as looking into them."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Which cell each item is in, `of_item` (items,), -1 for none, and the `middles` of the cells, (cells, width)."""

    of_item: NDArray[np.intp]
    middles: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[np.float32], seed: int) -> Self:
        """Deal items out by the vector each has, (items, width); who has none, zero, is in no cell.

        K-means (Lloyd 1982) on items drawn by the seed, started from some of these; all others join the nearest cell.
        """
        known = np.flatnonzero(vectors.any(axis=1))
        of_item = np.full(len(vectors), -1)
        if not len(known):
            return cls(of_item, np.zeros((0, vectors.shape[1]), np.float32))
        rng, n_cells = np.random.default_rng(seed), max(1, int(CELLS_PER_ROOT * np.sqrt(len(known))))
        drawn = vectors[np.sort(rng.choice(known, min(len(known), n_cells * DRAWN_PER_CELL), replace=False))]
        middles = drawn[np.sort(rng.choice(len(drawn), min(len(drawn), n_cells), replace=False))]
        for _ in range(ROUNDS):
            middles = middle_of(drawn, nearest(drawn, middles), middles)
        of_item[known] = nearest(vectors[known], middles)
        return cls(of_item, middles)

    def members(self) -> list[NDArray[np.intp]]:
        """Return the items of each cell, ascending."""
        order = np.argsort(self.of_item, kind="stable")
        return np.split(order, np.searchsorted(self.of_item[order], np.arange(len(self.middles) + 1)))[1:-1]

    def around(self, cell: int, n: int) -> NDArray[np.intp]:
        """Return the cells whose middles are nearest to that of one, itself first."""
        distance = np.square(self.middles - self.middles[cell]).sum(axis=1)
        distance[cell] = -1
        return np.argsort(distance, kind="stable")[:n]


def cells_of_catalogue(scorers: Sequence[Scorer], blend: Blend, seed: int) -> Cells | None:
    """Deal the catalogue out by what the models that are products of vectors, the heavier the more, say of each item.

    Items that none of them knows are in no cell; None where there is no such model.
    """
    parts = [
        _of_length_one(scorer.item_factors, scorer.knows_item) * np.float32(weight)
        for scorer, weight in zip(scorers, blend.weights.mean(axis=0), strict=True)
        if isinstance(scorer, DotProduct)
    ]
    return Cells.of(np.column_stack(parts), seed) if parts else None


def _of_length_one(vectors: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Bring vectors to a mean square length of one over the known items."""
    square = float(np.vecdot(vectors, vectors)[known].mean()) if known.any() else 0.0
    return vectors / np.float32(np.sqrt(square)) if square > 0 else np.zeros_like(vectors)


def nearest(vectors: NDArray[np.float32], middles: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return which of the middles, (cells, width), each vector is nearest to, the first of equally near ones; (items,)."""
    half = np.vecdot(middles, middles) / 2
    found = np.empty(len(vectors), np.intp)
    for start in range(0, len(vectors), ITEMS_AT_ONCE):
        closeness = vectors[start : start + ITEMS_AT_ONCE] @ middles.T
        closeness -= half
        found[start : start + ITEMS_AT_ONCE] = closeness.argmax(axis=1)
    return found


def middle_of(vectors: NDArray[np.float32], cell: NDArray[np.intp], otherwise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean vector of each cell, that of `otherwise`, (cells, width), where a cell is empty."""
    count = np.bincount(cell, minlength=len(otherwise))
    members = sp.csr_matrix((np.ones(len(cell), np.float32), (cell, np.arange(len(cell)))), shape=(len(otherwise), len(cell)))
    return np.where(count[:, None] > 0, (members @ vectors) / np.maximum(count, 1)[:, None], otherwise).astype(np.float32)
