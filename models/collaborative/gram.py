"""The Gram matrix of many vectors, taken apart into its directions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compute import side_by_side


def gram_spectrum(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the eigenvalues of vectors' vectors, smallest first, and its eigenvectors; (n,) and (n, n) for (rows, n).

    Added up in float64, so that directions a million times weaker than the strongest keep their sign. The decomposition takes many
    small steps: one BLAS thread is faster than several that wait for each other.
    """
    gram = vectors.T.astype(np.float64) @ vectors
    ((spectrum, directions),) = side_by_side(np.linalg.eigh, [gram])
    return np.maximum(spectrum, 0), directions
