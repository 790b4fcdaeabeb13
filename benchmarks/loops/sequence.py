"""The twin of a sequence network: its own encoder and softmax, with Keras variables, trained by `fit`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks.loops.twin import SEED, Batch, Layers, Loop, Twin
from models.scorer import Scorer, TrainingData
from models.sequential.sequence_training import Encode, band_ahead, full_softmax, log_chances, sampled_softmax, shares_ahead
from models.sequential.stretches import Sequences
from models.sequential.training_config import TrainingConfig


class Weights(keras.layers.Layer):
    """The weights of a network by their names, as Keras variables."""

    def __init__(self, start: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__()
        self.named = {name: self.add_weight(shape=values.shape, name=name) for name, values in start.items()}
        for name, values in start.items():
            self.named[name].assign(values)

    def call(self, _nothing: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the weights."""
        return {name: tf.convert_to_tensor(values) for name, values in self.named.items()}


def first_vectors(data: TrainingData, size: int) -> NDArray[np.float32]:
    """Draw a vector for each item, and the column of how often it follows; (items, size + 1)."""
    drawn = np.random.default_rng(SEED).normal(scale=0.1, size=(data.interactions.n_items, size + 1))
    return drawn.astype(np.float32)


def sequence_loop(
    ours: Scorer, encode: Encode, start: Mapping[str, NDArray[np.float32]], length: int, config: TrainingConfig, data: TrainingData
) -> Loop:
    """Return the loop on all likes in their order; a sample is a like, of which a stretch holds many."""
    sequences = Sequences.of(data.interactions)
    stretches = sequences.stretches(length, config.ahead, np.random.default_rng(SEED))
    band, log_chance = band_ahead(length, config), tf.constant(log_chances(sequences.likes_of_items))

    def hide(values: tf.Tensor) -> tf.Tensor:
        return tf.nn.dropout(values, config.dropout)

    def loss(named: Layers, batch: Batch) -> tf.Tensor:
        weights = named["weights"](batch["stretches"])
        items = weights["items"]
        rows = tf.gather(tf.concat([items, tf.zeros((1, items.shape[1]))], axis=0), batch["stretches"])
        is_like = batch["stretches"] < items.shape[0]
        states = encode(weights, hide(rows[:, :length, :-1]), is_like[:, :length], hide)
        states = tf.concat([states, tf.ones_like(states[..., :1])], axis=-1)
        share = shares_ahead(band, is_like)
        if items.shape[0] <= config.full_softmax_items:
            surprise = full_softmax(states, rows, share, items)
        else:
            drawn = tf.random.categorical(log_chance[None], config.negatives, dtype=tf.int32)[0]
            log_expected = tf.gather(log_chance, drawn) + math.log(config.negatives)
            surprise = sampled_softmax(states, rows, share, tf.gather(items, drawn), log_expected)
        counts = tf.cast(is_like[:, :length] & (tf.reduce_sum(share, axis=-1) > 0), tf.float32)
        return tf.reduce_sum(surprise * counts) / tf.maximum(tf.reduce_sum(counts), 1)

    return Loop(ours, len(sequences), Twin({"weights": Weights(start)}, loss), config.batch_size, {"stretches": stretches})
