"""Where items lie among the tastes of users, told from their features alone."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve


def taste_vectors(
    features: sp.csr_matrix, axes: NDArray[np.float32], is_liked: NDArray[np.bool_], reg: float, max_columns: int
) -> NDArray[np.float32]:
    """Place every item by its features (items, columns) among axes of taste, on which liked items have their place; (items, size) both.

    Where liked items lie is explained by their features in a ridge regression with an intercept, which then places all items, liked or
    not (as Gantner et al. 2010 map attributes to factors). Of more than `max_columns` columns those of the greatest sum of squares are
    read.
    """
    liked = features[is_liked]
    weight = np.asarray(liked.multiply(liked).sum(axis=0), np.float64).ravel()
    kept = np.sort(np.lexsort((np.arange(len(weight)), -weight))[:max_columns])
    explaining = _with_intercept(features[:, kept])
    known = explaining[is_liked].astype(np.float64)
    gram = (known.T @ known).toarray()
    gram.flat[:: len(gram) + 1] += reg
    placed = cho_solve(cho_factor(gram, lower=True, overwrite_a=True), known.T @ axes[is_liked])
    return explaining @ placed.astype(np.float32)


def _with_intercept(columns: sp.csr_matrix) -> sp.csr_matrix:
    return sp.hstack([columns, sp.csr_matrix(np.ones((columns.shape[0], 1), np.float32))], format="csr", dtype=np.float32)
