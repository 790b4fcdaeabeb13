"""How a rating model learns: vectors and biases by gradient, row by row; importing this module loads TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.collaborative.matrix_factorization import MatrixFactorizationConfig
from models.collaborative.rating_factors import RatingFactors
from models.collaborative.rating_head import Head, Scale, output, sum_behind
from models.collaborative.rating_pairs import Pairs, Untouched, errors
from models.distinct_rows import DistinctRows, distinct_rows
from models.divergence import finite
from models.early_stopping import EarlyStopping
from models.row_wise import Table
from models.scorer import Progress

START = 0.1
"""Spread of the vectors before they learn."""

AT_ONCE = 1 << 18
"""Pairs predicted together."""


class Tables(NamedTuple):
    """What is learned of users and of items: a vector and a bias each."""

    user: Table
    user_bias: Table
    item: Table
    item_bias: Table


class Learned(NamedTuple):
    """Users (users, embedding_size + 1), the last column a bias, and items."""

    users: NDArray[np.float32]
    items: RatingFactors

    def predict(self, pairs: Pairs, scale: Scale) -> NDArray[np.float32]:
        """Return the predicted value of pairs in its own unit; (pairs,)."""
        said = np.zeros(len(pairs), np.float32)
        for start in range(0, len(pairs), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            said[part] = output(self.items.sums_of_pairs(self.users[pairs.user[part]], pairs.item[part]), scale.head)
        return scale.ratings(said)


class RatingTraining:
    """One training from `pairs`, beside which every epoch stands others as zeros where ratings are unknown; `shape` is (users, items)."""

    def __init__(
        self,
        pairs: Pairs,
        untouched: Untouched | None,
        shape: tuple[int, int],
        scale: Scale,
        config: MatrixFactorizationConfig,
        seed: int,
    ) -> None:
        self._pairs, self._untouched, self._scale, self._config = pairs, untouched, scale, config
        self._rng = np.random.default_rng(seed)
        self._overall = np.float32(sum_behind(float(scale.scaled(self._shown().value).mean()), scale.head))
        vectors = [self._start(numbers, length) for numbers, length in zip((pairs.user, pairs.item), shape, strict=True)]
        biases = [np.zeros((length, 1), np.float32) for length in shape]
        self._tables = Tables(*(Table.of(start) for side in zip(vectors, biases, strict=True) for start in side))
        self.curves: dict[str, list[float]] = {"loss": [], "rmse": []}

    def until_best(self, watched: Pairs, progress: Progress) -> tuple[Learned, int]:
        """Learn until the loss of `watched` pairs no longer falls; return what was best on them and after how many epochs it was."""
        config = self._config
        stopping = EarlyStopping(self._learned(), config.min_delta, config.patience)
        self.curves |= {"validation_loss": [], "validation_rmse": []}
        for epoch in range(config.epochs):
            self._one_epoch(epoch)
            learned = self._learned()
            predicted = learned.predict(watched, self._scale)
            error = np.abs(predicted - watched.value).astype(np.float64) / self._scale.unit
            loss = float(np.mean(error if config.loss == "mae" else error**2))
            self.curves["validation_loss"].append(loss)
            self.curves["validation_rmse"].append(errors(watched.value, predicted)["rmse"])
            progress(f"matrix_factorization: epoch {epoch + 1}, loss {self.curves['loss'][-1]:.4f}, validation loss {loss:.4f}")
            if stopping.saw(loss, learned):
                break
        return stopping.best, stopping.best_epoch

    def for_epochs(self, epochs: int) -> Learned:
        """Learn for so many epochs."""
        for epoch in range(epochs):
            self._one_epoch(epoch)
        return self._learned()

    def _one_epoch(self, epoch: int) -> None:
        config = self._config
        rate = np.float32(config.learning_rate * (1 - epoch / config.epochs))
        choices = (config.head, config.loss, config.reg)
        found = [
            learn(self._tables, *batch, self._overall, rate, kept_share(config, self._rng), *choices)
            for batch in self._batches(self._shown())
        ]
        losses = np.array([(finite(float(loss), "matrix_factorization", step), float(square)) for step, (loss, square) in enumerate(found)])
        loss, square = losses.mean(axis=0)
        self.curves["loss"].append(float(loss))
        self.curves["rmse"].append(float(np.sqrt(square)) * self._scale.unit)

    def _start(self, numbers: NDArray[np.int32], length: int) -> NDArray[np.float32]:
        """Draw vectors; of whom or what there is nothing to learn, the vector is zero, which predicts by what else is known."""
        drawn = self._rng.normal(scale=START, size=(length, self._config.embedding_size)).astype(np.float32)
        return drawn * (np.bincount(numbers, minlength=length) > 0)[:, None].astype(np.float32)

    def _shown(self) -> Pairs:
        return self._pairs if self._untouched is None else self._untouched.beside(self._pairs, self._rng)

    def _batches(self, pairs: Pairs) -> Iterator[tuple[DistinctRows, DistinctRows, NDArray[np.float32], NDArray[np.float32]]]:
        """Cut an epoch's pairs, in a new order, into batches of one size; what fills the last one weighs nothing."""
        size = self._config.batch_size
        shown = min(len(pairs), size * max(1, self._config.max_steps // self._config.epochs))
        order = self._rng.permutation(len(pairs))[:shown]
        targets = self._scale.scaled(pairs.value)
        n_users, n_items = (table.rows.shape[0] - 1 for table in (self._tables.user, self._tables.item))
        for start in range(0, shown, size):
            weight = (np.arange(start, start + size) < shown).astype(np.float32)
            rows = order[np.arange(start, start + size) % shown]
            yield distinct_rows(pairs.user[rows], n_users), distinct_rows(pairs.item[rows], n_items), targets[rows], weight

    def _learned(self) -> Learned:
        user, user_bias, item, item_bias = (table.learned() for table in self._tables)
        return Learned(np.hstack([user, user_bias]), RatingFactors(item, item_bias[:, 0], float(self._overall)))


def kept_share(config: MatrixFactorizationConfig, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw what dropout leaves of the vectors of a batch, (2, batch, embedding_size): zeros, and what stretches the rest to the same mean.

    Biases are never hidden. Drawn here, since random numbers are slow in a compiled step on a processor.
    """
    if not config.dropout:
        return np.ones((2, 1, 1), np.float32)
    kept = rng.random((2, config.batch_size, config.embedding_size), np.float32) >= config.dropout
    return kept.astype(np.float32) / np.float32(1 - config.dropout)


@tf.function(jit_compile=True)
def learn(
    tables: Tables,
    user: DistinctRows,
    item: DistinctRows,
    target: tf.Tensor,
    weight: tf.Tensor,
    overall: tf.Tensor,
    learning_rate: tf.Tensor,
    kept: tf.Tensor,
    head: Head,
    loss: str,
    reg: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Learn from one batch of pairs; target and weight are (batch,). Return its mean loss and its mean squared error.

    `kept` (2, batch, embedding_size), or ones that broadcast to it, is what dropout leaves of the vectors of users and items.
    """
    sides = (user, user, item, item)
    read = [table.read(side.rows) for table, side in zip(tables, sides, strict=True)]
    with tf.GradientTape() as tape:
        tape.watch(read)
        of_user, user_bias, of_item, item_bias = (tf.gather(rows, side.place) for rows, side in zip(read, sides, strict=True))
        length = tf.reduce_sum(of_user**2 + of_item**2 + user_bias**2 + item_bias**2, axis=1)
        of_user, of_item = of_user * kept[0], of_item * kept[1]
        sums = tf.reduce_sum(of_user * of_item, axis=1) + user_bias[:, 0] + item_bias[:, 0] + overall
        error = {"linear": tf.identity, "sigmoid": tf.sigmoid, "tanh": tf.tanh}[head](sums) - target
        squared = tf.square(error)
        found = tf.reduce_sum(weight * (tf.abs(error) if loss == "mae" else squared)) / tf.reduce_sum(weight)
        held_back = found + reg * tf.reduce_sum(weight * length) / tf.reduce_sum(weight)
    for table, side, rows, gradient in zip(tables, sides, read, tape.gradient(held_back, read), strict=True):
        table.learn(side.rows, rows, gradient, learning_rate)
    return found, tf.reduce_sum(weight * squared) / tf.reduce_sum(weight)
