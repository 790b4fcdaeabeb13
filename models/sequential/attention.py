"""Self-attention over the likes of a user in their order: each like asks those before it what comes next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from models.artifact import Layout, read_config
from models.scorer import RECENT
from models.sequential.learned import masked_softmax
from models.sequential.network_scorer import Network, NetworkScorer
from models.sequential.training_config import TrainingConfig

if TYPE_CHECKING:
    from models.sequential.sequence_training import Encode

STEADY = np.float32(1e-5)
"""Added to a variance before dividing by its root."""

FIRST_GAIN = 0.5
"""What the levelled result is multiplied with at first: at 1 the softmax starts too sure of itself."""

LAYOUTS = {
    "places": Layout(np.float32, ("heads", "last")),
    **{name: Layout(np.float32, ("size", "turned")) for name in ("query", "key", "value", "told")},
    **{f"{part}_{name}": Layout(np.float32, ("size",)) for part in ("gain", "shift") for name in ("likes", "states", "result")},
    "kernel_0": Layout(np.float32, ("size", "hidden")),
    "bias_0": Layout(np.float32, ("hidden",)),
    "kernel_1": Layout(np.float32, ("hidden", "size")),
    "bias_1": Layout(np.float32, ("size",)),
}


class AttentionConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How far back the network looks, how it is built and how it learns."""

    last: int = Field(50, ge=2, le=RECENT)
    """Latest likes of a user that the network looks at."""

    embedding_size: int = Field(64, ge=1)
    """Length of the vectors of items and users."""

    heads: int = Field(2, ge=1)
    """Ways of looking back; each has its share of the vectors, and at first looks twice as far back as the one before."""

    hidden: int = Field(128, ge=1)
    """Units of the dense layer behind the attention."""

    recency_decay: float = Field(0.7, gt=0, le=1)
    """What a like counts for each later one in the first way of looking back, before training decides on it."""

    training: TrainingConfig = TrainingConfig()
    """How the network learns."""

    @model_validator(mode="after")
    def _heads_share_vectors(self) -> Self:
        if self.embedding_size % self.heads:
            raise ValueError(f"embedding_size ({self.embedding_size}) must be a multiple of heads ({self.heads})")
        return self


class Attention(NetworkScorer[AttentionConfig]):
    """One causal self-attention block, as in SASRec (Kang and McAuley 2018), trained with the softmax over the catalogue.

    One block only: the latest like alone then has to ask when users are scored. How far back a like is counts by a learned number per step
    and head instead of place vectors, so that the same likes mean the same however many came before.
    """

    name: ClassVar[str] = "attention"

    def __init__(self, config: AttentionConfig | None = None) -> None:
        config = config or AttentionConfig()
        super().__init__(config, network(config))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the network."""
        return cls(read_config(folder, cls.name, AttentionConfig)).with_weights_of(folder)


def network(config: AttentionConfig) -> Network:
    """Return the network of this configuration, as `NetworkScorer` takes it."""

    def encode() -> Encode:
        from models.sequential import attention_network  # loads TensorFlow

        return attention_network.encode

    return Network(
        embedding_size=config.embedding_size,
        last=config.last,
        stretch=config.last,
        training=config.training,
        first_weights=lambda items, seed: first_weights(items, config, seed),
        state=state,
        encode=encode,
        layouts=LAYOUTS,
    )


def first_weights(items: NDArray[np.float32], config: AttentionConfig, seed: int) -> dict[str, NDArray[np.float32]]:
    """Start from drawn kernels and places that count less the further back they are."""
    rng = np.random.default_rng(seed)
    size = config.embedding_size
    decay = np.log(config.recency_decay) * 0.5 ** np.arange(config.heads)[:, None]
    shapes = dict.fromkeys(("query", "key", "value", "told"), (size, size)) | {
        "kernel_0": (size, config.hidden),
        "kernel_1": (config.hidden, size),
    }
    weights = {"items": items, "places": decay * np.arange(config.last)}
    weights |= {name: rng.standard_normal(shape) / np.sqrt(shape[0]) for name, shape in shapes.items()}
    weights |= {"bias_0": np.zeros(config.hidden), "bias_1": np.zeros(size)}
    for name, gain in (("likes", 1.0), ("states", 1.0), ("result", FIRST_GAIN)):
        weights |= {f"gain_{name}": np.full(size, gain), f"shift_{name}": np.zeros(size)}
    return {name: values.astype(np.float32) for name, values in weights.items()}


def state(weights: dict[str, NDArray[np.float32]], liked: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the state after the latest like, given the latest likes, newest first, (block, last, size); (block, size).

    Only the latest known like asks, so that nothing is computed for those before it but what they answer. Likes in front of it that are
    unknown count as steps back, as they do in training.
    """
    n_heads, _ = weights["places"].shape
    block, last, size = liked.shape
    levelled = _levelled(liked, weights, "likes")
    asked = (levelled[:, 0] @ weights["query"]).reshape(block, n_heads, size // n_heads)
    answer, told = ((levelled @ weights[name]).reshape(block, last, n_heads, size // n_heads) for name in ("key", "value"))
    logits = np.einsum("bhs,blhs->bhl", asked, answer) * np.float32((size // n_heads) ** -0.5) + weights["places"][None, :, :last]
    shares = masked_softmax(logits, np.broadcast_to(known[:, None, :], logits.shape))
    heard = np.einsum("bhl,blhs->bhs", shares, told).reshape(block, size)
    states = liked[:, 0] + heard @ weights["told"]
    inner = np.maximum(_levelled(states, weights, "states") @ weights["kernel_0"] + weights["bias_0"], 0)
    states = states + inner @ weights["kernel_1"] + weights["bias_1"]
    return _levelled(states, weights, "result")


def _levelled(values: NDArray[np.float32], weights: dict[str, NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + STEADY)
    return centred / spread * weights[f"gain_{name}"] + weights[f"shift_{name}"]
