"""Losses of pairs of items, one of which should score higher; importing this module loads TensorFlow."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

PairwiseLoss = Literal["softplus", "one_minus_sigmoid"]


def pairwise_loss(margin: tf.Tensor, kind: PairwiseLoss) -> tf.Tensor:
    """Say how wrong margins are, the score that should be higher minus the other, of any shape.

    `softplus` is -log sigmoid, Bayesian personalised ranking (Rendle et al. 2009). `one_minus_sigmoid` has nearly no gradient where a pair
    is most wrong: at a margin of -6 it is 0.0025, where softplus has 0.9975.
    """
    return tf.nn.softplus(-margin) if kind == "softplus" else tf.sigmoid(-margin)


def hard_weights(scores: tf.Tensor, hardness: float) -> tf.Tensor:
    """Weigh the negatives along the last axis, those that score high the most; the weights add up to one and pass no gradient.

    Most items drawn at random are easily told from what a user likes, and teach nothing any more (Sun et al. 2019, "RotatE", section 3.3).
    """
    return tf.stop_gradient(tf.nn.softmax(hardness * scores, axis=-1))
