"""EASE^R: each item's score is a linear vote of the items in a user's history, learned in closed form."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from scipy.linalg import LinAlgError
from scipy.linalg.lapack import spotrf, spotri

from models.artifact import Layout, read_arrays, read_config, write_arrays, write_config
from models.moved import moved_rows
from models.scorer import Family, Progress, TrainingData, UserBlock, silent
from models.sizes import PER_LIKE, Needs, Sizes, vectors

LAYOUTS = {"knows_item": Layout(np.bool_, ("items",)), "votes": Layout(np.float32, ("known", "known"))}

ROWS_AT_ONCE = 1024
"""Rows of an items x items matrix handled in one go: large enough for speed, small enough to need no second matrix."""


class EaseConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How strongly EASE^R is held back from explaining chance."""

    reg: float = Field(200.0, gt=0)
    """L2 penalty on the votes, in users: a pair of items that far fewer users share than this can hardly vote for each other."""


class Ease:
    """Items vote for items; no item may vote for itself (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data").

    `_votes` is (known items, known items): row votes for column. Memory grows with the square of the known items, time with the cube.
    """

    name: ClassVar[str] = "ease"
    family: ClassVar[Family] = "collaborative"

    def __init__(self, config: EaseConfig | None = None) -> None:
        self.config = config or EaseConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items that at least one user liked; (items,)."""
        return self._knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users who liked at least one known item; (block,)."""
        return users.likes_among(self._knows_item) > 0

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:  # noqa: ARG002  a closed form draws nothing
        """Learn the votes from who liked what."""
        positives = data.interactions.positives()
        self._know(positives.getnnz(axis=0) > 0)
        progress(f"votes among {len(self._known):,} items")
        self._votes = votes(positives[:, self._known], self.config.reg)
        return self

    def renumbered(self, then: NDArray[np.intp]) -> Self:
        """Return the same model behind another numbering of items; `then` (items,) holds the number of each so far, -1 for new ones."""
        moved = type(self)(self.config)
        moved._know(moved_rows(self._knows_item, then))
        place = self._place[then[moved._known]]
        unmoved = np.array_equal(place, np.arange(len(self._known)))
        moved._votes = self._votes if unmoved else self._votes[np.ix_(place, place)]
        return moved

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Add up the votes of each user's history; (block, items)."""
        if not len(self._known):
            return np.zeros(users.history.shape, np.float32)
        known = users.history[:, self._known] @ self._votes
        if len(self._known) == len(self._knows_item):
            return known
        # One gather and a few zeroed columns: five times faster than scattering the known columns into zeros.
        scores = np.take(known, self._place, axis=1)
        scores[:, ~self._knows_item] = 0
        return scores

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the votes that `others` cast for `items`, (items, others); zero where either is unknown."""
        known = self._knows_item[items][..., :, None] & self._knows_item[others][..., None, :]
        if not len(self._known):
            return np.zeros(known.shape, np.float32)
        # One flat lookup: several times as fast as one by rows and columns.
        place = self._place[others][..., None, :] * len(self._known) + self._place[items][..., :, None]
        cast: NDArray[np.float32] = self._votes.ravel().take(place)
        return cast if known.all() else cast * known

    def needs(self, sizes: Sizes) -> Needs:
        """One matrix of votes among known items, rewritten in place from their shared users."""
        votes_among = vectors(sizes.n_liked_items, sizes.n_liked_items)
        return Needs(votes_among + vectors(ROWS_AT_ONCE, sizes.n_liked_items) + PER_LIKE * sizes.n_events, votes_among)

    def curves(self) -> dict[str, list[float]]:
        """Return nothing: a closed form has no epochs."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the votes among known items, and which items those are."""
        write_config(folder, self.name, self.config)
        write_arrays(folder / "votes.npz", {"knows_item": self._knows_item, "votes": self._votes})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the votes."""
        scorer = cls(read_config(folder, cls.name, EaseConfig))
        arrays = read_arrays(folder / "votes.npz", LAYOUTS)
        scorer._know(arrays["knows_item"])
        scorer._votes = arrays["votes"]
        return scorer

    def _know(self, knows_item: NDArray[np.bool_]) -> None:
        self._knows_item = knows_item
        self._known = np.flatnonzero(knows_item)
        self._place = np.maximum(np.cumsum(knows_item) - 1, 0)  # catalogue item -> row of `_votes`; meaningless for unknown items


def votes(positives: sp.csr_matrix, reg: float) -> NDArray[np.float32]:
    """Solve EASE^R: votes[i, j] = -P[i, j] / P[j, j] off the diagonal, zero on it, where P = inverse(positives' positives + reg I).

    Every column of `positives`, (users, items), needs an entry. One (items, items) matrix is allocated and rewritten to the end.
    """
    solved = _shared_users(positives)
    if not len(solved):
        return solved
    solved.flat[:: len(solved) + 1] += reg
    solved = _invert(solved)
    solved /= -np.diag(solved).copy()
    np.fill_diagonal(solved, 0)
    return solved


def _shared_users(positives: sp.csr_matrix) -> NDArray[np.float32]:
    """Count the users that two items share, for each item and those after it: the upper triangle of the (items, items) Gram matrix."""
    by_item = positives.T.tocsr()
    shared = np.zeros((by_item.shape[0], by_item.shape[0]), np.float32)
    for start in range(0, len(shared), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        shared[rows, start:] = (by_item[rows] @ positives[:, start:]).toarray()
    return shared


def _invert(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Invert, in the memory it stands in, a positive definite matrix of which only the upper triangle is filled.

    LAPACK counts by columns: its lower triangle of the transposed view is our upper one. The lower way is the faster of the two.
    """
    factor, failed = spotrf(matrix.T, lower=1, overwrite_a=1, clean=0)
    if not failed:
        inverse, failed = spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise LinAlgError(f"the regularised item matrix is not positive definite at row {failed}; raise `reg` of ease")
    whole: NDArray[np.float32] = inverse.T
    for start in range(0, len(whole), ROWS_AT_ONCE):
        stop = start + ROWS_AT_ONCE
        corner = whole[start:stop, start:stop]
        corner[...] = np.triu(corner) + np.triu(corner, 1).T
        whole[stop:, start:stop] = whole[start:stop, stop:].T
    return whole
