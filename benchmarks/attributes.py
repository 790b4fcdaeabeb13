"""Item attributes as a rival may use them: one column per category, word or range of numbers that at least two items share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

RANGES = 10
"""Ranges of about equally many items that a number falls into."""

FEWEST = 2
MOST = 4000
"""Columns at most, the commonest: a rival pays for each of them in every step."""


def columns(items: pd.DataFrame, item_ids: NDArray[np.generic]) -> sp.csr_matrix:
    """Describe the items of a catalogue, in its order; (items, columns), ones; titles are left out."""
    aligned = items.drop(columns="title", errors="ignore").set_index("item_id").reindex(item_ids)
    rows: list[int] = []
    names: list[str] = []
    for name in aligned:
        values = aligned[name]
        if pd.api.types.is_numeric_dtype(values):
            values = pd.qcut(values.astype("float64"), RANGES, labels=False, duplicates="drop")
        for row, value in enumerate(values):
            parts = [f"{name}={part}" for part in set(_parts(value))]
            rows += [row] * len(parts)
            names += parts
    found = pd.Series(names, dtype="str").value_counts()
    common = found[found >= FEWEST].sort_index().sort_values(ascending=False, kind="stable").index[:MOST]
    column = common.get_indexer(names)
    shared = column >= 0
    pairs = (np.array(rows, np.int64)[shared], column[shared])
    return sp.csr_matrix((np.ones(int(shared.sum()), np.float32), pairs), shape=(len(item_ids), len(common)))


def _parts(value: Any) -> Iterator[str]:
    """Take a value apart: the members of a list, the categories between bars, or itself; nothing where it is missing."""
    if isinstance(value, list | np.ndarray):
        yield from map(str, value)
    elif not pd.isna(value):
        yield from (part.strip().lower() for part in str(value).split("|") if part.strip())
