"""As many users as are needed, where a model only wants to know what tastes there are."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


def some_users(likes: sp.csr_matrix, at_most: int, rng: np.random.Generator) -> sp.csr_matrix:
    """Keep the rows of users drawn by chance until they have so many likes, (users, items); all rows where there are no more likes."""
    if likes.nnz <= at_most:
        return likes
    drawn = rng.permutation(likes.shape[0])
    n_kept = np.searchsorted(np.cumsum(np.diff(likes.indptr)[drawn]), at_most, side="right")
    return likes[np.sort(drawn[: max(1, n_kept)])]
