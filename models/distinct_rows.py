"""The rows of a table that a batch holds, each once: what a sparse step of training reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class DistinctRows(NamedTuple):
    """`rows` (size,) are the distinct rows in order, the padding row behind them; `place` says for each number where its row stands."""

    rows: NDArray[np.int32]
    place: NDArray[np.int32]


def distinct_rows(numbers: NDArray[np.integer], n_rows: int) -> DistinctRows:
    """Find the distinct rows among `numbers`, of any shape, below n_rows; the padding row is number n_rows.

    The size depends on the shape alone, so that a compiled step serves all batches of a shape.
    """
    found, place = np.unique(numbers, return_inverse=True)
    rows = np.full(min(numbers.size, n_rows + 1), n_rows, np.int32)
    rows[: len(found)] = found
    return DistinctRows(rows, place.reshape(numbers.shape).astype(np.int32))
