"""Vectors and biases of users and items under squared loss: ours moves the rows of a batch, Keras' Adam whole tables."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from benchmarks.loops.twin import EPOCHS, NO_LIMIT, SEED, Batch, Layers, Loop, Twin
from models.collaborative.matrix_factorization import MatrixFactorization, MatrixFactorizationConfig
from models.scorer import TrainingData


def loop(data: TrainingData) -> Loop:
    """Return the loop on likes: ours learns from the earliest 80 of 100, and shows one zero beside each."""
    config = MatrixFactorizationConfig(epochs=EPOCHS, patience=EPOCHS, max_steps=NO_LIMIT, refit=False)
    n_users, n_items = data.interactions.n_users, data.interactions.n_items
    samples = 2 * (len(data.interactions) * 8 // 10)
    rng = np.random.default_rng(SEED)
    arrays = {
        "user": rng.permutation(np.resize(data.interactions.user, samples)),
        "item": rng.permutation(np.resize(data.interactions.item, samples)),
        "value": (np.arange(samples) % 2).astype(np.float32),
    }
    layers = {
        "user": keras.layers.Embedding(n_users, config.embedding_size),
        "item": keras.layers.Embedding(n_items, config.embedding_size),
        "user_bias": keras.layers.Embedding(n_users, 1),
        "item_bias": keras.layers.Embedding(n_items, 1),
    }

    def loss(named: Layers, batch: Batch) -> tf.Tensor:
        user, item, user_bias, item_bias = (table(batch[name[:4]]) for name, table in named.items())
        length = tf.reduce_sum(user**2 + item**2 + user_bias**2 + item_bias**2, axis=1)
        products = tf.reduce_sum(tf.nn.dropout(user, config.dropout) * tf.nn.dropout(item, config.dropout), axis=1)
        error = products + user_bias[:, 0] + item_bias[:, 0] - batch["value"]
        return tf.reduce_mean(error**2) + config.reg * tf.reduce_mean(length)

    return Loop(MatrixFactorization(config), samples, Twin(layers, loss), config.batch_size, arrays)
