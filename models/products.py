"""Scores that are products of vectors: how they are spread over the catalogue is known before a single one is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.scorer import UserBlock


@runtime_checkable
class DotProduct(Protocol):
    """What a scorer has, beside its contract, whose `score(users)` is `user_factors(users)` times `item_factors` transposed."""

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items the model knows; (items,)."""
        ...

    @property
    def item_factors(self) -> NDArray[np.float32]:
        """Return a vector for each item, zero for items the model does not know; (items, width)."""
        ...

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Return a vector for each user, zero for users the model does not know; (block, width)."""
        ...


@dataclass(frozen=True)
class ItemVectors:
    """The items' side of a product: `vectors` (items, width).

    `mean` (width,) and `covariance` (width, width) are those of the items that the model knows.
    """

    vectors: NDArray[np.float32]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def of(cls, scorer: DotProduct) -> Self:
        """Take them from a scorer."""
        vectors = np.ascontiguousarray(scorer.item_factors, np.float32)
        known = vectors[scorer.knows_item].astype(np.float64)
        mean = known.sum(axis=0) / max(1, len(known))
        centred = known - mean
        return cls(vectors, mean, centred.T @ centred / max(1, len(known)))

    def spread(self, users: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and deviation of the scores that users (block, width) have over the known items; both (block,)."""
        exact = users.astype(np.float64)
        variance = np.vecdot(exact @ self.covariance, exact)
        return exact @ self.mean, np.sqrt(np.maximum(variance, 0))
