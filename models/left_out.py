"""The candidates of a block of users, the best of everything that was scored, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.chosen import Reach, listed_in, ranking

LISTED = -1
"""The code of a candidate that is recommended."""

SHARE_UNAVAILABLE = 4
"""So many recommendable items are scored for each one that is not: people ask about the liked ones, and the rest would cost time."""


def scored_items(likes: NDArray[np.integer], recommendable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark what is scored, given the likes of each item: what may be recommended, and the most liked of what may not; (items,)."""
    liked = np.flatnonzero(~recommendable & (likes > 0))
    most_liked = liked[np.lexsort((liked, -likes[liked]))][: np.count_nonzero(recommendable) // SHARE_UNAVAILABLE]
    scored = recommendable.copy()
    scored[most_liked] = True
    return scored


@dataclass(frozen=True)
class Candidates:
    """Row by row: `user`, a row of the block, `rank` among everything scored for the user, `item`, its `score` with boosts.

    `code` is LISTED where the item is recommended, else that of the reason why it is not.
    """

    user: NDArray[np.intp]
    rank: NDArray[np.int16]
    item: NDArray[np.int32]
    score: NDArray[np.float32]
    code: NDArray[np.int8]


def candidates(reach: Reach, codes: NDArray[np.int8], listed: NDArray[np.int32], most: int) -> Candidates:
    """Return the best candidates of each user, whatever bars them.

    `codes` say why each of `reach.items` is not recommended, `listed` (block, k) holds those that are.
    """
    scores = reach.scores.astype(np.float64)
    order = ranking(scores, reach.items)[:, :most]
    items = np.take_along_axis(reach.items, order, axis=1)
    code = np.take_along_axis(codes, order, axis=1)
    code[listed_in(items, listed)] = LISTED
    user, place = np.nonzero(items >= 0)
    score = np.take_along_axis(reach.scores, order, axis=1)[user, place]
    return Candidates(user, (place + 1).astype(np.int16), items[user, place], score, code[user, place])
