"""Users' likes in pieces of one size: what a model learns from that sees a user as what else they like."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


class LikedChunks(NamedTuple):
    """Row r holds likes of user[r]: `like` (chunks, size) are places in the entries of the (users, items) matrix, -1 where it is short."""

    user: NDArray[np.int32]
    like: NDArray[np.int32]


def chunk_width(likes: sp.csr_matrix, at_most: int) -> int:
    """Return how long chunks should be: twice as long as histories are on the average, since what is empty costs as much as what is not."""
    average = likes.nnz / max(1, int(np.count_nonzero(np.diff(likes.indptr))))
    return min(at_most, max(2, int(2 * average)))


def liked_chunks(likes: sp.csr_matrix, size: int, rng: np.random.Generator) -> LikedChunks:
    """Deal every user's likes, shuffled, into as few chunks of about equal length as hold them, and shuffle the chunks.

    Every like is in exactly one chunk. Users who like nothing, or everything, are in none: there is nothing to compare.
    """
    n_likes = np.diff(likes.indptr)
    user = np.repeat(np.arange(likes.shape[0]), n_likes)
    n_chunks = np.where(n_likes < likes.shape[1], -(-n_likes // size), 0)
    first = np.cumsum(n_chunks) - n_chunks
    dealt = np.lexsort((rng.random(likes.nnz), user))
    turn = np.arange(likes.nnz) - likes.indptr[user]
    used = n_chunks[user] > 0
    among, turn, dealt = user[used], turn[used], dealt[used]
    chunks = np.full((int(n_chunks.sum()), size), -1, np.int32)
    chunks[first[among] + turn % n_chunks[among], turn // n_chunks[among]] = dealt
    order = rng.permutation(len(chunks))
    return LikedChunks(np.repeat(np.arange(likes.shape[0], dtype=np.int32), n_chunks)[order], chunks[order])
