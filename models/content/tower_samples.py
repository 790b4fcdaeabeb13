"""What the towers learn from: likes, each with its user as they were without the liked item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


@dataclass(frozen=True)
class Batch:
    """Likes of one training step: row r is a user who likes item r, and the other items of the batch are its negatives.

    `item` is (batch,); `user_inputs` (batch, user input columns); `log_chance` (batch,) says how likely a sample is of that item;
    `accidental` (batch, batch) marks the negatives (columns) that the user of the row is known to like, or that are the liked item.
    """

    item: NDArray[np.int32]
    user_inputs: NDArray[np.float32]
    log_chance: NDArray[np.float32]
    accidental: NDArray[np.bool_]


def user_inputs(taste: NDArray[np.float32], weight: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put the mean inputs of what users like beside what is known of the users; (users, item input columns + known columns).

    `taste` is the sum of the inputs, (users, item input columns), of likes that weigh (users,). Who likes nothing has zeros for a mean.
    """
    return np.concatenate([taste / np.where(weight > 0, weight, np.float32(1))[:, None], known], axis=1)


class Samples:
    """Every like that can be learned from: something is known of its item, and of its user without it.

    `likes` is (users, items) and holds ones, only of items with inputs; `item_inputs` (items, item input columns); `known` (users, known
    columns) is what else is known of users, zeros where nothing is.
    """

    def __init__(self, likes: sp.csr_matrix, item_inputs: NDArray[np.float32], known: NDArray[np.float32]) -> None:
        self.likes, self.item_inputs, self.known = likes, item_inputs, known
        self.taste: NDArray[np.float32] = likes @ item_inputs
        self.n_likes = np.diff(likes.indptr)
        learnable = np.repeat((self.n_likes > 1) | known.any(axis=1), self.n_likes)
        self.user = np.repeat(np.arange(likes.shape[0]), self.n_likes)[learnable]
        self.item: NDArray[np.int32] = likes.indices[learnable]
        chance = np.bincount(self.item, minlength=likes.shape[1]) / max(1, len(self))
        self.log_chance = np.log(np.where(chance > 0, chance, 1)).astype(np.float32)

    def __len__(self) -> int:
        return len(self.user)

    def batches(self, size: int, cold_share: float, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield batches of `size` samples without end, going through all samples in a new order each time.

        In `cold_share` of the samples a user of whom something else is known is shown without any likes, like one who just joined.
        """
        while True:
            order = rng.permutation(len(self))
            for start in range(0, len(self) - size + 1, size):
                yield self.batch(order[start : start + size], rng.random(size) < cold_share)

    def batch(self, rows: NDArray[np.intp], cold: NDArray[np.bool_]) -> Batch:
        """Gather samples; the liked item is taken out of its user's taste, or the towers would learn to find what they are shown."""
        user, item = self.user[rows], self.item[rows]
        known = self.known[user]
        cold = cold & known.any(axis=1)
        taste = np.where(cold[:, None], np.float32(0), self.taste[user] - self.item_inputs[item])
        weight = (self.n_likes[user] - 1).astype(np.float32)
        accidental = self.likes[user][:, item].toarray() > 0
        np.fill_diagonal(accidental, val=False)
        return Batch(item, user_inputs(taste, weight, known), self.log_chance[item], accidental)
