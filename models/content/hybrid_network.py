"""How the towers of the hybrid model learn, row by row; importing this module loads TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import scipy.sparse as sp
import tensorflow as tf
from numpy.typing import NDArray

from models.content.hybrid_bpr import HybridBprConfig
from models.content.hybrid_vectors import HybridWeights
from models.distinct_rows import DistinctRows, distinct_rows
from models.epochs import learn_epochs
from models.liked_chunks import chunk_batches
from models.negatives import Negatives
from models.pairwise_loss import PairwiseLoss, hard_weights, pairwise_loss
from models.row_wise import Table
from models.scorer import Progress

Of = TypeVar("Of")

START = 0.05
"""Spread of the vectors before they learn."""


@dataclass(frozen=True)
class HybridSamples:
    """What is learned from: `likes` (users, known items), what was liked before each of them (entries, last), -1 padded, and inputs.

    `item_inputs` is (known items, item input columns), `user_inputs` (users, user input columns).
    """

    likes: sp.csr_matrix
    previous: NDArray[np.int32]
    item_inputs: NDArray[np.float32]
    user_inputs: NDArray[np.float32]


class Batch(NamedTuple):
    """Chunks of likes with negatives, items (chunks, size + negatives), and what came before each like, recent (chunks, size, last).

    `present` (chunks, size) and `counted` (chunks, size, last) are one where something stands; `named` (chunks, size + negatives) is
    zero where an item is shown by its metadata alone; `warm` (chunks,) is zero where a user is shown without any likes;
    `inputs` (chunks, user input columns) is what else is known of users.
    """

    items: DistinctRows
    recent: DistinctRows
    present: NDArray[np.float32]
    counted: NDArray[np.float32]
    named: NDArray[np.float32]
    warm: NDArray[np.float32]
    inputs: NDArray[np.float32]


class Parts(NamedTuple, Generic[Of]):
    """Something of each of the weights that learn, in the order of `HybridWeights`."""

    item_id: Of
    history: Of
    item_bias: Of
    item_kernel: Of
    bias_kernel: Of
    user_kernel: Of
    newcomer: Of


def train_hybrid(samples: HybridSamples, config: HybridBprConfig, seed: int, progress: Progress) -> tuple[HybridWeights, list[float]]:
    """Learn the weights of both towers; return them and the mean loss of each epoch."""
    rng = np.random.default_rng(seed)
    tables = _tables(samples, config.embedding_size, rng)
    inputs = tf.constant(np.vstack([samples.item_inputs, np.zeros((1, samples.item_inputs.shape[1]), np.float32)]))
    negatives = Negatives(samples.likes)

    def step(batch: Batch, left: float) -> tf.Tensor:
        rates = np.array([config.learning_rate * left, config.metadata_learning_rate * left], np.float32)
        return learn(tables, inputs, *batch, rates, config.loss, config.hardness, config.exponent, config.reg)

    losses = learn_epochs("hybrid_bpr", config.epochs, lambda: batches(samples, negatives, config, rng), step, progress)
    return HybridWeights(*(table.learned() for table in tables)), losses


def _tables(samples: HybridSamples, size: int, rng: np.random.Generator) -> Parts[Table]:
    n_items, n_columns = samples.item_inputs.shape
    n_user_columns = samples.user_inputs.shape[1]

    def drawn(rows: int, spread: float) -> Table:
        return Table.of(rng.normal(scale=spread, size=(rows, size)).astype(np.float32))

    def zeros(rows: int, width: int) -> Table:
        return Table.of(np.zeros((rows, width), np.float32))

    return Parts(
        drawn(n_items, START), zeros(n_items, size), zeros(n_items, 1), drawn(n_columns, START / np.sqrt(n_columns)), zeros(n_columns, 1),
        zeros(n_user_columns, size), zeros(1, size),
    )  # fmt: skip


def batches(samples: HybridSamples, negatives: Negatives, config: HybridBprConfig, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield the batches of one epoch, all of one shape; empty chunks fill the last one."""
    padding = samples.likes.shape[1]
    before = np.vstack([samples.previous, np.full((1, config.last), -1, np.int32)])
    for user, places, items in chunk_batches(samples.likes, negatives, config, rng):
        recent = before[places]
        yield Batch(
            distinct_rows(items, padding),
            distinct_rows(np.where(recent < 0, padding, recent), padding),
            (places >= 0).astype(np.float32),
            (recent >= 0).astype(np.float32),
            (rng.random(items.shape) >= config.unseen_share).astype(np.float32),
            (rng.random(len(user)) >= config.cold_share).astype(np.float32),
            samples.user_inputs[user],
        )


@tf.function(jit_compile=True)
def learn(
    tables: Parts[Table],
    item_inputs: tf.Tensor,
    items: DistinctRows,
    recent: DistinctRows,
    present: tf.Tensor,
    counted: tf.Tensor,
    named: tf.Tensor,
    warm: tf.Tensor,
    inputs: tf.Tensor,
    rates: tf.Tensor,
    loss: PairwiseLoss,
    hardness: float,
    exponent: float,
    reg: float,
) -> tf.Tensor:
    """Learn from one batch; return how wrong the order of its pairs was on the average."""
    columns, user_columns = tf.range(item_inputs.shape[1]), tf.range(inputs.shape[1])
    rows = Parts[tf.Tensor](items.rows, recent.rows, items.rows, columns, columns, user_columns, tf.range(1))
    read = Parts[tf.Tensor](*(table.read(at) for table, at in zip(tables, rows, strict=True)))
    size = present.shape[1]
    with tf.GradientTape() as tape:
        tape.watch(list(read))
        of_items = tf.gather(item_inputs, items.rows)
        by_metadata, by_id = tf.matmul(of_items, read.item_kernel), read.item_id
        metadata_bias = tf.matmul(of_items, read.bias_kernel)
        shown = tf.gather(by_metadata, items.place) + tf.gather(by_id, items.place) * named[..., None]
        bias = (tf.gather(metadata_bias, items.place) + tf.gather(read.item_bias, items.place) * named[..., None])[..., 0]
        liked = tf.gather(by_metadata + by_id, items.place[:, :size]) * present[..., None]
        n_others = tf.reduce_sum(present, axis=1, keepdims=True) - present
        some = (tf.cast(n_others > 0, tf.float32) * warm[:, None])[..., None]
        likes = (tf.reduce_sum(liked, axis=1, keepdims=True) - liked) / tf.maximum(n_others, 1)[..., None] ** exponent
        lately = tf.reduce_sum(tf.gather(read.history, recent.place) * counted[..., None], axis=2)
        lately /= tf.maximum(tf.reduce_sum(counted, axis=2), 1)[..., None]
        user = some * (likes + lately) + (1 - some) * read.newcomer[0] + tf.matmul(inputs, read.user_kernel)[:, None]
        score = tf.reduce_sum(user * shown[:, :size], axis=2) + bias[:, :size]
        of_others = tf.matmul(user, shown[:, size:], transpose_b=True) + bias[:, None, size:]
        wrong = tf.reduce_sum(hard_weights(of_others, hardness) * pairwise_loss(score[..., None] - of_others, loss), axis=2)
        found = tf.reduce_sum(wrong * present) / tf.reduce_sum(present)
        length = tf.reduce_sum(liked**2) + tf.reduce_sum((lately * present[..., None]) ** 2)
        of_negatives = tf.reduce_mean(tf.reduce_sum(shown[:, size:] ** 2, axis=2))
        held_back = found + reg * (length / tf.reduce_sum(present) + of_negatives)
    gradients = tape.gradient(held_back, list(read))
    own, shared = rates[0], rates[1]
    of_parts = Parts[tf.Tensor](own, own, own, shared, shared, shared, shared)
    for table, at, values, gradient, rate in zip(tables, rows, read, gradients, of_parts, strict=True):
        table.learn(at, values, gradient, rate)
    return found
