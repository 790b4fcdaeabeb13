"""The mean of several networks' softmax outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.layers.arguments import not_negative, positive
from models.layers.score_lists import check_shapes

NO_MASS = -1e30
"""Logarithm of the mass of a masked item: exp of it is zero, and differences of it are finite."""


@keras.saving.register_keras_serializable(package="nightly_recs")
class YsMean(keras.layers.Layer):
    """Average the probabilities that several branches give to the same items, listed in the same order.

    A list of tables of logits (batch, items), one a branch -> probabilities (batch, items) that sum to one, or their logarithms with
    `log_output`, which rank alike and do not underflow. Each branch goes through a softmax at its own temperature; the weighted sum is
    divided by the sum of the weights. A branch that is more peaked than the others rules a mean of equal weights: temperatures, fitted on
    held-out data, level that. Log probabilities are logits, so the logarithm of a network's softmax can be given too.

    An item that a branch scores -inf gets no mass from it. A branch that masks every item of a user is left out for that user and the
    other weights count for more. Masked by all, an item has probability 0 and logarithm -inf. Without `weights` all branches count alike,
    without `temperatures` all are 1. The layer has nothing to train.
    """

    def __init__(
        self, weights: Sequence[float] | None = None, temperatures: Sequence[float] | None = None, log_output: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.branch_weights = None if weights is None else [not_negative("weights", weight) for weight in weights]
        self.temperatures = None if temperatures is None else [positive("temperatures", each) for each in temperatures]
        self.log_output = bool(log_output)
        if self.branch_weights is not None and not sum(self.branch_weights):
            raise ValueError("one of the weights must be above 0")
        if self.branch_weights is not None and self.temperatures is not None and len(self.branch_weights) != len(self.temperatures):
            raise ValueError(f"{len(self.branch_weights)} weights and {len(self.temperatures)} temperatures are not of the same branches")

    def call(self, logits: Any) -> tf.Tensor:
        logits = [tf.convert_to_tensor(branch) for branch in logits] if isinstance(logits, list | tuple) else logits
        shapes = [branch.shape.as_list() for branch in logits] if isinstance(logits, list) else logits.shape
        check_shapes(self.name, shapes, len(self.branch_weights or self.temperatures or logits))
        weights, temperatures = self.branch_weights or [1.0] * len(logits), self.temperatures or [1.0] * len(logits)
        branches = [Branch(*branch) for branch in zip(logits, weights, temperatures, strict=True) if branch[1] > 0]
        total = tf.add_n([branch.weight_where_it_speaks for branch in branches])
        log_mean = tf.reduce_logsumexp(tf.stack([branch.log_mass for branch in branches]), axis=0) - tf.math.log(tf.maximum(total, 1e-30))
        masked = tf.reduce_all(tf.stack([branch.masked for branch in branches]), axis=0)
        log_mean = tf.where(masked, tf.constant(-np.inf, log_mean.dtype), log_mean)
        return log_mean if self.log_output else tf.exp(log_mean)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weights": self.branch_weights, "temperatures": self.temperatures, "log_output": self.log_output}


class Branch:
    """What one branch brings to the mean: `masked` and `log_mass` (batch, items), and its weight where it speaks (batch, 1)."""

    def __init__(self, logits: tf.Tensor, weight: float, temperature: float) -> None:
        self.masked = tf.equal(logits, -np.inf)
        known = tf.where(self.masked, NO_MASS, logits / temperature)
        self.log_mass = tf.where(self.masked, NO_MASS, tf.nn.log_softmax(known)) + np.log(weight)
        speaks = ~tf.reduce_all(self.masked, axis=1, keepdims=True)
        self.weight_where_it_speaks = weight * tf.cast(speaks, logits.dtype)
