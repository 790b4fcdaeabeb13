"""The one contract behind which every model scores items for users.

A scorer never remembers a user: it is handed what is known of them (a `UserBlock`) each time it scores. That is why the same
artifact can score people who joined after it was trained, and why yesterday's model can be asked about tonight's histories.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Literal, Protocol, Self, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.compute import side_by_side
from models.sizes import Needs, Sizes
from models.stable_order import stable_order

Family = Literal["collaborative", "sequential", "content", "knowledge"]
FAMILIES: tuple[Family, ...] = get_args(Family)

Progress = Callable[[str], None]
"""Receives one short line whenever a long fit has something to say."""


SORTED_AT_ONCE = 1 << 18
"""Likes whose order in time is found in one go, each lot on its own thread."""

RECENT = 50
"""Likes of a user that are remembered in their order."""

WORDS = 1 << 15
"""Numbers that the words of texts are hashed to; the same word has the same number every night."""


def silent(_line: str) -> None:
    """Ignore progress lines; for tests and for steps too short to report."""


@dataclass(frozen=True)
class Interactions:
    """What happened between users and items: one row per (user, item) pair, sorted by user, then item.

    `age_days` counts back from the newest event the night sees (0 where interactions carry no times), exactly enough to tell the order of
    events a second apart; `weight` is the pair's event weight; `value` the latest rating or quantity, NaN where there is none; `positive`
    marks what counts as liking. A pair that is not positive still marks its item as seen.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    age_days: NDArray[np.float64]
    weight: NDArray[np.float32]
    value: NDArray[np.float32]
    positive: NDArray[np.bool_]
    n_users: int
    n_items: int

    def __len__(self) -> int:
        return len(self.user)

    @property
    def ordered(self) -> bool:
        """Say whether the interactions tell what came before what."""
        return bool(self.age_days.any())

    def where(self, rows: NDArray[np.bool_]) -> Interactions:
        """Keep the marked rows; users and items keep their numbers."""
        return Interactions(
            self.user[rows],
            self.item[rows],
            self.age_days[rows],
            self.weight[rows],
            self.value[rows],
            self.positive[rows],
            self.n_users,
            self.n_items,
        )

    def positives(self) -> sp.csr_matrix:
        """Return the positive pairs as a (users, items) float32 matrix of ones."""
        return _pairs(self.user[self.positive], self.item[self.positive], self.n_users, self.n_items)

    def seen(self) -> sp.csr_matrix:
        """Return every pair, liked or not, as a (users, items) float32 matrix of ones."""
        return _pairs(self.user, self.item, self.n_users, self.n_items)

    def sequences(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
        """Return user, item and age of the positive pairs, each user's from first to last; of one instant, by item number."""
        user, item, age_days = self.user[self.positive], self.item[self.positive], self.age_days[self.positive]
        # Lots of whole users: sorting what stays in cache is quicker.
        ends = np.searchsorted(user, user[SORTED_AT_ONCE::SORTED_AT_ONCE])

        def sort(lot: slice) -> None:
            # Rows come sorted by user, then item: sorted by age, stably, they only have to be dealt out to their users again.
            order = np.argsort(-age_days[lot], kind="stable")
            order = order[stable_order(user[lot][order] - user[lot.start])]
            item[lot], age_days[lot] = item[lot][order], age_days[lot][order]

        side_by_side(sort, (slice(*lot) for lot in pairwise([0, *np.unique(ends[ends > 0]), len(user)]) if lot[0] < lot[1]))
        return user, item, age_days

    def histories(self) -> Histories:
        """Return what each user liked, as a set and, where times tell it, the latest of it in order."""
        recent = np.full((self.n_users, RECENT), -1, np.int32)
        gap_days = np.zeros(recent.shape, np.float32)
        if self.ordered:
            user, item, age_days = self.sequences()
            last = np.cumsum(np.bincount(user, minlength=self.n_users))[user] - 1
            place = last - np.arange(len(user))
            kept = place < RECENT
            recent[user[kept], place[kept]] = item[kept]
            gap_days[user[kept], place[kept]] = (age_days - age_days[last])[kept]
        rated = self.where(~np.isnan(self.value))
        ratings = sp.csr_matrix((rated.value, (rated.user, rated.item)), shape=(self.n_users, self.n_items))
        return Histories(self.positives(), ratings, recent, gap_days)


def _pairs(user: NDArray[np.int32], item: NDArray[np.int32], n_users: int, n_items: int) -> sp.csr_matrix:
    ones = np.ones(len(user), np.float32)
    if np.all((user[1:] > user[:-1]) | ((user[1:] == user[:-1]) & (item[1:] > item[:-1]))):
        # Rows that come in order, as those of a night do, are where they belong.
        indptr = np.r_[0, np.cumsum(np.bincount(user, minlength=n_users))]
        return sp.csr_matrix((ones, item.astype(np.int32), indptr), shape=(n_users, n_items))
    matrix = sp.csr_matrix((ones, (user, item)), shape=(n_users, n_items))
    matrix.sort_indices()
    return matrix


@dataclass(frozen=True)
class Histories:
    """What users liked: `likes` (users, items) holds ones; `recent` (users, RECENT) the latest items, newest first, -1 behind them.

    `gap_days` (users, RECENT) says how long before the user's newest like each was. Without times nothing is recent. `ratings` (users,
    items) has an entry wherever a value was given, liked or not.
    """

    likes: sp.csr_matrix
    ratings: sp.csr_matrix
    recent: NDArray[np.int32]
    gap_days: NDArray[np.float32]


@dataclass(frozen=True)
class Described:
    """What is known of things (items or users) without any interaction; row n belongs to item or user n.

    `features` is (rows, columns), float32, sparse, with a name per column; a row without entries belongs to something nothing is known of.
    `place` (rows, 2) is latitude and longitude in degrees, NaN where unknown. `words` (rows, longest text) holds the words of a text in
    their order as numbers below WORDS, -1 behind its end.
    """

    features: sp.csr_matrix
    names: tuple[str, ...]
    place: NDArray[np.float64]
    words: NDArray[np.int32]

    @classmethod
    def by(
        cls,
        features: sp.csr_matrix,
        names: tuple[str, ...] | None = None,
        place: NDArray[np.float64] | None = None,
        words: NDArray[np.int32] | None = None,
    ) -> Self:
        """Describe things by what there is; columns without names get numbers."""
        n_rows, n_columns = features.shape
        return cls(
            features,
            tuple(map(str, range(n_columns))) if names is None else names,
            np.full((n_rows, 2), np.nan) if place is None else place,
            np.zeros((n_rows, 0), np.int32) if words is None else words,
        )

    @property
    def placed(self) -> bool:
        """Say whether it is known of anything where it is."""
        return bool(np.isfinite(self.place).all(axis=1).any())

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Described:
        return Described(self.features[rows], self.names, self.place[rows], self.words[rows])


@dataclass(frozen=True)
class TrainingData:
    """Everything a model may learn from; `user_segment` holds one index into `segments` per user."""

    interactions: Interactions
    items: Described
    users: Described
    user_segment: NDArray[np.int16]
    segments: tuple[str, ...]

    def block(self, rows: slice | NDArray[np.intp], histories: Histories) -> UserBlock:
        """Return what is known of some users, given everybody's histories."""
        return UserBlock(
            histories.likes[rows],
            histories.ratings[rows],
            histories.recent[rows],
            histories.gap_days[rows],
            self.users[rows],
            self.user_segment[rows],
        )


@dataclass(frozen=True)
class UserBlock:
    """What a scorer may know of a block of users when it scores them; see `Histories` and `Described` for the rows.

    `segment` is (block,) indices into the segments the model was trained with.
    """

    history: sp.csr_matrix
    ratings: sp.csr_matrix
    recent: NDArray[np.int32]
    gap_days: NDArray[np.float32]
    described: Described
    segment: NDArray[np.int16]

    def __len__(self) -> int:
        return self.history.shape[0]

    @property
    def features(self) -> sp.csr_matrix:
        """Return the feature columns of the users; (block, user feature columns)."""
        return self.described.features

    def likes_among(self, items: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Count how many of some items, marked in (items,), each user likes; (block,)."""
        counted: NDArray[np.float32] = self.history @ items.astype(np.float32)
        return counted

    def of(self, rows: NDArray[np.intp]) -> UserBlock:
        """Return some of the users."""
        return UserBlock(
            self.history[rows], self.ratings[rows], self.recent[rows], self.gap_days[rows], self.described[rows], self.segment[rows]
        )

    def as_newcomers(self) -> UserBlock:
        """Forget what the users did: what remains is known of people like them who join tomorrow, in the first segment."""
        nothing = self.history.copy()
        nothing.data[:] = 0
        nothing.eliminate_zeros()
        nowhere, no_gap = np.full_like(self.recent, -1), np.zeros_like(self.gap_days)
        return UserBlock(nothing, nothing, nowhere, no_gap, self.described, np.zeros_like(self.segment))


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
        """Say how much each of `others` speaks for each of `items`, (items, others); None from a model that compares no items.

        Stacks of items (..., items) are compared with stacks of others (..., others), each with its own; (..., items, others).
        """
        ...

    def needs(self, sizes: Sizes) -> Needs:
        """Say how much memory learning from data of some sizes takes, roughly: what is far off would refuse a night, or break one."""
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
