"""A sparse matrix times vectors on all threads: SciPy uses one."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.compute import side_by_side

LOTS = 16
"""Parts in which the rows of a matrix are multiplied."""

FEW = 1 << 22
"""Multiplications that are done before threads are ready to share them."""


def product(matrix: sp.csr_matrix, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply (rows, columns) with (columns, width); the bytes are those of a single product."""
    if matrix.nnz * vectors.shape[1] <= FEW:
        return matrix @ vectors
    at_once = -(-matrix.shape[0] // LOTS)
    starts = range(0, matrix.shape[0], at_once)
    return np.concatenate(side_by_side(lambda start: matrix[start : start + at_once] @ vectors, starts))
