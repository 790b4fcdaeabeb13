"""Short vectors that say how much items resemble each other by their descriptions."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.directions import unit_rows

WIDTH = 64
"""Numbers of a vector: lists are compared item by item, for everybody."""

MOST_COLUMNS = 1024
"""Feature columns that are read, those with the greatest sum of squares: the time to shorten them grows with their cube."""


def likeness_vectors(features: sp.csr_matrix, width: int = WIDTH, most_columns: int = MOST_COLUMNS) -> NDArray[np.float32]:
    """Shorten feature columns to vectors of length 1 whose products come near the cosines of the rows, (items, width at most), float32.

    Rows are laid along the directions in which most of them lie: the leading eigenvectors of what columns share. Where there are no more
    than `width` columns they stay as they are. An item without any of the columns that are read has zeros.
    """
    if features.shape[1] == 0:
        return np.zeros((features.shape[0], 1), np.float32)
    unit = _unit_rows(features.astype(np.float64))
    weight = np.asarray(unit.multiply(unit).sum(axis=0)).ravel()
    kept = np.sort(np.lexsort((np.arange(len(weight)), -weight))[:most_columns])
    unit = _unit_rows(unit[:, kept])
    if len(kept) <= width:
        return np.ascontiguousarray(unit.toarray(), np.float32)
    _, directions = np.linalg.eigh((unit.T @ unit).toarray())
    return unit_rows(np.ascontiguousarray(unit @ directions[:, ::-1][:, :width], np.float32))


def _unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return (sp.diags(np.divide(1, length, out=np.zeros_like(length), where=length > 0)) @ matrix).tocsr()
