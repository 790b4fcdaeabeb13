"""A trained tower in plain arrays: what the Keras tower of the same weights computes, without loading TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.artifact import Layout, read_arrays, write_arrays

LAYER_NORM_EPSILON = np.float32(1e-3)
"""What Keras adds to the variance."""

SHORTEST = np.float32(1e-6)
"""What Keras takes at least for the length of a vector."""


@dataclass(frozen=True)
class Tower:
    """Hidden layers (dense, layer norm, ReLU), then a linear layer whose output is cut to unit length.

    `weights` come in Keras' order: kernel, bias, gain and shift of every hidden layer, then kernel and bias of the last one.
    """

    weights: Sequence[NDArray[np.float32]]

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn inputs (rows, columns) into vectors of unit length, (rows, embedding_size)."""
        *hidden, kernel, bias = self.weights
        values = inputs
        for layer in range(0, len(hidden), 4):
            hidden_kernel, hidden_bias, gain, shift = hidden[layer : layer + 4]
            values = np.maximum(_layer_norm(values @ hidden_kernel + hidden_bias) * gain + shift, 0)
        vectors = values @ kernel + bias
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), SHORTEST)

    def save(self, file: Path) -> None:
        """Write the weights under the names of `layouts`."""
        write_arrays(file, dict(zip(layouts(len(self.weights) // 4), self.weights, strict=True)))

    @classmethod
    def load(cls, file: Path, n_hidden: int) -> Self:
        """Read back a tower of so many hidden layers."""
        arrays = read_arrays(file, layouts(n_hidden))
        return cls([arrays[name] for name in layouts(n_hidden)])


def layouts(n_hidden: int) -> dict[str, Layout]:
    """Name the weights of a tower in their order; what one layer returns is what the next one takes."""
    named: dict[str, Layout] = {}
    for layer in range(n_hidden + 1):
        taken, returned = f"width {layer}", f"width {layer + 1}"
        named[f"kernel_{layer}"] = Layout(np.float32, (taken, returned))
        for part in ("bias", "gain", "shift") if layer < n_hidden else ("bias",):
            named[f"{part}_{layer}"] = Layout(np.float32, (returned,))
    return named


def _layer_norm(values: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = values - values.mean(axis=1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + LAYER_NORM_EPSILON)
