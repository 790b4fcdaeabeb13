"""How the pair network learns to re-rank; importing this module loads TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.content.pair_network import PairNetwork, PairNetworkConfig
from models.divergence import finite
from models.pairwise_loss import PairwiseLoss, pairwise_loss
from models.scorer import Progress

Pairs = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Users without one of their likes (batch, width), and the vectors of that like and of the negatives (batch, 1 + negatives, width)."""


def train_pair_network(
    pairs: Iterator[Pairs], width: int, config: PairNetworkConfig, loss: PairwiseLoss, seed: int, progress: Progress
) -> PairNetwork:
    """Learn to tell likes from candidates that are none, by pairs of them."""
    hidden = keras.layers.Dense(config.hidden, activation="relu", kernel_initializer=keras.initializers.GlorotUniform(seed))
    last = keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.GlorotUniform(seed + 1))
    network = keras.Sequential([keras.Input((None, 3 * width)), keras.layers.Dropout(config.dropout, seed=seed), hidden, last])
    optimizer = keras.optimizers.Adam(config.learning_rate)
    optimizer.build(network.trainable_variables)

    @tf.function
    def learn(users: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        each = tf.broadcast_to(users[:, None], tf.shape(items))
        with tf.GradientTape() as tape:
            scores = network(tf.concat([each, items, each * items], axis=2), training=True)[..., 0]
            wrong = tf.reduce_mean(pairwise_loss(scores[:, :1] - scores[:, 1:], loss))
        optimizer.apply(tape.gradient(wrong, network.trainable_variables), network.trainable_variables)
        return wrong

    losses = [finite(float(learn(*next(pairs))), "hybrid_bpr, pair network", step) for step in range(config.max_steps)]
    progress(f"hybrid_bpr: pair network, loss {np.mean(losses[-50:]):.4f}")
    return PairNetwork(*network.get_weights())
