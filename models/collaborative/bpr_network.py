"""How Bayesian personalised ranking learns, row by row; importing this module loads TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import tensorflow as tf
from numpy.typing import NDArray

from models.collaborative.bpr import BprConfig
from models.distinct_rows import DistinctRows, distinct_rows
from models.epochs import learn_epochs
from models.liked_chunks import chunk_batches
from models.negatives import Negatives
from models.pairwise_loss import PairwiseLoss, hard_weights, pairwise_loss
from models.row_wise import Table
from models.scorer import Progress

START = 0.05
"""Spread of the vectors before they learn."""


class Batch(NamedTuple):
    """Chunks of likes, each beside items its user does not like: `items` of shape (chunks, chunk size + negatives).

    `present` (chunks, chunk size) is one where a like stands and zero where a chunk is short.
    """

    items: DistinctRows
    present: NDArray[np.float32]


def train_bpr(
    likes: sp.csr_matrix, config: BprConfig, seed: int, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[float]]:
    """Learn vectors (items, embedding_size) and biases (items,) from likes (users, items); return them and the mean loss of each epoch."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(scale=START, size=(likes.shape[1], config.embedding_size)).astype(np.float32)
    vectors, bias = Table.of(drawn), Table.of(np.zeros((likes.shape[1], 1), np.float32))
    negatives = Negatives(likes)

    def step(batch: Batch, left: float) -> tf.Tensor:
        rate = np.float32(config.learning_rate * left)
        return learn(vectors, bias, *batch, rate, config.loss, config.hardness, config.exponent, config.reg)

    losses = learn_epochs("bpr", config.epochs, lambda: batches(likes, negatives, config, rng), step, progress)
    return vectors.learned(), bias.learned()[:, 0], losses


def batches(likes: sp.csr_matrix, negatives: Negatives, config: BprConfig, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield the batches of one epoch, all of one shape; empty chunks fill the last one."""
    for _, places, items in chunk_batches(likes, negatives, config, rng):
        yield Batch(distinct_rows(items, likes.shape[1]), (places >= 0).astype(np.float32))


@tf.function(jit_compile=True)
def learn(
    vectors: Table,
    bias: Table,
    items: DistinctRows,
    present: tf.Tensor,
    learning_rate: tf.Tensor,
    loss: PairwiseLoss,
    hardness: float,
    exponent: float,
    reg: float,
) -> tf.Tensor:
    """Learn from one batch; return how wrong the order of its pairs was on the average."""
    size = present.shape[1]
    read, read_bias = vectors.read(items.rows), bias.read(items.rows)
    with tf.GradientTape() as tape:
        tape.watch([read, read_bias])
        of_items, biases = tf.gather(read, items.place), tf.gather(read_bias, items.place)[..., 0]
        liked, others = of_items[:, :size] * present[..., None], of_items[:, size:]
        user = (tf.reduce_sum(liked, axis=1, keepdims=True) - liked) / n_others(present)[..., None] ** exponent
        score = tf.reduce_sum(user * liked, axis=2) + biases[:, :size]
        of_others = tf.matmul(user, others, transpose_b=True) + biases[:, None, size:]
        wrong = tf.reduce_sum(hard_weights(of_others, hardness) * pairwise_loss(score[..., None] - of_others, loss), axis=2)
        found = tf.reduce_sum(wrong * present) / tf.reduce_sum(present)
        length = tf.reduce_sum(liked**2) / tf.reduce_sum(present) + tf.reduce_mean(tf.reduce_sum(others**2, axis=2))
        held_back = found + reg * length
    gradients = tape.gradient(held_back, [read, read_bias])
    vectors.learn(items.rows, read, gradients[0], learning_rate)
    bias.learn(items.rows, read_bias, gradients[1], learning_rate)
    return found


def n_others(present: tf.Tensor) -> tf.Tensor:
    """Count what else is liked in a chunk, at least one: present (chunks, chunk size) -> (chunks, 1)."""
    return tf.maximum(tf.reduce_sum(present, axis=1, keepdims=True) - 1, 1)
