"""What a set's likes are learned from and what they are judged by: two protocols, both free of chance between machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

Protocol = Literal["last_one_out", "random"]

TRAIN, VALIDATION, TEST = 0, 1, 2

RANDOM_SEED = 20261121
"""Part of the random protocol: another seed is another benchmark."""

FEWEST_TO_HOLD_OUT = 3
"""Likes a user needs before the last two are held out."""

FEWEST_TO_SHARE = 5
"""Likes a user needs before a tenth and another tenth are held out at random."""


@dataclass(frozen=True)
class Likes:
    """The likes of a set, one row per (user, item): ids as in the source, and their places among all users and all items, ascending.

    `user_ids` (users,) and `item_ids` (items,) hold whoever occurs in any part: the catalogue that is ranked in full.
    """

    frame: pd.DataFrame
    user_ids: NDArray[np.generic]
    item_ids: NDArray[np.generic]

    @classmethod
    def of(cls, interactions: pd.DataFrame) -> Likes:
        """Number users and items; the first row of a repeated pair counts."""
        frame = interactions.drop_duplicates(["user_id", "item_id"]).reset_index(drop=True)
        user_ids, users = np.unique(frame.user_id.to_numpy(), return_inverse=True)
        item_ids, items = np.unique(frame.item_id.to_numpy(), return_inverse=True)
        return cls(frame.assign(user=users, item=items), user_ids, item_ids)

    def matrix(self, rows: NDArray[np.bool_]) -> sp.csr_matrix:
        """Return the marked likes as a (users, items) float32 matrix of ones."""
        pairs = (self.frame.user.to_numpy()[rows], self.frame.item.to_numpy()[rows])
        matrix = sp.csr_matrix((np.ones(len(pairs[0]), np.float32), pairs), shape=(len(self.user_ids), len(self.item_ids)))
        matrix.sort_indices()
        return matrix


def split(likes: Likes, protocol: Protocol) -> NDArray[np.int8]:
    """Say of each like whether it is trained on, validated with or tested with; (likes,)."""
    frame = likes.frame
    if protocol == "last_one_out":
        return last_one_out(frame.user.to_numpy(), frame.item.to_numpy(), frame.occurred_at.to_numpy())
    return random_share(frame.user.to_numpy(), RANDOM_SEED)


def last_one_out(user: NDArray[np.integer], item: NDArray[np.integer], occurred_at: NDArray[np.generic]) -> NDArray[np.int8]:
    """Test with each user's last like by (time, item), validate with the one before; users with fewer than three keep all."""
    order = np.lexsort((item, occurred_at, user))
    from_end, n_likes = _from_end(user[order])
    part = np.full(len(user), TRAIN, np.int8)
    enough = n_likes >= FEWEST_TO_HOLD_OUT
    part[order[enough & (from_end == 0)]] = TEST
    part[order[enough & (from_end == 1)]] = VALIDATION
    return part


def random_share(user: NDArray[np.integer], seed: int) -> NDArray[np.int8]:
    """Train on 80 %, validate with 10 % and test with 10 % of each user's likes; one number is drawn per row, in the order of rows."""
    order = np.lexsort((np.random.default_rng(seed).random(len(user)), user))
    from_end, n_likes = _from_end(user[order])
    place = (n_likes - 1 - from_end + 0.5) / n_likes
    part = np.full(len(user), TRAIN, np.int8)
    enough = n_likes >= FEWEST_TO_SHARE
    part[order[enough & (place > 0.8)]] = VALIDATION
    part[order[enough & (place > 0.9)]] = TEST
    return part


def _from_end(sorted_user: NDArray[np.integer]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return, for likes sorted by user, how many likes of the user follow and how many the user has; both (likes,)."""
    n_likes = np.bincount(sorted_user, minlength=1)
    ends = np.cumsum(n_likes)[sorted_user]
    return ends - 1 - np.arange(len(sorted_user)), n_likes[sorted_user]
