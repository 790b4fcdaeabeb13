"""Alternating least squares for implicit feedback: users and items as vectors whose product is the score."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, write_arrays, write_config
from models.collaborative.least_squares import Factors, Ridge, solve, turned
from models.directions import cosines
from models.drawn_users import some_users
from models.moved import moved_rows
from models.scorer import Family, Progress, TrainingData, UserBlock, silent
from models.sizes import PER_LIKE, Needs, Sizes, vectors
from models.sparse_product import product

LAYOUTS = {
    "vectors": Layout(np.float32, ("items", "factors")),
    "spectrum": Layout(np.float64, ("factors",)),
    "early": Layout(np.float32, ("items", "factors")),
    "knows_item": Layout(np.bool_, ("items",)),
    "loss": Layout(np.float64, ("iterations",)),
}


COPIES = 6
"""Copies of all vectors that stand side by side at most: solved, turned into another basis, padded, and before all that."""

STACKS = 64 << 20
"""Bytes of the systems that two threads solve at a time, whatever the number of users."""


class AlsConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How finely taste is described, and how much a like counts against all that was not touched."""

    embedding_size: int = Field(128, ge=1)
    """Numbers that describe a taste; more of them tell narrower tastes apart."""

    alpha: float = Field(20.0, gt=0)
    """Confidence that a like adds to the confidence of one that every pair has, touched or not."""

    reg: float = Field(0.03, gt=0)
    """L2 penalty on a vector for each unit of confidence its likes add: without it, people with few likes are described too boldly."""

    iterations: int = Field(6, ge=1)
    """Times that users, then items are solved; ranking quality peaks long before the loss stops falling."""

    warm_iterations: int = Field(1, ge=1)
    """How many of these are done again, of the last, where all but the newest likes have been learned from."""

    early_likes: int = Field(4_000_000, ge=1)
    """Likes, of users drawn by chance, that iterations before the last ones learn from: they only lead near the solution."""


class Als:
    """Users are folded in from their history each time they are scored (Hu, Koren, Volinsky 2008).

    Only the items' vectors are kept, with the spectrum of their Gram matrix, which is all that folding in needs.
    """

    name: ClassVar[str] = "als"
    family: ClassVar[Family] = "collaborative"

    def __init__(self, config: AlsConfig | None = None) -> None:
        self.config = config or AlsConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items that at least one user liked; (items,)."""
        return self._knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users who liked at least one known item; (block,)."""
        return users.likes_among(self._knows_item) > 0

    @property
    def item_factors(self) -> NDArray[np.float32]:
        """Return the vectors of the items, zero for unknown ones; (items, factors)."""
        return self._items.vectors

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Fold users in: their vectors given the items' vectors, zero for unknown users; (block, factors)."""
        return solve(_among(users.history, self._knows_item), self._items, self._ridge)

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Solve users and items in turns, from item vectors drawn with the seed."""
        rng, by_user = np.random.default_rng(seed), data.interactions.positives()
        drawn = rng.standard_normal((data.interactions.n_items, self.config.embedding_size), dtype=np.float32)
        vectors = drawn * np.float32(0.1 / np.sqrt(self.config.embedding_size))
        return self._solve(vectors, self.config.iterations, by_user, some_users(by_user, self.config.early_likes, rng), progress)

    def fit_from(self, judged: Self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:  # noqa: ARG002  nothing is drawn
        """Do the last iterations again, from where another one stood before them; an item new to it joins once the users are solved.

        Going on from where it ended would be further than lists are best at.
        """
        by_user = data.interactions.positives()
        return self._solve(judged._early, self._n_last, by_user, by_user, progress)

    @property
    def _n_last(self) -> int:
        return min(self.config.warm_iterations, self.config.iterations)

    def _solve(
        self, vectors: NDArray[np.float32], iterations: int, likes: sp.csr_matrix, early_likes: sp.csr_matrix, progress: Progress
    ) -> Self:
        """Solve in turns, by early likes until the last iterations and by all of them in these; (users, items) both."""
        self._knows_item = likes.getnnz(axis=0) > 0
        vectors = vectors * self._knows_item[:, None]
        self._loss: list[float] = []
        last = iterations - self._n_last
        whole = likes, _by_item(likes)
        early = whole if early_likes is likes else (early_likes, _by_item(early_likes))
        for iteration in range(iterations):
            by_user, by_item = whole if iteration >= last else early
            if iteration == last:
                self._early = vectors
            users = turned(solve(by_user, turned(vectors), self._ridge))
            vectors = solve(by_item, users, self._ridge)
            self._loss.append(self._loss_per_like(by_user, by_item, users, vectors))
            progress(f"iteration {iteration + 1} of {iterations}, loss {self._loss[-1]:.4f}")
        self._items = turned(vectors)
        return self

    def renumbered(self, then: NDArray[np.intp]) -> Self:
        """Return the same model behind another numbering of items; `then` (items,) holds the number of each so far, -1 for new ones."""
        moved = type(self)(self.config)
        moved._items = self._items._replace(vectors=moved_rows(self._items.vectors, then))
        moved._early, moved._knows_item = (moved_rows(rows, then) for rows in (self._early, self._knows_item))
        moved._loss = self._loss
        return moved

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Multiply the users' vectors with the items'; (block, items)."""
        return self.user_factors(users) @ self.item_factors.T

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the cosine between the vectors of items, (items, others); zero where either is unknown."""
        return cosines(self.item_factors[items], self.item_factors[others])

    def needs(self, sizes: Sizes) -> Needs:
        """Vectors of users and items, turned and padded, and one stack of systems a thread."""
        width = self.config.embedding_size
        of_all = vectors(sizes.n_users + sizes.n_items, width)
        return Needs(COPIES * of_all + STACKS + PER_LIKE * sizes.n_events, vectors(sizes.n_items, width))

    def curves(self) -> dict[str, list[float]]:
        """Return the training loss per like after each iteration."""
        return {"loss": self._loss}

    def save(self, folder: Path) -> None:
        """Write the items' vectors and what folding in needs."""
        write_config(folder, self.name, self.config)
        write_arrays(
            folder / "items.npz",
            {
                "vectors": self._items.vectors,
                "spectrum": self._items.spectrum,
                "early": self._early,
                "knows_item": self._knows_item,
                "loss": np.array(self._loss),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the items' vectors."""
        scorer = cls(read_config(folder, cls.name, AlsConfig))
        arrays = read_arrays(folder / "items.npz", LAYOUTS)
        scorer._items = Factors(arrays["vectors"], arrays["spectrum"])
        scorer._early, scorer._knows_item = arrays["early"], arrays["knows_item"]
        scorer._loss = arrays["loss"].tolist()
        return scorer

    @property
    def _ridge(self) -> Ridge:
        return Ridge(self.config.alpha, self.config.reg)

    def _loss_per_like(self, by_user: sp.csr_matrix, by_item: sp.csr_matrix, users: Factors, items: NDArray[np.float32]) -> float:
        """Return the loss that the iteration ends with, divided by the number of likes.

        A ridge regression that is solved leaves confidence - solution x right-hand side, so no pair needs to be visited again.
        """
        confidence = 1 + self.config.alpha
        explained = confidence * np.vdot(items.astype(np.float64), product(by_item, users.vectors))
        held_back = self._ridge.penalty(by_user) @ np.square(users.vectors, dtype=np.float64).sum(axis=1)
        return float((confidence * by_item.nnz - explained + held_back) / max(by_item.nnz, 1))


def _by_item(by_user: sp.csr_matrix) -> sp.csr_matrix:
    turned_round = by_user.T.tocsr()
    turned_round.sort_indices()
    return turned_round


def _among(history: sp.csr_matrix, knows_item: NDArray[np.bool_]) -> sp.csr_matrix:
    """Drop from histories what the model does not know; what remains keeps its columns."""
    if knows_item.all():
        return history
    known = history.copy()
    known.data *= knows_item[known.indices]
    known.eliminate_zeros()
    return known
