"""Rules that a list as a whole has to keep, whatever its items score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


@dataclass(frozen=True)
class Cap:
    """No more than `most` items of a list share a value: `groups` (items, values) marks the values of each item, several or none."""

    groups: sp.csr_matrix
    most: int
    code: int

    def longest(self, allowed: NDArray[np.bool_]) -> int:
        """Return how many of some items, marked in (items,), a list holds at most.

        An item with several values fills a place under each, so that there may be fewer.
        """
        marks = self.groups[np.flatnonzero(allowed)]
        return int(np.count_nonzero(marks.getnnz(axis=1) == 0) + np.minimum(marks.getnnz(axis=0), self.most).sum())


@dataclass(frozen=True)
class Quota:
    """At least so many of a list are among some items, marked in (items,), as far as there are candidates."""

    items: NDArray[np.bool_]
    least: int
    code: int


@dataclass(frozen=True)
class Diversity:
    """Every item loses by how much it resembles one that stands above it: `vectors` (items, width) have length 1, or 0 of unknown ones.

    An item that is just like another loses `strength` times what lies between the best and the k-th best score of the user.
    """

    vectors: NDArray[np.float32]
    strength: float
    code: int


@dataclass(frozen=True)
class Minimum:
    """Nothing that scores less, given the user's segment (segments,), is shown."""

    score: NDArray[np.float32]
    code: int


@dataclass(frozen=True)
class ListRules:
    """All of them; without any, lists are the best of what may be shown."""

    caps: tuple[Cap, ...] = ()
    quotas: tuple[Quota, ...] = ()
    diversity: Diversity | None = None
    minimum: Minimum | None = None

    def __bool__(self) -> bool:
        return bool(self.caps or self.quotas or self.diversity or self.minimum)
