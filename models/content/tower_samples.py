"""What the towers learn from: likes, each with its user as they were without the liked item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


@dataclass(frozen=True)
class Batch:
    """Likes of one training step, each to be told from the other items of the batch, or from the whole catalogue.

    Row r is user `user[r]`, (batch,), with inputs `user_inputs` (batch, user input columns), who likes candidate `target[r]`, (batch,).
    `candidates` (candidates,) are items; `log_chance` (candidates,) says how likely each is to be among them; `excluded` (batch,
    candidates) marks those that are no negatives of the row: what its user is known to like as well, or the liked item drawn again.
    """

    user: NDArray[np.intp]
    user_inputs: NDArray[np.float32]
    target: NDArray[np.int32]
    candidates: NDArray[np.int32]
    log_chance: NDArray[np.float32]
    excluded: NDArray[np.bool_]


def user_inputs(taste: NDArray[np.float32], weight: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put the mean inputs of what users like beside what is known of the users; (users, item input columns + known columns).

    `taste` is the sum of the inputs, (users, item input columns), of likes that weigh (users,). Who likes nothing has zeros for a mean.
    """
    return np.concatenate([taste / np.where(weight > 0, weight, np.float32(1))[:, None], known], axis=1)


class Samples:
    """Every like that can be learned from: something is known of its item, and of its user without it.

    `likes` is (users, items) and holds ones, only of items with inputs; `item_inputs` (items, item input columns); `known` (users, known
    columns) is what else is known of users, zeros where nothing is. `catalogue` holds the items that every like is told from; without
    it those are the items of the batch.
    """

    def __init__(
        self,
        likes: sp.csr_matrix,
        item_inputs: NDArray[np.float32],
        known: NDArray[np.float32],
        catalogue: NDArray[np.int32] | None = None,
    ) -> None:
        self.likes, self.item_inputs, self.known, self.catalogue = likes, item_inputs, known, catalogue
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
        inputs = user_inputs(taste, (self.n_likes[user] - 1).astype(np.float32), known)
        if self.catalogue is None:
            candidates, log_chance, target = item, self.log_chance[item], np.arange(len(item), dtype=np.int32)
        else:
            # All items are there for certain: nothing is to be corrected.
            candidates, log_chance = self.catalogue, np.zeros(len(self.catalogue), np.float32)
            target = np.searchsorted(candidates, item).astype(np.int32)
        excluded = self.likes[user][:, candidates].toarray() > 0
        excluded[np.arange(len(item)), target] = False
        return Batch(user, inputs, target, candidates, log_chance, excluded)
