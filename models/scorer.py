"""The one contract behind which every model scores items for users.

A scorer never remembers a user: it is handed what is known of them (a `UserBlock`) each time it scores. That is why the same
artifact can score people who joined after it was trained, and why yesterday's model can be asked about tonight's histories.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol, Self, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Family = Literal["collaborative", "sequential", "content", "knowledge"]
FAMILIES: tuple[Family, ...] = get_args(Family)

Progress = Callable[[str], None]
"""Receives one short line whenever a long fit has something to say."""


def silent(_line: str) -> None:
    """Ignore progress lines; for tests and for steps too short to report."""


@dataclass(frozen=True)
class Interactions:
    """What happened between users and items: one row per (user, item) pair, sorted by user, then item.

    `age_days` counts back from the newest event the night sees (0 where interactions carry no times); `weight` is the pair's
    event weight; `positive` marks what counts as liking. A pair that is not positive still marks its item as seen.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    age_days: NDArray[np.float32]
    weight: NDArray[np.float32]
    positive: NDArray[np.bool_]
    n_users: int
    n_items: int

    def __len__(self) -> int:
        return len(self.user)

    def where(self, rows: NDArray[np.bool_]) -> Interactions:
        """Keep the marked rows; users and items keep their numbers."""
        return Interactions(
            self.user[rows], self.item[rows], self.age_days[rows], self.weight[rows], self.positive[rows], self.n_users, self.n_items
        )

    def positives(self) -> sp.csr_matrix:
        """Return the positive pairs as a (users, items) float32 matrix of ones."""
        return _pairs(self.user[self.positive], self.item[self.positive], self.n_users, self.n_items)

    def seen(self) -> sp.csr_matrix:
        """Return every pair, liked or not, as a (users, items) float32 matrix of ones."""
        return _pairs(self.user, self.item, self.n_users, self.n_items)


def _pairs(user: NDArray[np.int32], item: NDArray[np.int32], n_users: int, n_items: int) -> sp.csr_matrix:
    matrix = sp.csr_matrix((np.ones(len(user), np.float32), (user, item)), shape=(n_users, n_items))
    matrix.sort_indices()
    return matrix


@dataclass(frozen=True)
class TrainingData:
    """Everything a model may learn from.

    `item_features` is (items, item feature columns) and `user_features` (users, user feature columns), float32, sparse; a row
    without entries belongs to something nothing is known of. `user_segment` holds one index into `segments` per user.
    """

    interactions: Interactions
    item_features: sp.csr_matrix
    user_features: sp.csr_matrix
    user_segment: NDArray[np.int16]
    segments: tuple[str, ...]

    def users(self, rows: slice | NDArray[np.intp], positives: sp.csr_matrix) -> UserBlock:
        """Return what is known of some users, given the (users, items) matrix of everybody's positives."""
        return UserBlock(positives[rows], self.user_features[rows], self.user_segment[rows])


@dataclass(frozen=True)
class UserBlock:
    """What a scorer may know of a block of users when it scores them.

    `history` is (block, items), ones where the user liked the item; `features` is (block, user feature columns); `segment` is
    (block,) indices into the segments the model was trained with.
    """

    history: sp.csr_matrix
    features: sp.csr_matrix
    segment: NDArray[np.int16]

    def __len__(self) -> int:
        return self.history.shape[0]


class Scorer(Protocol):
    """One model: it learns from arrays, scores whole catalogues and says what it knows nothing about."""

    name: ClassVar[str]
    family: ClassVar[Family]

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark, per item of the catalogue, whether this model can say anything of it; (items,)."""
        ...

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark, per user of the block, whether this model can say anything to them; (block,)."""
        ...

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Learn from `data`; the same data, seed and thread count give the same weights."""
        ...

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Score every item of the catalogue for every user of the block; (block, items).

        Scores are finite. What stands in rows and columns the model does not know is zero and means nothing.
        """
        ...

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32] | None:
        """Say how much each of `others` speaks for each of `items`, (items, others); None from a model that compares no items."""
        ...

    def curves(self) -> dict[str, list[float]]:
        """Return the training curves worth plotting, name -> one value per epoch; empty for closed forms."""
        ...

    def save(self, folder: Path) -> None:
        """Write weights (.npz) and configuration (.json) to an existing folder; never a pickle or a serialised graph."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote; a loaded scorer gives the same bytes."""
        ...
