"""How well items fit users, from their vectors."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

MODES = ("cosine", "scaled", "dot")

SHORTEST_SQUARED = 1e-12
"""Squared lengths below this count as this, so that a vector of zeros fits nothing instead of giving NaN."""


@keras.saving.register_keras_serializable(package="nightly_recs")
class NormalizedDotProductSimilarity(keras.layers.Layer):
    """Score candidates by the dot product of their vectors with the user's.

    [users (batch, size) or (batch, 1, size), items (batch, candidates, size)] -> scores (batch, candidates). Items (1, candidates, size)
    are shared by all users: one matrix product scores a catalogue. Items of two axes are refused: they could be meant as pairs or as a
    catalogue.

    mode "cosine" looks at directions alone, -1 to 1; "dot" lets length count, where popularity tends to hide; "scaled" is "dot" over the
    square root of size, so that random vectors of any size score alike (Vaswani et al. 2017).
    """

    def __init__(self, mode: str = "cosine", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
        self.mode = mode

    def call(self, inputs: Any) -> tf.Tensor:
        users, items = (tf.convert_to_tensor(vectors) for vectors in inputs)
        users = one_vector_each(users, items)
        if self.mode == "cosine":
            users, items = unit_length(users), unit_length(items)
        if self.mode == "scaled":
            users = users * float(users.shape[-1]) ** -0.5
        if items.shape[0] == 1:
            return tf.matmul(users, items[0], transpose_b=True)
        return tf.linalg.matvec(items, users)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


def one_vector_each(users: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
    """Return users as (batch, size); shapes that do not fit items (batch or 1, candidates, size) raise ValueError."""
    flat = users[:, 0] if users.shape.rank == 3 and users.shape[1] == 1 else users
    fits = flat.shape.rank == 2 and items.shape.rank == 3 and flat.shape[1] == items.shape[2]
    if not fits or (None not in (flat.shape[0], items.shape[0]) and items.shape[0] not in (1, flat.shape[0])):
        raise ValueError(f"users (batch, size) and items (batch, candidates, size) are needed, got {users.shape} and {items.shape}")
    return flat


def unit_length(vectors: tf.Tensor) -> tf.Tensor:
    """Return vectors (..., size) cut to length one; zeros stay zeros."""
    return tf.math.l2_normalize(vectors, axis=-1, epsilon=SHORTEST_SQUARED)
