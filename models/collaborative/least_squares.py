"""Many small ridge regressions at once: the half-step of alternating least squares for implicit feedback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.collaborative.gram import gram_spectrum
from models.compute import side_by_side
from models.ragged import WIDTHS, padded_places

ENTRIES_AT_ONCE = 1 << 13
"""Padded entries of one stack: what is gathered for them is read at every step and should stay in the processor's cache."""

SHORT = 32
"""Entries up to which a regression is eliminated: its equations between entries are then fewer than the steps are worth."""

PRECISION = 1e-3
"""Length of what is left to explain, beside what there was, at which a regression is solved."""

MAX_STEPS = 200
"""Steps after which a regression is taken as it is; ten or so are needed."""


class Factors(NamedTuple):
    """One vector for each user or each item, in the basis where their Gram matrix is diagonal.

    `vectors` is (rows, factors), float32; `spectrum` is (factors,), float64, the diagonal of vectors' vectors.
    """

    vectors: NDArray[np.float32]
    spectrum: NDArray[np.float64]


class Ridge(NamedTuple):
    """What the regressions believe: confidence 1 + alpha in what happened against 1 in what did not, and how large vectors may grow."""

    alpha: float
    reg: float

    def penalty(self, pairs: sp.csr_matrix) -> NDArray[np.float64]:
        """Return the L2 penalty of each row, in proportion to the confidence its pairs add (weighted-lambda, Zhou et al. 2008); (rows,)."""
        return self.reg * self.alpha * np.diff(pairs.indptr)


def turned(vectors: NDArray[np.float32]) -> Factors:
    """Turn vectors into the eigenbasis of their Gram matrix; products between vectors stay what they were."""
    spectrum, directions = gram_spectrum(vectors)
    return Factors(vectors @ directions.astype(np.float32), spectrum)


def solve(pairs: sp.csr_matrix, known: Factors, ridge: Ridge) -> NDArray[np.float32]:
    """Find for each row of `pairs` the vector that best explains it by the vectors of its columns; (rows, factors).

    It minimises the sum over all columns of confidence (happened - x'y)^2, plus penalty |x|^2 (Hu, Koren, Volinsky 2008). A row
    without pairs gets the zero vector. What a row gets does not depend on the rows around it.
    """
    n_pairs, (n_columns, n_factors) = np.diff(pairs.indptr), known.vectors.shape
    widths = WIDTHS[np.searchsorted(WIDTHS, n_pairs)]
    vectors = np.vstack([known.vectors, np.zeros((1, n_factors), np.float32)])  # the last one pads
    penalty = ridge.penalty(pairs)
    solved = np.zeros((len(n_pairs), n_factors), np.float32)

    def solve_stack(rows: NDArray[np.intp]) -> None:
        place, present = padded_places(pairs.indptr, rows, widths[rows[0]])
        columns = np.where(present, pairs.indices[place], n_columns)
        # In the eigenbasis the Gram matrix of all columns plus the penalty is diagonal: dividing by its root leaves the identity.
        scale = (1 / np.sqrt(known.spectrum + penalty[rows][:, None])).astype(np.float32)
        solved[rows] = (1 + ridge.alpha) * scale * _regress(vectors.take(columns, axis=0), scale, ridge.alpha)

    side_by_side(solve_stack, _stacks(widths, np.flatnonzero(n_pairs)))
    return solved


def _stacks(widths: NDArray[np.intp], rows: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Cut rows into groups of one width, of a row at least, else of no more entries than fit the cache."""
    for width in np.unique(widths[rows]):
        same = rows[widths[rows] == width]
        at_once = max(1, ENTRIES_AT_ONCE // int(width))
        for start in range(0, len(same), at_once):
            yield same[start : start + at_once]


def _regress(stacked: NDArray[np.float32], scale: NDArray[np.float32], alpha: float) -> NDArray[np.float32]:
    """Solve (I + alpha Z'Z) x = Z'1, Z a matrix of the stack with its columns scaled; (stack, entries, factors) -> (stack, factors).

    Conjugate gradients (Hestenes and Stiefel 1952): scaled as they are here, a handful of steps reach what float32 can tell, and no
    (factors, factors) matrix is ever made. Who is there already waits for the others, so that a row ends where it would end alone.
    Short ones are eliminated. Rows of Z that are zero change nothing.
    """
    if stacked.shape[1] <= SHORT:
        return _eliminate(stacked * scale[:, None], alpha)
    turned_round = stacked.transpose(0, 2, 1)
    rest = scale * stacked.sum(axis=1)
    found, direction, left = np.zeros_like(rest), rest.copy(), _squares(rest)
    enough = left * np.float32(PRECISION**2)
    for _ in range(MAX_STEPS):
        waits = left <= enough
        if waits.all():
            break
        heard = turned_round @ (stacked @ (scale * direction)[..., None])
        ahead = direction + np.float32(alpha) * scale * heard[..., 0]
        reach = np.divide(left, np.einsum("sf,sf->s", direction, ahead), out=np.zeros_like(left), where=~waits)[:, None]
        found += reach * direction
        rest -= reach * ahead
        before, left = left, _squares(rest)
        direction *= np.divide(left, before, out=np.zeros_like(left), where=~waits)[:, None]
        direction += rest
    return found


def _eliminate(stacked: NDArray[np.float32], alpha: float) -> NDArray[np.float32]:
    """Solve the same by the push-through identity (I + alpha Z'Z)^-1 Z' = Z' (I + alpha ZZ')^-1: as many equations as entries."""
    between = stacked @ stacked.transpose(0, 2, 1)
    between *= alpha
    diagonal = np.arange(stacked.shape[1])
    between[:, diagonal, diagonal] += 1
    shares = np.linalg.solve(between, np.ones((*stacked.shape[:2], 1), np.float32))
    return (stacked.transpose(0, 2, 1) @ shares)[..., 0]


def _squares(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.einsum("sf,sf->s", vectors, vectors)
