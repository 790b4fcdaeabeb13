"""The hidden layers that towers and rankers are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras


def dense(units: int, l2_reg: float, seed: int | None, use_bias: bool = True) -> keras.layers.Dense:
    """Return a linear layer whose kernel costs `l2_reg` times the sum of its squares."""
    costs = keras.regularizers.L2(l2_reg) if l2_reg else None
    return keras.layers.Dense(units, use_bias=use_bias, kernel_initializer=keras.initializers.GlorotUniform(seed), kernel_regularizer=costs)


def after_dense(activation: Any, dropout_rate: float, seed: int | None) -> list[keras.layers.Layer]:
    """Return what follows a hidden linear layer: layer norm, activation, dropout.

    Batch norm, the usual choice, takes mean and variance over the batch: while training, a row's output would depend on its batch mates
    and on rows of padding, and in use on running means of batches long gone. Layer norm looks at one row alone.
    """
    return [keras.layers.LayerNormalization(), keras.layers.Activation(activation), keras.layers.Dropout(dropout_rate, seed=seed)]


def hidden_stack(
    widths: Sequence[int], activation: Any, dropout_rate: float, l2_reg: float, seeds: Iterator[int | None]
) -> list[keras.layers.Layer]:
    """Return hidden layers of these widths in the order in which they are called; each takes two of the seeds."""
    return [layer for width in widths for layer in (dense(width, l2_reg, next(seeds)), *after_dense(activation, dropout_rate, next(seeds)))]


def build_in_turn(layers: Sequence[keras.layers.Layer], shape: Sequence[int | None]) -> None:
    """Build layers that are called one after the other; shape (..., inputs) goes into the first."""
    for layer in layers:
        layer.build(tuple(shape))
        shape = layer.compute_output_shape(tuple(shape))
