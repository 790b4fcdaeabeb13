"""Non-negative matrix factorisation: tastes as sums of parts, none of which takes anything away."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, write_arrays, write_config
from models.collaborative.nonnegative import NonNegative, improved, solved
from models.directions import cosines
from models.scorer import Family, Progress, TrainingData, UserBlock, silent
from models.sizes import PER_LIKE, Needs, Sizes, vectors

LAYOUTS = {
    "parts": Layout(np.float32, ("items", "embedding_size")),
    "n_likes": Layout(np.int64, ("items",)),
    "loss": Layout(np.float64, ("iterations",)),
}


class NmfConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How many parts tastes are made of, and how freely popular items fill them."""

    embedding_size: int = Field(64, ge=1)
    """Parts; more of them tell narrower tastes apart."""

    reg: float = Field(0.1, ge=0)
    """L2 penalty on how much of a part users and items have, where all likes of a user count as one."""

    damping: float = Field(0.25, ge=0, le=0.5)
    """Each like is divided by this power of its item's likes, lest what everybody likes fill the parts: at zero all likes count alike."""

    iterations: int = Field(50, ge=1)
    """Times that users' and items' shares of the parts are improved in turns."""


class Nmf:
    """Users are folded in from their history each time they are scored: how much of each part explains it best, never less than nothing.

    Hierarchical alternating least squares (Cichocki, Phan 2009) on the likes, each divided by the root of how many its user has.
    """

    name: ClassVar[str] = "nmf"
    family: ClassVar[Family] = "collaborative"

    def __init__(self, config: NmfConfig | None = None) -> None:
        self.config = config or NmfConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items that at least one user liked; (items,)."""
        return self._n_likes > 0

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users who liked at least one known item; (block,)."""
        return users.likes_among(self.knows_item) > 0

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Improve users and items in turns, from parts of items drawn with the seed."""
        positives = data.interactions.positives()
        self._n_likes = np.asarray(positives.getnnz(axis=0), np.int64)
        likes = self._weighed(positives)
        by_item = likes.T.tocsr()
        drawn = np.abs(np.random.default_rng(seed).standard_normal((by_item.shape[0], self.config.embedding_size), dtype=np.float32))
        items: NonNegative = drawn * self.knows_item[:, None]
        users = np.zeros((likes.shape[0], self.config.embedding_size), np.float32)
        self._loss: list[float] = []
        for iteration in range(self.config.iterations):
            users = improved(users, likes @ items, items, self.config.reg)
            answers = by_item @ users
            items = improved(items, answers, users, self.config.reg)
            self._loss.append(_loss(likes, users, items, answers))
            progress(f"iteration {iteration + 1} of {self.config.iterations}, unexplained {self._loss[-1]:.4f}")
        self._parts = items
        return self

    @property
    def item_factors(self) -> NDArray[np.float32]:
        """Return the items' shares of the parts, popular ones held back; (items, parts)."""
        return self._parts * self._held_back(self.config.damping)[:, None]

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Return the users' shares of the parts; (block, parts)."""
        history = self._weighed(users.history)
        return solved(history @ self._parts, self._parts, self.config.reg)

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Add up the parts of users; (block, items)."""
        return self.user_factors(users) @ self.item_factors.T

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the cosine between items' shares of the parts, (items, others); zero where either is unknown."""
        return cosines(self._parts[items], self._parts[others])

    def needs(self, sizes: Sizes) -> Needs:
        """The parts of users and items, each with what improves it."""
        width = self.config.embedding_size
        of_all = vectors(sizes.n_users + sizes.n_items, width)
        return Needs(4 * of_all + PER_LIKE * sizes.n_events, 2 * vectors(sizes.n_items, width))

    def curves(self) -> dict[str, list[float]]:
        """Return the share of the likes that is not explained, after each iteration."""
        return {"loss": self._loss}

    def save(self, folder: Path) -> None:
        """Write the items' shares of the parts."""
        write_config(folder, self.name, self.config)
        write_arrays(folder / "items.npz", {"parts": self._parts, "n_likes": self._n_likes, "loss": np.array(self._loss)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the items' shares of the parts."""
        scorer = cls(read_config(folder, cls.name, NmfConfig))
        arrays = read_arrays(folder / "items.npz", LAYOUTS)
        scorer._parts, scorer._n_likes, scorer._loss = arrays["parts"], arrays["n_likes"], arrays["loss"].tolist()
        return scorer

    def _weighed(self, likes: sp.csr_matrix) -> sp.csr_matrix:
        """Hold popular items back, leave unknown ones out, and divide by the root of how many likes a user has."""
        n_known = likes @ self.knows_item.astype(np.float32)
        by_user = np.repeat(1 / np.sqrt(np.maximum(n_known, 1)), np.diff(likes.indptr))
        data = by_user * self._held_back(-self.config.damping)[likes.indices]
        return sp.csr_matrix((data.astype(np.float32), likes.indices, likes.indptr), shape=likes.shape)

    def _held_back(self, power: float) -> NDArray[np.float32]:
        """Return a power of the items' likes, zero for unknown items; (items,)."""
        return np.where(self.knows_item, np.maximum(self._n_likes, 1).astype(np.float64) ** power, 0).astype(np.float32)


def _loss(likes: sp.csr_matrix, users: NonNegative, items: NonNegative, answers: NDArray[np.float32]) -> float:
    """Return |likes - users items'|², as a share of |likes|², from what the iteration has computed already."""
    whole = float(np.square(likes.data, dtype=np.float64).sum())
    met = float(np.vdot(answers.astype(np.float64), items))
    explained = float(np.vdot(users.T.astype(np.float64) @ users, items.T.astype(np.float64) @ items))
    return (whole - 2 * met + explained) / whole if whole else 0.0
