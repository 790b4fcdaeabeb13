"""Where the similarity of a user and an item comes from."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from models.layers.normalized_dot_product_similarity import SHORTEST_SQUARED, unit_length


@keras.saving.register_keras_serializable(package="nightly_recs")
class CosineSimilarityExplainer(keras.layers.Layer):
    """Return cosine similarities and, on request, what each part of the user adds to them.

    [user (batch, size) or (batch, parts, size), items (batch, candidates, size)] -> similarities (batch, candidates). A user of several
    parts is their sum: the vectors of the liked items, each times its weight, say, with zeros as padding. With `return_contributions` a
    second result (batch, candidates, parts) says how much of each similarity each part brings; over the parts it adds up to the
    similarity, so that the largest one names the liked item an item is recommended for. Vectors of zeros are similar to nothing: 0.
    """

    def __init__(self, return_contributions: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.return_contributions = bool(return_contributions)

    def call(self, inputs: Any) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        user, items = (tf.convert_to_tensor(vectors) for vectors in inputs)
        parts = user[:, None] if user.shape.rank == 2 else user
        if parts.shape.rank != 3 or items.shape.rank != 3 or parts.shape[2] != items.shape[2]:
            raise ValueError(f"user (batch, parts, size) and items (batch, candidates, size) are needed, got {user.shape}, {items.shape}")
        if not parts.shape[0:1].is_compatible_with(items.shape[0:1]):
            raise ValueError(f"as many users as lists of items are needed, got {user.shape}, {items.shape}")
        whole = tf.reduce_sum(parts, axis=1, keepdims=True)
        per_length = tf.math.rsqrt(tf.maximum(tf.reduce_sum(tf.square(whole), axis=-1, keepdims=True), SHORTEST_SQUARED))
        contributions = tf.matmul(unit_length(items), parts * per_length, transpose_b=True)
        similarities = tf.reduce_sum(contributions, axis=-1)
        return (similarities, contributions) if self.return_contributions else similarities

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "return_contributions": self.return_contributions}
