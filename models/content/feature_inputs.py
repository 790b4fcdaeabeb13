"""Turn sparse feature rows into the few dense columns a network reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.artifact import Layout, read_arrays, write_arrays
from models.collaborative.spectral import smoothest

LAYOUTS = {"scale": Layout(np.float32, ("columns",)), "directions": Layout(np.float32, ("columns", "size"))}

RARE_SHARE = 0.01
"""Columns set in fewer rows than this share gain little more weight by being rarer still: the rarest are noise."""


@dataclass(frozen=True)
class FeatureInputs:
    """Weigh feature columns alike and, where there are many, keep the directions in which rows differ most.

    `scale` is (columns,). `directions` is (columns, size) with orthonormal columns; a size of zero means that all columns are kept.
    """

    scale: NDArray[np.float32]
    directions: NDArray[np.float32]

    @classmethod
    def fit(cls, features: sp.csr_matrix, size: int, seed: int) -> Self:
        """Learn from features (rows, columns) how to write such rows with at most `size` columns.

        A column is divided by its root mean square: for a category that is an inverse document frequency. More columns than `size`
        are then reduced by latent semantic analysis (Deerwester et al. 1990).
        """
        n_rows, n_columns = features.shape
        mean_square = np.asarray(features.multiply(features).sum(axis=0), np.float64).ravel() / max(1, n_rows)
        scale = (1 / np.sqrt(mean_square + RARE_SHARE)).astype(np.float32)
        if not features.nnz:
            return cls(scale, np.zeros((n_columns, 1), np.float32))
        if n_columns <= size:
            return cls(scale, np.zeros((n_columns, 0), np.float32))
        return cls(scale, smoothest(_unit_rows(_scaled(features, scale)), size, seed))

    def __call__(self, features: sp.csr_matrix) -> NDArray[np.float32]:
        """Write features (rows, columns) densely, (rows, size) or (rows, columns); a row without entries becomes zeros.

        Reduced rows are cut to one length, with columns of about one: how many words describe an item says nothing about it.
        """
        scaled = _scaled(features, self.scale)
        size = self.directions.shape[1]
        if not size:
            return scaled.toarray()
        reduced = scaled @ self.directions
        return reduced * (np.sqrt(np.float32(size)) / _length(np.linalg.norm(reduced, axis=1, keepdims=True)))

    def save(self, file: Path) -> None:
        """Write scale and directions."""
        write_arrays(file, {"scale": self.scale, "directions": self.directions})

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read back scale and directions."""
        return cls(**read_arrays(file, LAYOUTS))


def _scaled(features: sp.csr_matrix, scale: NDArray[np.float32]) -> sp.csr_matrix:
    return sp.csr_matrix((features.data * scale[features.indices], features.indices, features.indptr), features.shape, np.float32)


def _unit_rows(rows: sp.csr_matrix) -> sp.csr_matrix:
    length = _length(np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel()))
    return sp.csr_matrix((rows.data / np.repeat(length, np.diff(rows.indptr)), rows.indices, rows.indptr), rows.shape, np.float32)


def _length(norm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what to divide rows by to make them one long: their norm, or 1 for rows of zeros."""
    return np.where(norm > 0, norm, np.float32(1))
