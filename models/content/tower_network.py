"""The two towers in Keras and how they learn; importing this module loads TensorFlow."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.content.tower import Tower
from models.content.tower_samples import Batch, Samples
from models.content.towers import TowersConfig
from models.divergence import finite
from models.scorer import Progress

SHARPEST = 100.0
"""Bound of a learned 1 / temperature: beyond it a single negative would hold the whole gradient (CLIP, Radford et al. 2021)."""

OUT_OF_SOFTMAX = -1e9

PATIENCE = 2
"""Epochs that may bring nothing: the loss of one epoch is that of the samples it happened to draw together."""

SEEDS_APART = 1000
"""The item tower's seeds come after the user tower's, one a layer: towers that start alike would see dropped inputs alike."""


def train_towers(samples: Samples, config: TowersConfig, seed: int, progress: Progress) -> tuple[Tower, Tower, list[float]]:
    """Train a user tower and an item tower; return both and the mean loss of every epoch.

    Training ends early once the loss no longer falls. Weights, dropout and the order of the samples come from `seed`.
    """
    batch_size = max(1, min(config.batch_size, len(samples)))
    epoch_steps = min(len(samples) // batch_size, max(1, config.max_steps // config.epochs))
    item_size, known_size = samples.item_inputs.shape[1], samples.known.shape[1]
    user_tower, item_tower = tower_network(item_size + known_size, config, seed), tower_network(item_size, config, seed + SEEDS_APART)
    step = training_step(user_tower, item_tower, samples.item_inputs, config, max(1, epoch_steps * config.epochs))
    batches = samples.batches(batch_size, config.cold_share, np.random.default_rng(seed))
    losses: list[float] = []
    for epoch in range(config.epochs if epoch_steps else 0):
        steps = range(epoch * epoch_steps, (epoch + 1) * epoch_steps)
        losses.append(float(np.mean([finite(step(next(batches)), "towers", at) for at in steps])))
        progress(f"towers: epoch {epoch + 1} of {config.epochs}, loss {losses[-1]:.4f}")
        if epoch >= PATIENCE and min(losses[-PATIENCE:]) > min(losses[:-PATIENCE]) * (1 - config.min_improvement):
            break
    return Tower(user_tower.get_weights()), Tower(item_tower.get_weights()), losses


def tower_network(input_size: int, config: TowersConfig, seed: int) -> keras.Sequential:
    """Build one tower, (batch, input_size) -> (batch, embedding_size) of unit length.

    Inputs are dropped, what comes out never is; the last layer is linear, so that a vector may point anywhere.
    """
    layers = [keras.Input((input_size,)), keras.layers.Dropout(config.dropout, seed=seed)]
    for depth, units in enumerate(config.hidden, start=1):
        layers.append(_dense(units, seed + depth))
        layers.append(keras.layers.LayerNormalization())
        layers.append(keras.layers.ReLU())
    layers.append(_dense(config.embedding_size, seed))
    layers.append(keras.layers.UnitNormalization())
    return keras.Sequential(layers)


def _dense(units: int, seed: int) -> keras.layers.Dense:
    return keras.layers.Dense(units, kernel_initializer=keras.initializers.GlorotUniform(seed))


def training_step(
    user_tower: keras.Sequential, item_tower: keras.Sequential, item_inputs: NDArray[np.float32], config: TowersConfig, n_steps: int
) -> Callable[[Batch], float]:
    """Return the function that lets both towers learn from one batch and says how surprised they were by it."""
    every_item = tf.constant(item_inputs)
    log_sharpness = tf.Variable(-np.log(config.temperature), dtype=tf.float32)
    weights = [*user_tower.trainable_variables, *item_tower.trainable_variables, *([log_sharpness] if config.learn_temperature else [])]
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(config.learning_rate, n_steps))
    optimizer.build(weights)

    @tf.function
    def learn(item: tf.Tensor, user_inputs: tf.Tensor, log_chance: tf.Tensor, accidental: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            users = user_tower(user_inputs, training=True)
            items = item_tower(tf.gather(every_item, item), training=True)
            sharpness = tf.exp(tf.minimum(log_sharpness, np.float32(np.log(SHARPEST))))
            loss = sampled_softmax_loss(tf.matmul(users, items, transpose_b=True) * sharpness, log_chance, accidental)
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    return lambda batch: float(learn(batch.item, batch.user_inputs, batch.log_chance, batch.accidental))


def sampled_softmax_loss(logits: tf.Tensor, log_chance: tf.Tensor, accidental: tf.Tensor) -> tf.Tensor:
    """Return how surprising the likes are among the other items of the batch: logits (batch, batch), likes on the diagonal -> scalar.

    An item is drawn as a negative as often as it is liked; taking log_chance (batch,) off its logits undoes that (Yi et al. 2019).
    Accidental negatives (batch, batch), which the user likes as well, stay out of the softmax.
    """
    corrected = tf.where(accidental, OUT_OF_SOFTMAX, logits - log_chance[None, :])
    return tf.reduce_mean(tf.reduce_logsumexp(corrected, axis=1) - tf.linalg.diag_part(corrected))
