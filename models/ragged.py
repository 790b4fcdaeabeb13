"""Rows of different lengths, one behind the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def place_in_row(n_entries: NDArray[np.integer]) -> NDArray[np.intp]:
    """Number the entries of each row from zero, given how many each row has, (rows,); (entries,)."""
    begin = np.cumsum(n_entries) - n_entries
    return np.arange(int(n_entries.sum())) - np.repeat(begin, n_entries)
