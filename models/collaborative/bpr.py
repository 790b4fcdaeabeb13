"""Bayesian personalised ranking: what a user likes should score higher than what they do not."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, write_arrays, write_config
from models.directions import cosines
from models.scorer import Family, Progress, TrainingData, UserBlock, silent
from models.sizes import COMPILED, PER_LIKE, Needs, Sizes, vectors

LAYOUTS = {
    "vectors": Layout(np.float32, ("items", "embedding_size")),
    "bias": Layout(np.float32, ("items",)),
    "knows_item": Layout(np.bool_, ("items",)),
    "loss": Layout(np.float64, ("epochs",)),
}


class BprConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How finely taste is described, what counts as a wrong order, and how long to learn."""

    embedding_size: int = Field(64, ge=1)
    """Numbers that describe an item."""

    loss: Literal["softplus", "one_minus_sigmoid"] = "softplus"
    """What a wrong order costs: -log sigmoid, or 1 - sigmoid, which gives up on the pairs that are most wrong."""

    negatives: int = Field(128, ge=1)
    """Items a user does not like that each of their likes is compared with."""

    hardness: float = Field(1.0, ge=0)
    """How much more a negative counts that scores high: the logarithm of its weight is the score times this."""

    chunk_size: int = Field(64, ge=2)
    """Likes of a user, at most, that describe them at a time while learning."""

    exponent: float = Field(0.5, ge=0, le=1)
    """Power of the number of likes that their sum is divided by: at 1 everybody is an average, at 0 more likes speak louder."""

    reg: float = Field(1e-3, ge=0)
    """L2 penalty on the vectors that a step touches."""

    learning_rate: float = Field(0.1, gt=0)
    """Step size at the start, before Adagrad shortens it row by row; it falls to zero over all epochs."""

    batch_size: int = Field(64, ge=1)
    """Chunks learned from at a time."""

    epochs: int = Field(15, ge=1)
    """How often every like is learned from, at most."""

    max_steps: int = Field(1800, ge=1)
    """Batches learned from, at most: where likes are many, an epoch shows only as many as an equal part of these can hold."""


class Bpr:
    """Rank by the product of what a user likes and what an item is.

    A user's vector is the sum of the vectors of what they like, divided by a power of how many these are; while learning from a like, that
    like is left out of it. Users need no vectors of their own, so whoever joins later is served like everybody else. (Rendle et al. 2009,
    "BPR"; users as in Kabbur, Ning, Karypis 2013, "FISM", with one vector for both sides of an item.)
    """

    name: ClassVar[str] = "bpr"
    family: ClassVar[Family] = "collaborative"

    def __init__(self, config: BprConfig | None = None) -> None:
        self.config = config or BprConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items that at least one user liked; (items,)."""
        return self._knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users who liked at least one known item; (block,)."""
        return users.likes_among(self._knows_item) > 0

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Learn from the likes; items that nobody likes are never shown as negatives either."""
        likes = data.interactions.positives()
        self._knows_item = likes.getnnz(axis=0) > 0
        self._vectors = np.zeros((likes.shape[1], self.config.embedding_size), np.float32)
        self._bias = np.zeros(likes.shape[1], np.float32)
        self._loss: list[float] = []
        if likes.nnz:
            from models.collaborative.bpr_network import train_bpr  # loads TensorFlow

            among_known = likes[:, self._knows_item].sorted_indices()
            self._vectors[self._knows_item], self._bias[self._knows_item], self._loss = train_bpr(among_known, self.config, seed, progress)
        return self

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Multiply the users' vectors with the items' and add the items' biases; (block, items)."""
        return self.user_factors(users) @ self.item_factors.T

    @property
    def item_factors(self) -> NDArray[np.float32]:
        """Return the items' vectors and, in the last column, their biases; (items, embedding_size + 1)."""
        return np.column_stack([self._vectors, self._bias])

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Add up the vectors of what users like; the last column is one for users who are known; (block, embedding_size + 1)."""
        n_liked = users.likes_among(self._knows_item)
        size = np.power(np.maximum(n_liked, 1), self.config.exponent, dtype=np.float32)
        return np.column_stack([users.history @ self._vectors / size[:, None], n_liked > 0]).astype(np.float32, copy=False)

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the cosine between the vectors of items, (items, others); zero where either is unknown."""
        return cosines(self._vectors[items], self._vectors[others])

    def needs(self, sizes: Sizes) -> Needs:
        """The items' vectors as they are and as they learn, and the likes dealt into chunks."""
        of_items = vectors(sizes.n_items, self.config.embedding_size + 1)
        return Needs(COMPILED + 4 * of_items + 2 * PER_LIKE * sizes.n_events, 2 * of_items)

    def curves(self) -> dict[str, list[float]]:
        """Return the mean loss of each epoch."""
        return {"loss": self._loss}

    def save(self, folder: Path) -> None:
        """Write the items' vectors and biases."""
        write_config(folder, self.name, self.config)
        learned = {"vectors": self._vectors, "bias": self._bias, "knows_item": self._knows_item}
        write_arrays(folder / "items.npz", {**learned, "loss": np.array(self._loss, np.float64)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the items' vectors and biases."""
        scorer = cls(read_config(folder, cls.name, BprConfig))
        arrays = read_arrays(folder / "items.npz", LAYOUTS)
        scorer._vectors, scorer._bias, scorer._knows_item = arrays["vectors"], arrays["bias"], arrays["knows_item"]
        scorer._loss = arrays["loss"].tolist()
        return scorer
