"""The next item from the last few: their vectors pooled, dense layers, and a softmax over the catalogue tied to the same vectors."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_config
from models.scorer import RECENT
from models.sequential.learned import masked_softmax
from models.sequential.network_scorer import Network, NetworkScorer
from models.sequential.training_config import TrainingConfig

if TYPE_CHECKING:
    from models.sequential.sequence_training import Encode


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


class NextItem(NetworkScorer[NextItemConfig]):
    """The softmax network over the last items, with what such networks need to work on small and on large catalogues.

    State = pool + dense(...relu(dense(pool))), where the pool is the mean of the latest likes' vectors, weighted by learned places; scores
    are its products with the vectors of all items, plus how often each follows anyway.
    """

    name: ClassVar[str] = "next_item"

    def __init__(self, config: NextItemConfig | None = None) -> None:
        config = config or NextItemConfig()
        super().__init__(config, network(config))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the network."""
        return cls(read_config(folder, cls.name, NextItemConfig)).with_weights_of(folder)


def network(config: NextItemConfig) -> Network:
    """Return the network of this configuration, as `NetworkScorer` takes it."""

    def encode() -> Encode:
        from models.sequential import next_item_network  # loads TensorFlow

        return next_item_network.encode

    return Network(
        embedding_size=config.embedding_size,
        last=config.last,
        stretch=config.stretch,
        training=config.training,
        first_weights=lambda items, seed: first_weights(items, config, seed),
        state=state,
        encode=encode,
        layouts=layouts(len(config.hidden)),
    )


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
