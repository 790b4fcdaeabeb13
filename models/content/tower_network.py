"""The two towers in Keras and how they learn; importing this module loads TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.content.tower import Tower
from models.content.tower_samples import Batch, Samples
from models.content.tower_text import TextReader
from models.content.tower_text_layer import WordConvolution
from models.content.towers import TowersConfig, Words
from models.divergence import finite
from models.scorer import Progress

SHARPEST = 100.0
"""Bound of a learned 1 / temperature: beyond it a single negative would hold the whole gradient (CLIP, Radford et al. 2021)."""

OUT_OF_SOFTMAX = -1e9

PATIENCE = 2
"""Epochs that may bring nothing: the loss of one epoch is that of the samples it happened to draw together."""

SEEDS_APART = 1000
"""The item tower's seeds come after the user tower's, one a layer: towers that start alike would see dropped inputs alike."""


class TrainedTowers(NamedTuple):
    """Both towers and, where texts are read, their readers, in plain arrays; and the mean loss of every epoch."""

    user: Tower
    item: Tower
    user_text: TextReader | None
    item_text: TextReader | None
    losses: list[float]


def train_towers(samples: Samples, config: TowersConfig, seed: int, progress: Progress, words: Words | None = None) -> TrainedTowers:
    """Train a user tower and an item tower, which also read `words` where they are given.

    Training ends early once the loss no longer falls. Weights, dropout and the order of the samples come from `seed`.
    """
    batch_size = max(1, min(config.batch_size, len(samples)))
    epoch_steps = min(len(samples) // batch_size, max(1, config.max_steps // config.epochs))
    item_size, known_size = samples.item_inputs.shape[1], samples.known.shape[1]
    user = _Side(item_size + known_size, config, seed, None if words is None else words.users)
    item = _Side(item_size, config, seed + SEEDS_APART, None if words is None else words.items)
    step = training_step(user, item, samples.item_inputs, config, max(1, epoch_steps * config.epochs))
    batches = samples.batches(batch_size, config.cold_share, np.random.default_rng(seed))
    losses: list[float] = []
    for epoch in range(config.epochs if epoch_steps else 0):
        steps = range(epoch * epoch_steps, (epoch + 1) * epoch_steps)
        losses.append(float(np.mean([finite(step(next(batches)), "towers", at) for at in steps])))
        progress(f"towers: epoch {epoch + 1} of {config.epochs}, loss {losses[-1]:.4f}")
        if epoch >= PATIENCE and min(losses[-PATIENCE:]) > min(losses[:-PATIENCE]) * (1 - config.min_improvement):
            break
    return TrainedTowers(Tower(user.tower.get_weights()), Tower(item.tower.get_weights()), user.reader(), item.reader(), losses)


class _Side:
    """One tower while it learns; `words` (rows, longest) are the texts of all users or all items, if they are read."""

    def __init__(self, input_size: int, config: TowersConfig, seed: int, words: NDArray[np.int32] | None) -> None:
        self.text: WordConvolution | None = None
        if words is not None:
            self.text = WordConvolution(config.text_filters, config.word_size, config.window, seed)
            self.text.build((None, None))
            # Without a single word there would be nothing to convolve; one place of padding says the same.
            self.words = tf.constant(words if words.shape[1] else np.full((len(words), 1), -1, np.int32))
            input_size += 2 * config.text_filters
        self.tower = tower_network(input_size, config, seed)

    @property
    def weights(self) -> list[keras.Variable]:
        return [*self.tower.trainable_variables, *(self.text.trainable_variables if self.text else [])]

    def __call__(self, inputs: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        if self.text is not None:
            inputs = tf.concat([inputs, self.text(tf.gather(self.words, rows))], axis=1)
        return self.tower(inputs, training=True)

    def reader(self) -> TextReader | None:
        return self.text.reader() if self.text else None


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
    user: _Side, item: _Side, item_inputs: NDArray[np.float32], config: TowersConfig, n_steps: int
) -> Callable[[Batch], float]:
    """Return the function that lets both towers learn from one batch and says how surprised they were by it."""
    every_item = tf.constant(item_inputs)
    log_sharpness = tf.Variable(-np.log(config.temperature), dtype=tf.float32)
    weights = [*user.weights, *item.weights, *([log_sharpness] if config.learn_temperature else [])]
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(config.learning_rate, n_steps))
    optimizer.build(weights)

    @tf.function
    def learn(
        rows: tf.Tensor, user_inputs: tf.Tensor, target: tf.Tensor, candidates: tf.Tensor, log_chance: tf.Tensor, excluded: tf.Tensor
    ) -> tf.Tensor:
        with tf.GradientTape() as tape:
            users = user(user_inputs, rows)
            items = item(tf.gather(every_item, candidates), candidates)
            sharpness = tf.exp(tf.minimum(log_sharpness, np.float32(np.log(SHARPEST))))
            loss = softmax_loss(tf.matmul(users, items, transpose_b=True) * sharpness, target, log_chance, excluded)
        optimizer.apply([tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, weights)], weights)
        return loss

    return lambda batch: float(learn(batch.user, batch.user_inputs, batch.target, batch.candidates, batch.log_chance, batch.excluded))


def softmax_loss(logits: tf.Tensor, target: tf.Tensor, log_chance: tf.Tensor, excluded: tf.Tensor) -> tf.Tensor:
    """Return how surprising the targets (batch,) are among the candidates: logits (batch, candidates) -> scalar.

    In a batch an item is drawn as a negative as often as it is liked; taking log_chance (candidates,) off its logits undoes that
    (Yi et al. 2019). Excluded candidates (batch, candidates), which the user likes as well, stay out of the softmax.
    """
    corrected = tf.where(excluded, OUT_OF_SOFTMAX, logits - log_chance[None, :])
    return tf.reduce_mean(tf.reduce_logsumexp(corrected, axis=1) - tf.gather(corrected, target, batch_dims=1))
