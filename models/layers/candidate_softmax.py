"""A loss for lists of candidates."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.layers.arguments import positive


@keras.saving.register_keras_serializable(package="nightly_recs")
class CandidateSoftmax(keras.losses.Loss):
    """How surprising the items a user went on to like are among all candidates.

    targets (batch, candidates), above 0 for what was liked, and scores (batch, candidates) -> (batch,). Candidates scored -inf are no
    choice and cost nothing, where Keras' own cross-entropy becomes NaN; a target among them, or a user without targets, costs nothing
    either. `temperature` divides the scores: cosines, all within -1 and 1, need a small one.
    """

    def __init__(self, temperature: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.temperature = positive("temperature", temperature)

    def call(self, targets: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        scores = tf.convert_to_tensor(scores)
        masked = tf.equal(scores, -np.inf)
        liked = tf.where(masked, 0.0, tf.cast(targets, scores.dtype))
        # Far below every score, yet finite: the gradient of a masked candidate is zero, not NaN.
        log_share = tf.nn.log_softmax(tf.where(masked, -1e9, scores / self.temperature))
        return -tf.math.divide_no_nan(tf.reduce_sum(liked * log_share, axis=-1), tf.reduce_sum(liked, axis=-1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "temperature": self.temperature}
