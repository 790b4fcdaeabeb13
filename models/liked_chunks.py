"""Users' likes in pieces of one size: what a model learns from that sees a user as what else they like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.negatives import Negatives


class LikedChunks(NamedTuple):
    """Row r holds likes of user[r]: `like` (chunks, size) are places in the entries of the (users, items) matrix, -1 where it is short."""

    user: NDArray[np.int32]
    like: NDArray[np.int32]


class ChunkConfig(Protocol):
    """What the configurations of models that learn from chunks have in common; the fields say there what they mean."""

    @property
    def chunk_size(self) -> int: ...
    @property
    def negatives(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def max_steps(self) -> int: ...


class ChunkBatch(NamedTuple):
    """Chunks of some users: user (chunks,), places (chunks, size) in the entries of the likes, -1 where a chunk is short.

    `items` (chunks, size + negatives) are the items at these places, and beside them as many that the user does not like; where there is
    no like stands the number of items.
    """

    user: NDArray[np.int32]
    places: NDArray[np.int32]
    items: NDArray[np.int32]


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


def chunk_batches(likes: sp.csr_matrix, negatives: Negatives, config: ChunkConfig, rng: np.random.Generator) -> Iterator[ChunkBatch]:
    """Yield the batches of one epoch, all of one shape; empty chunks fill the last one.

    The negatives of a batch are drawn when it is asked for: what the caller draws for it comes after them, and before those of the next.
    """
    user, like = liked_chunks(likes, chunk_width(likes, config.chunk_size), rng)
    shown = min(len(user), config.batch_size * max(1, config.max_steps // config.epochs))
    liked = np.append(likes.indices, likes.shape[1])
    for start in range(0, shown, config.batch_size):
        at = np.arange(start, start + config.batch_size)
        rows = at % shown
        places = np.where((at < shown)[:, None], like[rows], -1)
        drawn = negatives.draw(np.broadcast_to(user[rows, None], (len(rows), config.negatives)), rng)
        yield ChunkBatch(user[rows], places, np.hstack([liked[places], drawn]))
