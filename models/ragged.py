"""Rows of different lengths, one behind the other."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)


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


def padded(row: NDArray[np.intp], values: NDArray[Number], n_rows: int, fill: float, least: int = 0) -> NDArray[Number]:
    """Put the values of each row, rows ascending, into a row of a matrix at least so wide, filled up behind the last."""
    count = np.bincount(row, minlength=n_rows)
    matrix = np.full((n_rows, max(least, count.max(initial=0))), fill, values.dtype)
    matrix[row, place_in_row(count)] = values
    return matrix
