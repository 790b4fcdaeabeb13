"""What the hybrid model has learned, in plain arrays: how items and users become vectors, without loading TensorFlow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class HybridWeights(NamedTuple):
    """The weights of both towers, float32.

    Of items that somebody liked: `item_id` and `history` (known items, embedding_size), `item_bias` (known items, 1). Of metadata:
    `item_kernel` (item input columns, embedding_size), `bias_kernel` (item input columns, 1) and `user_kernel` (user input columns,
    embedding_size). `newcomer` (1, embedding_size) stands for the likes of who has none.
    """

    item_id: NDArray[np.float32]
    history: NDArray[np.float32]
    item_bias: NDArray[np.float32]
    item_kernel: NDArray[np.float32]
    bias_kernel: NDArray[np.float32]
    user_kernel: NDArray[np.float32]
    newcomer: NDArray[np.float32]


class HybridItems(NamedTuple):
    """Every item of a catalogue: `vectors` and `history` (items, embedding_size) and `bias` (items,)."""

    vectors: NDArray[np.float32]
    history: NDArray[np.float32]
    bias: NDArray[np.float32]

    @classmethod
    def of(cls, weights: HybridWeights, inputs: NDArray[np.float32], liked: NDArray[np.bool_]) -> HybridItems:
        """Describe items by their inputs (items, columns), and those that somebody liked, (items,), by what they are themselves as well."""
        vectors, bias = inputs @ weights.item_kernel, (inputs @ weights.bias_kernel)[:, 0]
        history = np.zeros_like(vectors)
        vectors[liked] += weights.item_id
        bias[liked] += weights.item_bias[:, 0]
        history[liked] = weights.history
        return cls(vectors, history, bias)


def mean_of_rows(table: NDArray[np.float32], rows: NDArray[np.integer], counted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Average the rows of a table that count: (..., entries) -> (..., width); zeros where none does. What pads never counts."""
    total = np.einsum("...ew,...e->...w", table[np.where(counted, rows, 0)], counted.astype(np.float32))
    return total / np.maximum(counted.sum(axis=-1), 1).astype(np.float32)[..., None]
