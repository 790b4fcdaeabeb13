"""Items that a user does not like, drawn evenly and exactly: no draw is ever a known positive, and none has to be repeated."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


class Negatives:
    """Draw from the items that users have not liked; `likes` is (users, items) with sorted indices."""

    def __init__(self, likes: sp.csr_matrix) -> None:
        n_likes = np.diff(likes.indptr)
        self._start = likes.indptr[:-1].astype(np.int64)
        self._stride = likes.shape[1] + 1
        self.n_left: NDArray[np.int64] = likes.shape[1] - n_likes.astype(np.int64)
        """Items each user has not liked; (users,)."""
        user = np.repeat(np.arange(likes.shape[0], dtype=np.int64), n_likes)
        below = likes.indices - (np.arange(likes.nnz) - np.repeat(self._start, n_likes))
        self._left_below = user * self._stride + below

    def draw(self, user: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.int32]:
        """Draw one item for each user, any shape; users who like everything have no negatives and must not be asked for.

        The n-th item that a user does not like is n plus the number of likes that stand before it: those with at most n unliked items
        below them. Counting them is one binary search.
        """
        user = user.astype(np.int64)
        nth = rng.integers(0, self.n_left[user])
        liked_before = np.searchsorted(self._left_below, user * self._stride + nth, side="right") - self._start[user]
        return (nth + liked_before).astype(np.int32)
