"""Heads of a rating model: how an unbounded sum becomes a rating, and where ratings lie within what a head can say."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Head = Literal["linear", "sigmoid", "tanh"]

FLOOR: dict[Head, float] = {"linear": 0.0, "sigmoid": 0.0, "tanh": -1.0}
"""Where the lowest rating lies; the highest lies at one for every head. A tanh over [0, 1] would waste half of its range."""

NEARLY = 1e-3
"""How far from the ends of its range a bounded head is asked to stay when it is read backwards: the ends themselves are infinitely far."""


class Scale(NamedTuple):
    """The lowest and the highest rating observed, and the head that has to reach both."""

    low: float
    high: float
    head: Head

    @classmethod
    def observed(cls, ratings: NDArray[np.float32], head: Head) -> Scale:
        """Read the range off the ratings; where all are alike, the range ends one above them."""
        low, high = (float(ratings.min()), float(ratings.max())) if len(ratings) else (0.0, 1.0)
        return cls(low, high if high > low else low + 1, head)

    @property
    def unit(self) -> float:
        """Return how many units of rating one unit of the head's output is."""
        return (self.high - self.low) / (1 - FLOOR[self.head])

    def scaled(self, ratings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn ratings into targets of the head."""
        return ((ratings - self.low) / self.unit + FLOOR[self.head]).astype(np.float32)

    def ratings(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn what the head says into ratings."""
        return ((outputs - FLOOR[self.head]) * self.unit + self.low).astype(np.float32)


def output(sums: NDArray[np.float32], head: Head) -> NDArray[np.float32]:
    """Apply a head to sums of any shape."""
    if head == "linear":
        return sums
    if head == "tanh":
        return np.tanh(sums)
    return (np.tanh(sums / np.float32(2)) + np.float32(1)) / np.float32(2)


def slope(outputs: NDArray[np.float32], head: Head) -> NDArray[np.float32]:
    """Return how fast a head's output changes with the sum, given the output."""
    if head == "linear":
        return np.ones_like(outputs)
    return 1 - outputs**2 if head == "tanh" else outputs * (1 - outputs)


def sum_behind(target: float, head: Head) -> float:
    """Return the sum for which a head says `target`."""
    if head == "linear":
        return target
    within = float(np.clip(target, FLOOR[head] + NEARLY, 1 - NEARLY))
    return float(np.arctanh(within)) if head == "tanh" else float(np.log(within / (1 - within)))
