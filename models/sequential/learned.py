"""What a trained sequence network is made of, and how it meets the users it scores; plain arrays, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.artifact import Layout, read_arrays, write_arrays
from models.directions import cosines
from models.moved import moved_rows
from models.scorer import UserBlock

FILE = "network.npz"

LAYOUTS = {
    "items": Layout(np.float32, ("items", "size and bias")),
    "knows_item": Layout(np.bool_, ("items",)),
    "losses": Layout(np.float64, ("epochs",)),
}
"""What every sequence network stores beside its own weights."""


@dataclass(frozen=True)
class Learned:
    """The weights of a network, the items it has met and its losses.

    `weights["items"]` (items, size + 1) holds a vector for each item and, in the last column, how often it follows anyway.
    """

    weights: dict[str, NDArray[np.float32]]
    knows_item: NDArray[np.bool_]
    losses: NDArray[np.float64]

    def latest(self, users: UserBlock, last: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the vectors of users' latest known likes, newest first, (block, last, size), and where there are any, (block, last)."""
        recent = users.recent[:, :last]
        known = self._known(recent)
        vectors = np.pad(self.weights["items"][:, :-1], ((0, 1), (0, 0)))
        return vectors[recent] * known[:, :, None], known

    def knows_user(self, users: UserBlock, last: int) -> NDArray[np.bool_]:
        """Mark the users with at least one known item among their latest likes; (block,)."""
        return self._known(users.recent[:, :last]).max(axis=1)

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the cosine between the vectors of items, (items, others); zero where either was never met."""
        met, other = (self.weights["items"][some, :-1] * self.knows_item[some][..., None] for some in (items, others))
        return cosines(met, other)

    def renumbered(self, then: NDArray[np.intp]) -> Self:
        """Return the same behind another numbering of items; `then` (items,) holds the number of each so far, -1 for new ones."""
        weights = {**self.weights, "items": moved_rows(self.weights["items"], then)}
        return type(self)(weights, moved_rows(self.knows_item, then), self.losses)

    def save(self, folder: Path) -> None:
        """Write everything to one file."""
        write_arrays(folder / FILE, {**self.weights, "knows_item": self.knows_item, "losses": self.losses})

    @classmethod
    def load(cls, folder: Path, layouts: Mapping[str, Layout]) -> Self:
        """Read back a network whose own weights look like `layouts`."""
        arrays = read_arrays(folder / FILE, {**LAYOUTS, **layouts})
        knows_item, losses = arrays.pop("knows_item"), arrays.pop("losses")
        return cls(arrays, knows_item, losses)

    def _known(self, recent: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Mark the likes whose items were met; -1, which pads, is the item behind the last one, that nobody knows."""
        met: NDArray[np.bool_] = np.append(self.knows_item, [False])
        return np.take(met, recent, mode="wrap")


def masked_softmax(logits: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Share one among what is known of the last axis; nothing where nothing is known."""
    highest = np.max(logits, axis=-1, keepdims=True, where=known, initial=np.float32(-1e9))
    odds = np.exp(np.where(known, logits - highest, -np.inf))
    total = odds.sum(axis=-1, keepdims=True)
    return np.divide(odds, total, out=np.zeros_like(odds), where=total > 0)
