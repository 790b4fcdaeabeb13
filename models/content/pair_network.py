"""A network that looks at a user and an item together, and re-ranks the few hundred items that the towers put first."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, write_arrays

LAYOUTS = {
    "kernel": Layout(np.float32, ("pair input columns", "hidden")),
    "bias": Layout(np.float32, ("hidden",)),
    "last": Layout(np.float32, ("hidden", "one")),
}


class PairNetworkConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How large the network is, what it re-ranks and how long it learns."""

    candidates: int = Field(200, ge=2)
    """Items of the towers, the best of each user, that trade places."""

    hidden: int = Field(256, ge=1)
    """Units between a pair's vectors and its score."""

    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of a pair's vectors hidden while learning."""

    negatives: int = Field(4, ge=1)
    """Candidates that a user does not like which each of their likes is compared with."""

    learning_rate: float = Field(1e-3, gt=0)
    """Step size of Adam."""

    batch_size: int = Field(512, ge=1)
    """Likes learned from at a time."""

    max_steps: int = Field(200, ge=1)
    """Batches learned from."""


class PairNetwork(NamedTuple):
    """One hidden layer with ReLU, then one linear unit: a score that can be negative, and of which no two are cut to the same zero."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    last: NDArray[np.float32]

    def __call__(self, users: NDArray[np.float32], items: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score each user with each of their own items: (block, width), (block, candidates, width) -> (block, candidates).

        The network reads both vectors and their product by columns; what it makes of the user is computed once for all candidates.
        """
        of_user, of_item, of_both = np.split(self.kernel, 3)
        hidden = items @ of_item + (items * users[:, None]) @ of_both + (users @ of_user + self.bias)[:, None]
        scores: NDArray[np.float32] = (np.maximum(hidden, 0) @ self.last)[..., 0]
        return scores

    def save(self, file: Path) -> None:
        """Write the weights."""
        write_arrays(file, self._asdict())

    @classmethod
    def load(cls, file: Path) -> PairNetwork:
        """Read back the weights."""
        return cls(**read_arrays(file, LAYOUTS))


def best_candidates(scores: NDArray[np.float32], open_to: NDArray[np.bool_], n: int) -> NDArray[np.intp]:
    """Return the n items that score highest among those a user is open to, or all there are, best first; (block, candidates)."""
    allowed = np.where(open_to, scores, -np.inf)
    n = min(n, scores.shape[1])
    found = np.sort(np.argpartition(-allowed, n - 1, axis=1)[:, :n], axis=1)
    order = np.argsort(-np.take_along_axis(allowed, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def traded_places(
    scores: NDArray[np.float32], candidates: NDArray[np.intp], by: NDArray[np.float32], open_to: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Let candidates, best first, trade their scores among themselves, so that they stand in the order of `by`.

    All other scores stay, and every candidate stays above whatever it was above as one of the candidates; a candidate that the user is not
    open to keeps its own score.
    """
    taking_part = np.take_along_axis(open_to, candidates, axis=1)
    order = np.argsort(-np.where(taking_part, by, -np.inf), axis=1, kind="stable")
    traded = scores.copy()
    np.put_along_axis(traded, np.take_along_axis(candidates, order, axis=1), np.take_along_axis(scores, candidates, axis=1), axis=1)
    return np.where(open_to, traded, scores)
