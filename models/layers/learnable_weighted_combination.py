"""A blend of scores whose weights are learned."""

from __future__ import annotations

from math import log
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.layers.arguments import not_negative, positive, positive_integer
from models.layers.score_lists import check_shapes


@keras.saving.register_keras_serializable(package="nightly_recs")
class LearnableWeightedCombination(keras.layers.Layer):
    """Blend score tables by shares that are learned, are never negative and add up to one.

    A list of `num_scores` tables (batch, items) -> one table (batch, items). `combination_weights` (num_scores,) are the raw weights, all
    equal at first; `shares()` are softmax(raw / temperature), so that a temperature below one lets raw weights part faster. An item that
    one table masks with -inf is masked in the blend, whatever its share; a table that merely knows nothing of an item says so with its
    mean score.

    `l2_reg` times the sum of squared raw weights, or `entropy_reg` times what the shares lack in entropy to an even mix, is added to the
    loss. Both pull towards the plain mean: softmax ignores what all raw weights have in common, so that L2 shrinks only their differences.

    Shares compare only tables of one range: standardise first. Trained on the rows its components were trained on, a blend trusts the
    component that remembers them best; give it later ones.
    """

    def __init__(self, num_scores: int = 3, temperature: float = 1.0, l2_reg: float = 0.0, entropy_reg: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_scores = positive_integer("num_scores", num_scores)
        self.temperature = positive("temperature", temperature)
        self.l2_reg = not_negative("l2_reg", l2_reg)
        self.entropy_reg = not_negative("entropy_reg", entropy_reg)

    def build(self, input_shape: Any) -> None:
        check_shapes(self.name, input_shape, self.num_scores)
        self.combination_weights = self.add_weight(name="combination_weights", shape=(self.num_scores,), initializer="zeros")

    def shares(self) -> tf.Tensor:
        """Return the weights the tables are blended by, (num_scores,); they sum to one."""
        return tf.nn.softmax(tf.convert_to_tensor(self.combination_weights) / self.temperature)

    def call(self, scores: Any) -> tf.Tensor:
        scores = [tf.convert_to_tensor(table) for table in scores] if isinstance(scores, list | tuple) else scores
        check_shapes(self.name, [table.shape.as_list() for table in scores] if isinstance(scores, list) else scores.shape, self.num_scores)
        masked = [tf.equal(table, -np.inf) for table in scores]
        shares = self.shares()
        # -inf times a share would make the share's gradient NaN. add_n, unlike +, never broadcasts.
        blended = tf.add_n([shares[at] * tf.where(masked[at], 0.0, table) for at, table in enumerate(scores)])
        if self.l2_reg:
            self.add_loss(self.l2_reg * tf.reduce_sum(tf.square(self.combination_weights)))
        if self.entropy_reg:
            lacking = log(self.num_scores) + tf.reduce_sum(tf.math.xlogy(shares, shares))
            self.add_loss(self.entropy_reg * lacking)
        return tf.where(tf.reduce_any(tf.stack(masked), axis=0), tf.constant(-np.inf, blended.dtype), blended)

    def get_config(self) -> dict[str, Any]:
        regularisation = {"l2_reg": self.l2_reg, "entropy_reg": self.entropy_reg}
        return {**super().get_config(), "num_scores": self.num_scores, "temperature": self.temperature, **regularisation}
