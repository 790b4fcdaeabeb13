"""Vectors given from outside, such as the embedding of a picture: JSON lists of numbers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

SHORTEST = 3
"""Numbers of the shortest list that is read as a vector."""

LARGEST = 1e100
"""Beyond this no number of a vector is taken for one: the length of such a vector could not be told."""


def json_list(value: str) -> list[Any] | None:
    """Read a value as a JSON list; None where it is anything else."""
    if not value.startswith("["):
        return None
    try:
        parts = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return parts if isinstance(parts, list) else None


def are_vectors(lists: Sequence[list[Any]], at_least: float) -> bool:
    """Tell whether so many lists are vectors of one length, in which at least half of the numbers are not whole."""
    vectors = [parts for parts in lists if _is_vector(parts)]
    size = _usual_length(vectors)
    alike = [parts for parts in vectors if len(parts) == size]
    if not alike or len(alike) < at_least:
        return False
    whole = sum(float(number).is_integer() for parts in alike for number in parts)
    return 2 * whole <= size * len(alike)


def unit_vectors(values: Sequence[str | None]) -> sp.csr_matrix:
    """Scale vectors to length 1, (rows, size), float32; one that is missing, unreadable or not of the usual length has no entries."""
    read = {row: parts for row, value in enumerate(values) if value and (parts := json_list(value)) is not None and _is_vector(parts)}
    size = _usual_length(list(read.values()))
    rows = np.array([row for row, parts in read.items() if len(parts) == size], np.int64)
    vectors = np.array([read[row] for row in rows], np.float64).reshape(len(rows), size)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0).astype(np.float32)
    return sp.csr_matrix((unit.ravel(), (np.repeat(rows, size), np.tile(np.arange(size), len(rows)))), shape=(len(values), size))


def _is_vector(parts: list[Any]) -> bool:
    return len(parts) >= SHORTEST and all(type(part) in (int, float) and abs(part) < LARGEST for part in parts)


def _usual_length(vectors: Sequence[list[Any]]) -> int:
    """Return the most frequent length, the smaller of two as frequent; 0 of nothing."""
    counts = Counter(map(len, vectors))
    return min(counts, key=lambda length: (-counts[length], length), default=0)
