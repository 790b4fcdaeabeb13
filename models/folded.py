"""Fold a linear blend of dot-product models into one: one matrix product ranks what several models and their deviations would.

The standardised score of a dot product is itself one, up to a constant per user: the mean over items is the user's vector times the mean
item, and the variance is that vector's length under the covariance of the items. The constant ranks nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.block_scores import LEAST_SPREAD


def fold(
    factors: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return user and item vectors whose products rank every user's items like the weighted mean of standardised scores.

    factors hold, per model, users (block, width) and items (items, width); weights are (block, models). The results are (block, sum of
    widths) and (items, sum of widths). A model that scores all items of a user alike says nothing, and its weight counts for nothing.
    """
    users = [_standardised(user, item) * weights[:, [model]].astype(np.float32) for model, (user, item) in enumerate(factors)]
    centred = [item - item.mean(axis=0, dtype=np.float64).astype(np.float32) for _, item in factors]
    return np.concatenate(users, axis=1), np.concatenate(centred, axis=1)


def _standardised(users: NDArray[np.float32], items: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide users' vectors by the deviation of their scores over the items; zero where they have none."""
    exact = items.astype(np.float64)
    mean = exact.mean(axis=0)
    covariance = (exact - mean).T @ (exact - mean) / max(1, len(items))
    deviation = np.sqrt(np.maximum(np.einsum("ud,de,ue->u", users, covariance, users, dtype=np.float64), 0))
    told = deviation > LEAST_SPREAD * np.abs(users @ mean)
    return (users * np.divide(1, deviation, out=np.zeros_like(deviation), where=told)[:, None]).astype(np.float32)
