"""Where vectors point, whatever their length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors (..., size) cut to length one; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def products(vectors: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply each vector (..., rows, size) with each of the others (..., columns, size) of its stack; (..., rows, columns)."""
    return vectors @ np.swapaxes(others, -1, -2)


def cosines(vectors: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosine of the angle between each vector (..., rows, size) and each of the others (..., columns, size) of its stack.

    (..., rows, columns); zero with a zero vector.
    """
    return products(unit_rows(vectors), unit_rows(others))
