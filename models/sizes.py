"""How large a night is, and how much memory learning from it takes: rough sums of the largest arrays, made before there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

if TYPE_CHECKING:
    from models.scorer import TrainingData

NUMBER = 4
"""Bytes of a float32 or an int32."""

PER_LIKE = 32
"""Bytes a model holds of each pair while it learns: the matrix of likes, by user and by item, and what both are made of."""

COMPILED = 128 << 20
"""Bytes that TensorFlow takes for a compiled step of training and its threads, whatever it learns from."""

POPULARITY_SKEW = 0.8
"""Exponent of the Zipf law that likes are assumed to follow where only their number is known."""


class Sizes(BaseModel, frozen=True, extra="forbid"):
    """What the memory of a night depends on: counts of what is known, and which kinds of models find something to learn from."""

    n_users: int
    n_items: int
    n_events: int

    n_recommendable: int
    """Items that may be recommended tonight."""

    n_liked_items: int
    """Items that anybody liked: what most models can know."""

    item_columns: int = 0
    """Columns of features that describe items."""

    user_columns: int = 0
    """The same of users."""

    ordered: bool = True
    """Whether events have times."""

    placed: bool = False
    """Whether any item has a latitude and longitude."""

    @classmethod
    def of(cls, data: TrainingData, n_recommendable: int) -> Sizes:
        """Count what there is to learn from, when so many items may be recommended."""
        return cls(
            n_users=data.interactions.n_users,
            n_items=data.interactions.n_items,
            n_events=len(data.interactions),
            n_recommendable=n_recommendable,
            n_liked_items=n_distinct(data.interactions.item[data.interactions.positive]),
            item_columns=data.items.features.shape[1],
            user_columns=data.users.features.shape[1],
            ordered=data.interactions.ordered,
            placed=data.items.placed,
        )

    def grown(self, events: int) -> Sizes:
        """Return the sizes once there are more events; users and items are left as they are, since new ones are rare."""
        return self.model_copy(update={"n_events": self.n_events + events})


class Needs(NamedTuple):
    """Bytes a model takes beyond what it learns from: at most while it is fitted, and afterwards for as long as it is used."""

    fitting: int
    kept: int


def vectors(n_rows: int, width: int) -> int:
    """Return the bytes of float32 vectors."""
    return n_rows * width * NUMBER


def n_distinct(numbers: NDArray[np.int32]) -> int:
    """Count the different ones among numbers from 0."""
    return int(np.count_nonzero(np.bincount(numbers, minlength=1)))


def distinct_pairs(n_items: int, n_draws: int) -> int:
    """Return how many different pairs of items so many draws meet, when the popularity of items falls by POPULARITY_SKEW.

    The expectation sum over pairs of 1 - exp(-draws p q), with items of like popularity taken together.
    """
    if not n_items or not n_draws:
        return 0
    edges = np.unique(np.geomspace(1, n_items + 1, 65).astype(np.int64))
    share = np.sqrt(edges[:-1] * edges[1:]) ** -POPULARITY_SKEW
    count = np.diff(edges)
    share /= count @ share
    met = -np.expm1(-n_draws * np.outer(share, share))
    return int(count @ met @ count)
