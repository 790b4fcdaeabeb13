"""What a rating model learns from: pairs with a value, in the order of their time, cut into what is learned, watched and reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.negatives import Negatives
from models.scorer import Interactions

LEARNED, WATCHED = 0.8, 0.9
"""Shares of the pairs, the earliest first, up to which is learned from and up to which is watched; what comes last is reported on."""


@dataclass(frozen=True)
class Pairs:
    """One row per pair: user, item, the value to predict in its own unit, and whether the user likes the item."""

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    value: NDArray[np.float32]
    liked: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.user)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Pairs:
        return Pairs(self.user[rows], self.item[rows], self.value[rows], self.liked[rows])

    @classmethod
    def in_order(cls, happened: Interactions, rated: bool, seed: int) -> Self:
        """Take the ratings, or the likes as ones, from first to last; without times in an order drawn with the seed."""
        taken = happened.where(~np.isnan(happened.value) if rated else happened.positive)
        drawn = np.random.default_rng(seed).permutation(len(taken))
        when = np.lexsort((taken.item, taken.user, -taken.age_days)) if happened.ordered else drawn
        value = taken.value if rated else np.ones(len(taken), np.float32)
        return cls(taken.user[when], taken.item[when], value[when], taken.positive[when])

    def split(self) -> tuple[Pairs, Pairs, Pairs]:
        """Cut into what comes first, what comes next and what comes last: 80, 10 and 10 of 100.

        Of the later two, only pairs of users and items that come first as well are kept: nothing can be learned of the others. Where that
        leaves none, all are kept.
        """
        first, second = (int(len(self) * share) for share in (LEARNED, WATCHED))
        learned = self[:first]
        later = (self[first:second], self[second:])
        watched, reported = (part.among(learned) if len(part.among(learned)) else part for part in later)
        return learned, watched, reported

    def among(self, known: Pairs) -> Pairs:
        """Keep the pairs whose user and item both occur in others."""
        return self[np.flatnonzero(np.isin(self.user, known.user) & np.isin(self.item, known.item))]


@dataclass(frozen=True)
class Untouched:
    """Where nobody gives ratings: what stands beside likes as zeros; `negatives` draws positions in `items`."""

    negatives: Negatives
    items: NDArray[np.integer]

    def beside(self, likes: Pairs, rng: np.random.Generator) -> Pairs:
        """Add to every like an item that its user does not like, of value zero; none for who likes everything."""
        user = likes.user[self.negatives.n_left[likes.user] > 0]
        drawn = self.items[self.negatives.draw(user, rng)].astype(np.int32)
        return Pairs(
            np.append(likes.user, user),
            np.append(likes.item, drawn),
            np.append(likes.value, np.zeros(len(user), np.float32)),
            np.append(likes.liked, np.zeros(len(user), np.bool_)),
        )


def errors(value: NDArray[np.float32], predicted: NDArray[np.float32]) -> dict[str, float]:
    """Return root mean squared error and mean absolute error in the unit of the values; zero where there are none."""
    error = (predicted - value).astype(np.float64)
    return {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))} if len(error) else {"rmse": 0.0, "mae": 0.0}


def mean_errors(learned: Pairs, reported: Pairs) -> dict[str, float]:
    """Return what predicting the mean of all, of the user or of the item would have erred by.

    Who or what has no past is predicted by the mean of all.
    """
    overall = float(learned.value.mean()) if len(learned) else 0.0
    found = {f"global_mean_{name}": error for name, error in errors(reported.value, np.full(len(reported), overall, np.float32)).items()}
    for side in ("user", "item"):
        known, asked = getattr(learned, side), getattr(reported, side)
        size = int(max(known.max(initial=-1), asked.max(initial=-1))) + 1
        count = np.bincount(known, minlength=size)
        mean = np.where(count > 0, np.bincount(known, learned.value, minlength=size) / np.maximum(count, 1), overall)
        found |= {f"{side}_mean_{name}": error for name, error in errors(reported.value, mean[asked].astype(np.float32)).items()}
    return found
