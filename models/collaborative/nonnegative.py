"""Non-negative ridge regressions by coordinate descent: each coordinate in turn takes its best value, or zero if that is negative."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NonNegative = NDArray[np.float32]

ROWS_AT_ONCE = 4096
"""Regressions solved together: what they read should stay in the processor's cache."""

SWEEPS_TO_IMPROVE = 2
SWEEPS_TO_SOLVE = 40
"""Passes over the coordinates: few where a solution is improved again and again, many where it has to be found from nothing."""


def improved(start: NonNegative, answers: NDArray[np.float32], known: NonNegative, reg: float) -> NonNegative:
    """Improve the solutions of min |r - known x|² + reg |x|², x >= 0, for many r at once; (rows, parts).

    `start` is (rows, parts), `answers` (rows, parts) holds known' r, `known` is (columns, parts).
    """
    return _swept(start, answers, known, reg, SWEEPS_TO_IMPROVE)


def solved(answers: NDArray[np.float32], known: NonNegative, reg: float) -> NonNegative:
    """Solve the regressions of `improved` from nothing."""
    return _swept(np.zeros_like(answers), answers, known, reg, SWEEPS_TO_SOLVE)


def _swept(start: NonNegative, answers: NDArray[np.float32], known: NonNegative, reg: float, n_sweeps: int) -> NonNegative:
    gram = (known.T.astype(np.float64) @ known).astype(np.float32)
    found = np.empty_like(start)
    for first in range(0, len(start), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        found[rows] = _descended(np.ascontiguousarray(start[rows].T), np.ascontiguousarray(answers[rows].T), gram, reg, n_sweeps).T
    return found


def _descended(
    parts: NDArray[np.float32], answers: NDArray[np.float32], gram: NDArray[np.float32], reg: float, n_sweeps: int
) -> NDArray[np.float32]:
    """Sweep over coordinates (parts, rows); a part that nothing has stays zero."""
    strength = np.diag(gram) + np.float32(reg)
    for _ in range(n_sweeps):
        for part in np.flatnonzero(strength > 0):
            left = answers[part] - gram[part] @ parts + gram[part, part] * parts[part]
            parts[part] = np.maximum(left / strength[part], 0)
    return parts
