"""Arrays and matrices by item, brought to another numbering of the items; what new items would have is nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def moved_rows(rows: NDArray[Any], then: NDArray[np.intp]) -> NDArray[Any]:
    """Return each item's row, (items, ...), by its number so far; zero for those whose `then`, (items,), is -1."""
    moved = np.zeros((len(then), *rows.shape[1:]), rows.dtype)
    stays = then >= 0
    moved[stays] = rows[then[stays]]
    return moved


def moved_pairs(matrix: sp.csr_matrix, then: NDArray[np.intp]) -> sp.csr_matrix:
    """Return an (items, items) matrix with both its rows and columns moved; entries of items that have left are dropped."""
    now = np.full(matrix.shape[0], -1, np.intp)
    now[then[then >= 0]] = np.flatnonzero(then >= 0)
    entries = matrix.tocoo()
    row, column = now[entries.row], now[entries.col]
    stays = (row >= 0) & (column >= 0)
    moved = sp.csr_matrix((entries.data[stays], (row[stays], column[stays])), shape=(len(then), len(then)))
    moved.sort_indices()
    return moved
