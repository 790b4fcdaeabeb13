"""The best candidates of every user."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.layers.arguments import positive_integer
from models.layers.collaborative_user_item_embedding import integers
from models.layers.loud import require


@keras.saving.register_keras_serializable(package="nightly_recs")
class TopKRecommendationSelector(keras.layers.Layer):
    """Return the k best candidates and their scores, best first.

    scores (batch, candidates) -> positions (batch, k) and scores (batch, k). With `item_ids` (batch, candidates) beside the scores the
    first result holds ids, and each id once, at its best score. Equal scores are ordered by the lower id, or position, so that a list does
    not depend on the order of the candidates. A candidate scored -inf is masked and never returned; rows with fewer than k others end in
    -1 and -inf. NaN and +inf raise, since TensorFlow would rank NaN first; under XLA, where nothing can raise, such a row is -1 and NaN.
    """

    def __init__(self, k: int = 10, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k = positive_integer("k", k)
        self.supports_jit = False

    def call(self, scores: Any, item_ids: Any = None) -> tuple[tf.Tensor, tf.Tensor]:
        scores = tf.convert_to_tensor(scores)
        if scores.shape.rank != 2:
            raise ValueError(f"scores (batch, candidates) are needed, got {scores.shape}")
        rankable = scores < np.inf
        require(rankable, "scores to rank must be finite, or -inf for a masked item; found NaN or +inf")
        if item_ids is None:
            ids = tf.broadcast_to(tf.range(tf.shape(scores)[1]), tf.shape(scores))
            ordered = scores
        else:
            ids, ordered = by_id(integers(item_ids, "item"), scores)
        nothing = tf.fill([tf.shape(scores)[0], self.k], tf.constant(-np.inf, scores.dtype))
        best, position = tf.math.top_k(tf.concat([ordered, nothing], axis=1), self.k)
        position = tf.minimum(position, tf.maximum(tf.shape(scores)[1] - 1, 0))
        chosen = tf.where(best > -np.inf, tf.gather(ids, position, batch_dims=1), tf.constant(-1, ids.dtype))
        row_rankable = tf.reduce_all(rankable, axis=1, keepdims=True)
        return tf.where(row_rankable, chosen, -1), tf.where(row_rankable, best, np.nan)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k}


def by_id(ids: tf.Tensor, scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return ids and scores, (batch, candidates) each, in ascending order of ids; of an id that comes twice only the best score stays.

    `top_k` then settles ties by the lower id. Ids below zero stand for padding; one with a score raises.
    """
    if not ids.shape.is_compatible_with(scores.shape):
        raise ValueError(f"item ids {ids.shape} and scores {scores.shape} must have one shape")
    require((ids >= 0) | tf.equal(scores, -np.inf), "an item id below 0 has a score")
    for keys, direction in ((scores, "DESCENDING"), (None, "ASCENDING")):
        order = tf.argsort(ids if keys is None else keys, direction=direction, stable=True)
        ids, scores = tf.gather(ids, order, batch_dims=1), tf.gather(scores, order, batch_dims=1)
    repeated = tf.pad(tf.equal(ids[:, 1:], ids[:, :-1]), [[0, 0], [1, 0]])
    return ids, tf.where(repeated[:, : tf.shape(ids)[1]], tf.constant(-np.inf, scores.dtype), scores)
