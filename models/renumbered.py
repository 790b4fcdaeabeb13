"""Ask a model of an earlier night about tonight: the same weights behind tonight's numbering of items and user features."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.scorer import Described, Family, Progress, Scorer, TrainingData, UserBlock, silent
from models.sizes import Needs, Sizes


class Renumbered:
    """A scorer that translates between tonight's catalogue and the one its model was trained with.

    `items` gives, per item of tonight, its number then, -1 for items that are new since; `features` the same for user feature columns;
    `n_features` counts the columns then. Items that have left are out of every list; items that are new the model does not know.
    """

    name: ClassVar[str] = "renumbered"
    family: ClassVar[Family] = "collaborative"

    def __init__(self, scorer: Scorer, items: NDArray[np.intp], features: NDArray[np.intp], n_features: int) -> None:
        self.scorer, self.items, self.features, self.n_features = scorer, items, features, n_features
        self.name, self.family = scorer.name, scorer.family  # type: ignore[misc]

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items of tonight that the model knew; (items,)."""
        return (self.items >= 0) & self.scorer.knows_item[np.maximum(self.items, 0)]

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users the model can say anything to; (block,)."""
        return self.scorer.knows_user(self._then(users))

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Refuse: the point of an earlier model is that it stays as it was."""
        raise NotImplementedError("a renumbered model is not trained again")

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Score tonight's catalogue; (block, items)."""
        scores = self.scorer.score(self._then(users))
        return np.where(self.knows_item, scores[:, np.maximum(self.items, 0)], np.float32(0))

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32] | None:
        """Compare tonight's items; those the model did not know resemble nothing."""
        found = self.scorer.similarity(np.maximum(self.items[items], 0), np.maximum(self.items[others], 0))
        if found is None:
            return None
        known = self.knows_item
        return np.where(known[items][..., :, None] & known[others][..., None, :], found, np.float32(0))

    def needs(self, sizes: Sizes) -> Needs:
        """What the model underneath needs: it was fitted on another night, and is only kept."""
        return self.scorer.needs(sizes)._replace(fitting=0)

    def curves(self) -> dict[str, list[float]]:
        """Return no curves: nothing was trained tonight."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the model as it was."""
        self.scorer.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Refuse: the model itself is what is loaded."""
        raise NotImplementedError("load the model, then renumber it")

    def _then(self, users: UserBlock) -> UserBlock:
        n_items = len(self.scorer.knows_item)
        recent, gap_days = _moved_sequence(users, self.items)
        described = Described.by(
            _moved(users.features, self.features, self.n_features), place=users.described.place, words=users.described.words
        )
        history, ratings = (_moved(pairs, self.items, n_items) for pairs in (users.history, users.ratings))
        return UserBlock(history, ratings, recent, gap_days, described, users.segment)


def _moved(matrix: sp.csr_matrix, columns: NDArray[np.intp], n_columns: int) -> sp.csr_matrix:
    """Move the columns of a matrix to other places; columns without one are dropped."""
    there = np.flatnonzero(columns >= 0)
    move = sp.csr_matrix((np.ones(len(there), np.float32), (there, columns[there])), shape=(len(columns), n_columns))
    moved = (matrix @ move).tocsr()
    moved.sort_indices()
    return moved


def _moved_sequence(users: UserBlock, items: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Give the latest likes their numbers of then, and close the gaps that items leave which were not there yet."""
    moved = np.where(users.recent >= 0, items[users.recent], -1).astype(np.int32) if len(items) else users.recent
    order = np.argsort(moved < 0, axis=1, kind="stable")
    return np.take_along_axis(moved, order, 1), np.take_along_axis(users.gap_days, order, 1)
