"""Rows of different lengths, one behind the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def place_in_row(n_entries: NDArray[np.integer]) -> NDArray[np.intp]:
    """Number the entries of each row from zero, given how many each row has, (rows,); (entries,)."""
    begin = np.cumsum(n_entries) - n_entries
    return np.arange(int(n_entries.sum())) - np.repeat(begin, n_entries)


WIDTHS = np.unique(np.ceil(2 ** np.arange(0, 31, 0.25))).astype(np.intp)
"""Rows are padded to these numbers of entries, at most a fifth more than they have, so that rows of similar length stack."""


def padded_places(indptr: NDArray[np.integer], rows: NDArray[np.intp], width: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the places of the entries of some rows that begin at `indptr`, and which of them are there; (rows, width) both.

    A place behind the end of its row is the first one of all.
    """
    present = np.arange(width) < (indptr[rows + 1] - indptr[rows])[:, None]
    return np.where(present, indptr[rows][:, None] + np.arange(width), 0), present
