"""What a user had liked just before each of their likes."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.scorer import Interactions


def previous_likes(happened: Interactions, likes: sp.csr_matrix, last: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return the items of up to `last` likes before each entry of `likes`, newest first, -1 behind them; (entries, last).

    `likes` is what happened's positives are. Without times, others of the user's likes are drawn instead, each with equal chance: a mean
    over them is then a mean over all the user's other likes, which is what such a user is scored by.
    """
    n_likes = np.diff(likes.indptr)
    user = np.repeat(np.arange(likes.shape[0]), n_likes)
    first = np.repeat(likes.indptr[:-1], n_likes)
    found = np.full((likes.nnz, last), -1, np.int32)
    if not happened.ordered:
        others = n_likes[user] > 1
        turn = rng.integers(1, np.maximum(n_likes[user], 2)[:, None], size=found.shape)
        place = first[:, None] + (np.arange(likes.nnz)[:, None] - first[:, None] + turn) % n_likes[user][:, None]
        return np.where(others[:, None], likes.indices[place], -1).astype(np.int32)
    by_user, item, _ = happened.sequences()
    entry = first_entry(likes, by_user, item)
    for back in range(1, last + 1):
        same = by_user[back:] == by_user[:-back]
        found[entry[back:][same], back - 1] = item[:-back][same]
    return found


def first_entry(likes: sp.csr_matrix, user: NDArray[np.integer], item: NDArray[np.integer]) -> NDArray[np.intp]:
    """Find where pairs that are entries of `likes`, with sorted indices, stand among its entries."""
    stride = np.int64(likes.shape[1])
    keys = np.repeat(np.arange(likes.shape[0], dtype=np.int64), np.diff(likes.indptr)) * stride + likes.indices
    return np.searchsorted(keys, user.astype(np.int64) * stride + item)
