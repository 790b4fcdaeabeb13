"""Products of sparse matrices, faster than SciPy's own: on all threads, and without looking up first which entries meet."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.compute import side_by_side

LOTS = 16
"""Parts in which the rows of a matrix are multiplied."""

ENTRIES_AT_ONCE = 1 << 20
"""Entries that are added up in one go, of one row at least: what is gathered for them takes some megabytes a thread."""

FEW = 1 << 22
"""Multiplications that are done before threads are ready to share them."""


def product(matrix: sp.csr_matrix, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply (rows, columns) with (columns, width); the bytes are those of a single product."""
    if matrix.nnz * vectors.shape[1] <= FEW:
        return matrix @ vectors
    at_once = -(-matrix.shape[0] // LOTS)
    starts = range(0, matrix.shape[0], at_once)
    return np.concatenate(side_by_side(lambda start: matrix[start : start + at_once] @ vectors, starts))


def entries_met(weights: sp.csr_matrix, matrix: sp.csr_matrix) -> int:
    """Count the multiplications that the product of two sparse matrices takes."""
    return int(np.diff(matrix.indptr)[weights.indices].sum(dtype=np.int64))


def dense_product(weights: sp.csr_matrix, matrix: sp.csr_matrix) -> NDArray[np.float32]:
    """Multiply (rows, inner) with (inner, columns), both sparse, where the product holds few zeros; (rows, columns), dense."""
    n_rows = weights.shape[0]
    added = np.empty((n_rows, matrix.shape[1]), np.float32)
    at_once = max(1, ENTRIES_AT_ONCE * n_rows // max(1, entries_met(weights, matrix)))

    def add_up(start: int) -> None:
        some = weights[start : start + at_once]
        met = matrix[some.indices]
        # Likes count alike, mostly: to multiply by ones would take as long as to add up.
        values = met.data if (some.data == 1).all() else met.data * np.repeat(some.data, np.diff(met.indptr))
        # Entries of one row that fall on the same column are added up when they are spread out.
        spread = sp.csr_matrix((values, met.indices, met.indptr[some.indptr]), shape=(some.shape[0], matrix.shape[1]))
        spread.toarray(out=added[start : start + at_once])

    side_by_side(add_up, range(0, n_rows, at_once))
    return added


def compressed(dense: NDArray[np.floating]) -> sp.csr_matrix:
    """Return what is not zero; faster than SciPy, which looks at rows and columns first."""
    n_rows, n_columns = dense.shape
    found = np.flatnonzero(dense)
    ends = np.searchsorted(found, np.arange(n_rows + 1) * n_columns)
    column = found - np.repeat(np.arange(n_rows) * n_columns, np.diff(ends))
    return sp.csr_matrix((dense.ravel()[found], column.astype(np.int32), ends), shape=dense.shape)
