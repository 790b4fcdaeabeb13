"""What sequence networks learn from: the likes of users in their order, cut into pieces of one length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.ragged import place_in_row
from models.scorer import Interactions


@dataclass(frozen=True)
class Sequences:
    """The likes of users in order, one user after the other: user n owns `n_likes[n]` of `item` from `start[n]` on.

    Users with a single like are left out: nothing follows it, and it follows nothing.
    """

    item: NDArray[np.int32]
    start: NDArray[np.intp]
    n_likes: NDArray[np.intp]
    n_items: int

    @classmethod
    def of(cls, happened: Interactions) -> Self:
        """Take the sequences out of interactions; there are none where no times tell the order."""
        user, item, _ = happened.sequences()
        n_likes = np.bincount(user, minlength=happened.n_users)
        told = (n_likes > 1)[user] & happened.ordered
        n_likes = np.bincount(user[told], minlength=happened.n_users)
        n_likes = n_likes[n_likes > 0]
        return cls(item[told], np.cumsum(n_likes) - n_likes, n_likes, happened.n_items)

    def __len__(self) -> int:
        return len(self.item)

    @property
    def likes_of_items(self) -> NDArray[np.int64]:
        """Count how often each item stands in a sequence; (items,)."""
        return np.bincount(self.item, minlength=self.n_items).astype(np.int64)

    def stretches(self, length: int, ahead: int, rng: np.random.Generator, at_most: int | None = None) -> NDArray[np.int32]:
        """Cut every sequence into stretches of `length` likes, each with the `ahead` likes that follow; (stretches, length + ahead).

        Each like is among the first `length` of exactly one stretch, and where in its sequence the first cut falls is drawn anew. What
        lies before or behind a sequence is `n_items`. The stretches come in random order, the first `at_most` of it.
        """
        shift = rng.integers(0, length, len(self.n_likes))
        n_pieces = (self.n_likes + shift - 1) // length + 1
        owner = np.repeat(np.arange(len(self.n_likes)), n_pieces)
        chosen = rng.permutation(len(owner))[:at_most]
        owner, piece = owner[chosen], place_in_row(n_pieces)[chosen]
        place = (piece * length - shift[owner])[:, None] + np.arange(length + ahead)
        inside = (place >= 0) & (place < self.n_likes[owner, None])
        taken = np.where(inside, self.start[owner, None] + place, 0)
        return np.where(inside, self.item[taken], np.int32(self.n_items)).astype(np.int32)
