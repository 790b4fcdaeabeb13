"""What a rating model has learned of items, and how a user is described by it: fitted to their own ratings each time they are scored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.collaborative.rating_head import FLOOR, Head, output, slope
from models.compute import side_by_side
from models.ragged import WIDTHS, padded_places

STEEPEST: dict[Head, float] = {"linear": 1.0, "sigmoid": 0.25, "tanh": 1.0}

STEPS: dict[Head, int] = {"linear": 1, "sigmoid": 12, "tanh": 12}
"""Steps to a user's description: a linear head needs one, a bounded one comes near without ever overshooting."""

ENTRIES_AT_ONCE = 1 << 13
"""Padded ratings of users described together: what is gathered for them should stay in the processor's cache."""


class RatingFactors(NamedTuple):
    """Items as vectors (items, embedding_size) with a bias each (items,), and the bias of everything."""

    vectors: NDArray[np.float32]
    bias: NDArray[np.float32]
    overall: float

    @classmethod
    def blank(cls, n_items: int, embedding_size: int) -> RatingFactors:
        """Return what is known of items before anything is learned."""
        return cls(np.zeros((n_items, embedding_size), np.float32), np.zeros(n_items, np.float32), 0.0)

    def sums(self, users: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the head is applied to: users (block, embedding_size + 1), the last column a bias -> (block, items)."""
        return users[:, :-1] @ self.vectors.T + users[:, -1:] + (self.bias + np.float32(self.overall))

    def sums_of_pairs(self, users: NDArray[np.float32], items: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the same for one item of each user: (pairs, embedding_size + 1) and (pairs,) -> (pairs,)."""
        return np.einsum("pf,pf->p", users[:, :-1], self.vectors[items]) + users[:, -1] + self.bias[items] + np.float32(self.overall)

    def describe(self, targets: sp.csr_matrix, head: Head, reg: float, untouched: NDArray[np.integer]) -> NDArray[np.float32]:
        """Fit a vector and a bias to each user's own targets, (users, items) -> (users, embedding_size + 1); zeros for who has none.

        It minimises the squared errors plus reg for each target times the squared length. Where only likes are known, `untouched`
        items (else none) stand for everything not liked: their target is the head's lowest, and together they weigh as much as the
        likes, as they did in training.
        """
        found = np.zeros((targets.shape[0], self.vectors.shape[1] + 1), np.float32)
        lengths = np.diff(targets.indptr)
        with_bias = np.hstack([self.vectors, np.ones((len(self.bias), 1), np.float32)])
        directions = np.vstack([with_bias, np.zeros((1, found.shape[1]), np.float32)])  # the last one pads
        known = np.append(self.bias + np.float32(self.overall), np.float32(0))

        def describe_stack(rows: NDArray[np.intp]) -> None:
            place, present = padded_places(targets.indptr, rows, WIDTHS[np.searchsorted(WIDTHS, lengths[rows].max())])
            columns = np.where(present, targets.indices[place], len(self.bias))
            target, weight = np.where(present, targets.data[place], 0), present.astype(np.float32)
            if len(untouched):
                free = targets[rows][:, untouched].toarray() == 0
                share = lengths[rows][:, None] / np.maximum(free.sum(axis=1, keepdims=True), 1)
                columns = np.hstack([columns, np.broadcast_to(untouched, free.shape)])
                target = np.hstack([target, np.full(free.shape, FLOOR[head])])
                weight = np.hstack([weight, free * share])
            found[rows] = _fit(directions[columns], known[columns], target.astype(np.float32), weight.astype(np.float32), head, reg)

        side_by_side(describe_stack, _stacks(lengths, len(untouched)))
        return found


def _stacks(lengths: NDArray[np.intp], n_more: int) -> Iterator[NDArray[np.intp]]:
    """Cut users into groups of about as many targets, each with n_more in addition; who has none is in no group."""
    widths = np.searchsorted(WIDTHS, lengths)
    for width in np.unique(widths[lengths > 0]):
        same = np.flatnonzero((widths == width) & (lengths > 0))
        at_once = max(1, ENTRIES_AT_ONCE // (int(WIDTHS[width]) + n_more))
        for start in range(0, len(same), at_once):
            yield same[start : start + at_once]


def _fit(
    directions: NDArray[np.float32],
    known: NDArray[np.float32],
    target: NDArray[np.float32],
    weight: NDArray[np.float32],
    head: Head,
    reg: float,
) -> NDArray[np.float32]:
    """Solve stacked ridge regressions; directions (users, entries, width), the others (users, entries) -> (users, width).

    For a bounded head every step pretends that the head is as steep everywhere as where it is steepest: no step overshoots.
    """
    transposed = (directions * weight[..., None]).transpose(0, 2, 1)
    penalty = (reg * weight.sum(axis=1) + np.float32(1e-6)).astype(np.float32)
    normal = np.float32(STEEPEST[head] ** 2) * (transposed @ directions)
    diagonal = np.arange(normal.shape[-1])
    normal[:, diagonal, diagonal] += penalty[:, None]
    found = np.zeros((len(directions), directions.shape[2], 1), np.float32)
    inverse = np.linalg.inv(normal) if STEPS[head] > 1 else None
    for _ in range(STEPS[head]):
        said = output(known[..., None] + directions @ found, head)
        downhill = transposed @ ((target[..., None] - said) * slope(said, head)) - penalty[:, None, None] * found
        found = found + (inverse @ downhill if inverse is not None else np.linalg.solve(normal, downhill))
    return found[..., 0]
