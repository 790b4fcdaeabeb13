"""Two towers under an in-batch softmax: both sides move their weights by Adam, so what differs is the loop itself."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from benchmarks.loops.twin import EPOCHS, NO_LIMIT, SEED, Batch, Layers, Loop, Twin
from models.content.towers import Towers, TowersConfig
from models.scorer import TrainingData

ACCIDENTAL = -1e9
"""The logit of a negative that is the liked item."""


def loop(data: TrainingData) -> Loop:
    """Return the loop on likes of described items; the inputs of the twin are drawn, since their values cost no time."""
    config = TowersConfig(epochs=EPOCHS, max_steps=NO_LIMIT, min_improvement=0)
    happened, rng = data.interactions, np.random.default_rng(SEED)
    samples = len(happened) // config.batch_size * config.batch_size
    width = min(config.input_size, data.items.features.shape[1])
    item_inputs, taste = (tf.constant(rng.normal(size=(n, width)).astype(np.float32)) for n in (happened.n_items, happened.n_users))
    log_chance = tf.constant(np.log(np.bincount(happened.item, minlength=happened.n_items) + 1).astype(np.float32))
    layers = {"user": tower(config, width), "item": tower(config, width)}

    def loss(named: Layers, batch: Batch) -> tf.Tensor:
        user, item = batch["user"], batch["item"]
        liked = tf.gather(item_inputs, item)
        users, items = named["user"](tf.gather(taste, user) - liked, training=True), named["item"](liked, training=True)
        logits = tf.matmul(users, items, transpose_b=True) / config.temperature
        same = (item[:, None] == item[None, :]) & ~tf.eye(tf.shape(item)[0], dtype=tf.bool)
        corrected = tf.where(same, ACCIDENTAL, logits - tf.gather(log_chance, item)[None, :])
        return tf.reduce_mean(tf.reduce_logsumexp(corrected, axis=1) - tf.linalg.diag_part(corrected))

    order = rng.permutation(len(happened))[:samples]
    arrays = {"user": happened.user[order], "item": happened.item[order]}
    return Loop(Towers(config), samples, Twin(layers, loss), config.batch_size, arrays)


def tower(config: TowersConfig, width: int) -> keras.Sequential:
    """Build one tower as the model does: dropped inputs, hidden layers with normalisation, a vector of unit length."""
    layers = [keras.Input((width,)), keras.layers.Dropout(config.dropout)]
    for units in config.hidden:
        layers += [keras.layers.Dense(units), keras.layers.LayerNormalization(), keras.layers.ReLU()]
    return keras.Sequential([*layers, keras.layers.Dense(config.embedding_size), keras.layers.UnitNormalization()])
