"""Bayesian personalised ranking with many negatives a like: ours moves the rows of a batch, Keras' Adam whole tables."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from benchmarks.loops.twin import EPOCHS, NO_LIMIT, SEED, Batch, Layers, Loop, Twin
from models.collaborative.bpr import Bpr, BprConfig
from models.liked_chunks import liked_chunks
from models.pairwise_loss import hard_weights, pairwise_loss
from models.scorer import TrainingData


def loop(data: TrainingData) -> Loop:
    """Return the loop on all likes; a sample is a like with all its negatives."""
    config = BprConfig(epochs=EPOCHS, max_steps=NO_LIMIT)
    likes, rng = data.interactions.positives(), np.random.default_rng(SEED)
    n_items = likes.shape[1]
    _, like = liked_chunks(likes, config.chunk_size, rng)
    present = like >= 0
    liked = np.where(present, likes.indices[like], n_items)
    negatives = rng.integers(n_items, size=(len(like), config.negatives))
    arrays = {"items": np.hstack([liked, negatives]).astype(np.int32), "present": present.astype(np.float32)}
    layers = {"vectors": keras.layers.Embedding(n_items + 1, config.embedding_size), "bias": keras.layers.Embedding(n_items + 1, 1)}
    size = config.chunk_size

    def loss(named: Layers, batch: Batch) -> tf.Tensor:
        vectors, biases, there = named["vectors"](batch["items"]), named["bias"](batch["items"])[..., 0], batch["present"]
        own, others = vectors[:, :size] * there[..., None], vectors[:, size:]
        n_others = tf.maximum(tf.reduce_sum(there, axis=1, keepdims=True) - 1, 1)
        user = (tf.reduce_sum(own, axis=1, keepdims=True) - own) / n_others[..., None] ** config.exponent
        score = tf.reduce_sum(user * own, axis=2) + biases[:, :size]
        of_others = tf.matmul(user, others, transpose_b=True) + biases[:, None, size:]
        wrong = hard_weights(of_others, config.hardness) * pairwise_loss(score[..., None] - of_others, config.loss)
        found = tf.reduce_sum(tf.reduce_sum(wrong, axis=2) * there) / tf.reduce_sum(there)
        length = tf.reduce_sum(own**2) / tf.reduce_sum(there) + tf.reduce_mean(tf.reduce_sum(others**2, axis=2))
        return found + config.reg * length

    return Loop(Bpr(config), likes.nnz, Twin(layers, loss), config.batch_size, arrays)
