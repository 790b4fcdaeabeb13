"""The next item from the last few: their vectors pooled, dense layers, and a softmax over the catalogue tied to the same vectors."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_config, write_config
from models.scorer import RECENT, Family, Progress, TrainingData, UserBlock, silent
from models.sequential.item_vectors import first_items
from models.sequential.learned import Learned, masked_softmax
from models.sequential.stretches import Sequences
from models.sequential.training_config import TrainingConfig


class NextItemConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How far back the network looks, how it is built and how it learns."""

    last: int = Field(5, ge=1, le=RECENT)
    """Latest likes of a user that the network looks at."""

    embedding_size: int = Field(64, ge=1)
    """Length of the vectors of items and users."""

    hidden: tuple[int, ...] = (128, 128)
    """Units of each dense layer."""

    recency_decay: float = Field(0.7, gt=0, le=1)
    """What a like counts for each later one before training decides on it."""

    stretch: int = Field(50, ge=2)
    """Likes of one user that are learned from in one go; the first few of each look back on less than `last`."""

    training: TrainingConfig = TrainingConfig()
    """How the network learns."""


class NextItem:
    """The softmax network over the last items, with what such networks need to work on small and on large catalogues.

    State = pool + dense(...relu(dense(pool))), where the pool is the mean of the latest likes' vectors, weighted by learned places; scores
    are its products with the vectors of all items, plus how often each follows anyway.
    """

    name: ClassVar[str] = "next_item"
    family: ClassVar[Family] = "sequential"

    def __init__(self, config: NextItemConfig | None = None) -> None:
        self.config = config or NextItemConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items liked before or after another one; (items,)."""
        return self._learned.knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users with a known item among their latest likes; (block,)."""
        return self._learned.knows_user(users, self.config.last)

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Train the network on every like that follows another one; where interactions carry no times there are none."""
        from models.sequential.next_item_network import encode  # loads TensorFlow
        from models.sequential.sequence_training import train

        sequences = Sequences.of(data.interactions)
        start = first_weights(first_items(data.interactions, sequences, self.config.embedding_size, seed), self.config, seed)
        weights, losses = train(encode, start, sequences, self.config.stretch, self.config.training, seed, self.name, progress)
        self._learned = Learned(weights, sequences.likes_of_items > 0, np.array(losses, np.float64))
        return self

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Multiply the states of users with all items; (block, items)."""
        liked, known = self._learned.latest(users, self.config.last)
        return self._learned.scores(state(self._learned.weights, liked, known), known)

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the cosine between the vectors of items; (items, others)."""
        return self._learned.similarity(items, others)

    def curves(self) -> dict[str, list[float]]:
        """Return the mean loss of each epoch."""
        return {"loss": self._learned.losses.tolist()}

    def save(self, folder: Path) -> None:
        """Write the network."""
        write_config(folder, self.name, self.config)
        self._learned.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the network."""
        scorer = cls(read_config(folder, cls.name, NextItemConfig))
        scorer._learned = Learned.load(folder, layouts(len(scorer.config.hidden)))
        return scorer


def layouts(n_hidden: int) -> dict[str, Layout]:
    """Name the weights beside those of the items; what one layer returns is what the next one takes."""
    named = {"places": Layout(np.float32, ("last",))}
    for layer in range(n_hidden + 1):
        named[f"kernel_{layer}"] = Layout(np.float32, (f"width {layer}", f"width {layer + 1}"))
        named[f"bias_{layer}"] = Layout(np.float32, (f"width {layer + 1}",))
    return named


def first_weights(items: NDArray[np.float32], config: NextItemConfig, seed: int) -> dict[str, NDArray[np.float32]]:
    """Start from the pool alone: decayed places, drawn dense layers, and a last layer that adds nothing yet."""
    rng = np.random.default_rng(seed)
    weights = {"items": items, "places": (np.arange(config.last) * np.log(config.recency_decay)).astype(np.float32)}
    widths = (config.embedding_size, *config.hidden, config.embedding_size)
    for layer, (taken, returned) in enumerate(pairwise(widths)):
        scale = np.sqrt(2 / taken) if layer < len(config.hidden) else 0
        weights[f"kernel_{layer}"] = (rng.standard_normal((taken, returned)) * scale).astype(np.float32)
        weights[f"bias_{layer}"] = np.zeros(returned, np.float32)
    return weights


def state(weights: dict[str, NDArray[np.float32]], liked: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the state that the latest likes, newest first, (block, last, size), lead to; (block, size)."""
    shares = masked_softmax(np.broadcast_to(weights["places"][: known.shape[1]], known.shape), known)
    pool = np.einsum("bl,bls->bs", shares, liked)
    n_hidden = len(weights) // 2 - 2
    values = pool
    for layer in range(n_hidden):
        values = np.maximum(values @ weights[f"kernel_{layer}"] + weights[f"bias_{layer}"], 0)
    return pool + values @ weights[f"kernel_{n_hidden}"] + weights[f"bias_{n_hidden}"]
