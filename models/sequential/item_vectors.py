"""Item vectors to start from, which say already who is liked near whom: a network that starts there needs few epochs."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.compute import side_by_side
from models.scorer import Interactions
from models.sequential.stretches import Sequences
from models.sequential.transitions import TransitionsConfig, Walks

NEARNESS = TransitionsConfig(window=10, step_decay=0.9, backwards=1.0)
"""What counts as near: both ways, for a vector knows no direction."""

LIKES_READ = 2_000_000
"""Likes that nearness is told from, of users drawn whole: many more would cost minutes for vectors that training moves anyway."""

SMOOTHING = 0.2
"""Share of an average item's pairs that each item is given beside its own: rare items must not be called close after one pair."""

SPARE_DIRECTIONS = 16
PASSES = 4
"""Directions more than wanted, and passes over the matrix, that make the randomised eigenvectors good enough to start from."""

SPREAD = 0.3
"""Root mean square of the numbers in the vectors."""

NOISE = 0.02
"""Root mean square of what is drawn on top, so that items without neighbours differ too."""


def first_items(happened: Interactions, sequences: Sequences, size: int, seed: int) -> NDArray[np.float32]:
    """Return the vectors of items and behind them the logarithm of how often each stands in a sequence; (items, size + 1)."""
    popular = np.log1p(sequences.likes_of_items)
    popular -= popular.mean() if len(popular) else 0
    return np.column_stack([vectors_by_nearness(happened, size, seed), popular]).astype(np.float32)


def with_new_items(items: NDArray[np.float32], known: NDArray[np.bool_], sequences: Sequences) -> NDArray[np.float32]:
    """Place items that sequences show for the first time at the mean of what stands right before and behind them.

    Takes and returns the vectors of items with how often each stands in a sequence in the last column, (items, size + 1); of items not
    `known`, (items,), they mean nothing yet.
    """
    likes = sequences.likes_of_items
    new = (likes > 0) & ~known
    if not new.any():
        return items
    follows = np.ones(len(sequences), np.bool_)
    follows[sequences.start] = False
    behind = np.flatnonzero(follows)
    one, other = np.r_[behind, behind - 1], np.r_[behind - 1, behind]
    tells = new[sequences.item[one]] & known[sequences.item[other]]
    there, neighbour = sequences.item[one[tells]], sequences.item[other[tells]]
    near = sp.csr_matrix((np.ones(len(there), np.float32), (there, neighbour)), shape=(len(items), len(items)))
    placed = items.copy()
    mean = (near @ items[:, :-1]) / np.maximum(np.asarray(near.sum(axis=1)), 1)
    placed[new, :-1] = mean[new]
    popular = np.log1p(likes)
    placed[new, -1] = popular[new] - popular.mean()
    return placed


def vectors_by_nearness(happened: Interactions, size: int, seed: int) -> NDArray[np.float32]:
    """Factorise how much more often than chance items are liked near each other; (items, size).

    The inner product of two vectors approximates log(1 + the ratio of both), up to one factor: Levy and Goldberg 2014, "Neural Word
    Embedding as Implicit Matrix Factorization", with eigenvectors found as in Halko et al. 2011.
    """
    rng = np.random.default_rng(seed)
    vectors = rng.normal(0, NOISE, (happened.n_items, size))
    nearness = _nearness(_of_some_users(happened, rng))
    if not nearness.nnz:
        return vectors.astype(np.float32)
    basis = rng.standard_normal((happened.n_items, min(size + SPARE_DIRECTIONS, happened.n_items)), dtype=np.float32)
    for _ in range(PASSES):
        basis, _ = np.linalg.qr(nearness @ basis)
    values, turns = np.linalg.eigh(basis.T @ (nearness @ basis))
    leading = np.argsort(-values, kind="stable")[:size]
    found = (basis @ turns[:, leading]) * np.sqrt(np.maximum(values[leading], 0))
    vectors[:, : len(leading)] += found * (SPREAD / max(np.sqrt(np.square(found).mean()), NOISE**2))
    return vectors.astype(np.float32)


def _of_some_users(happened: Interactions, rng: np.random.Generator) -> Interactions:
    """Keep the interactions of as many users, drawn at random, as have LIKES_READ likes together; of all where they have fewer."""
    n_likes = np.bincount(happened.user[happened.positive], minlength=happened.n_users)
    if n_likes.sum() <= LIKES_READ:
        return happened
    drawn = rng.permutation(happened.n_users)
    kept = np.zeros(happened.n_users, np.bool_)
    kept[drawn[np.cumsum(n_likes[drawn]) <= LIKES_READ]] = True
    return happened.where(kept[happened.user])


def _nearness(happened: Interactions) -> sp.csr_matrix:
    walks = Walks.of(happened, NEARNESS)
    total, _ = walks.sums()
    smoothed = total + SMOOTHING * total.mean()

    def compared_with_chance(items: range) -> sp.csr_matrix:
        counts = walks.counts(items)
        by_chance = np.repeat(smoothed[items.start : items.stop], np.diff(counts.indptr)) * smoothed[counts.indices] / total.sum()
        return sp.csr_matrix((np.log1p(counts.data / by_chance).astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)

    return sp.vstack(side_by_side(compared_with_chance, walks.lots()), format="csr")
