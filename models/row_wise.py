"""Row-wise Adagrad: tables of embeddings of which a step of training reads and writes only the rows in its batch.

Keras' optimizers turn the gradient of a table into a dense one and move every row, whether or not the batch holds it. Importing this
module loads TensorFlow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

TINY = 1e-10
"""Keeps a row that has never been moved from dividing by zero."""


class Table(NamedTuple):
    """A table that learns row by row: `rows` (n + 1, width), the last one for padding; `squares` (n + 1,) sums up how steep each row was.

    A compiled step takes tables as arguments: it is then compiled once for all tables of a shape, whatever model they belong to.
    """

    rows: tf.Variable
    squares: tf.Variable

    @classmethod
    def of(cls, start: NDArray[np.float32]) -> Table:
        """Let a table learn from these rows on, (n, width), and append the padding row of zeros."""
        padded = np.vstack([start, np.zeros((1, start.shape[1]), np.float32)])
        return cls(tf.Variable(padded), tf.Variable(np.zeros(len(padded), np.float32)))

    def learned(self) -> NDArray[np.float32]:
        """Return the rows without the one for padding; (n, width)."""
        learned: NDArray[np.float32] = self.rows.numpy()[:-1]
        return learned

    def read(self, rows: tf.Tensor) -> tf.Tensor:
        """Read distinct rows, (size,) -> (size, width). A gradient tape has to watch what was read, and never the table."""
        return tf.gather(self.rows, rows)

    def learn(self, rows: tf.Tensor, read: tf.Tensor, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Move what was read of distinct rows against its gradient, (size, width), one step size for all columns of a row.

        The step size falls with the root of the row's mean squared gradients so far (Adagrad, Duchi et al. 2011, one accumulator a row).
        A row without gradient, such as the padding row, stays as it is.
        """
        dense = tf.convert_to_tensor(gradient)
        squares = tf.gather(self.squares, rows) + tf.reduce_mean(tf.square(dense), axis=1)
        self.squares.scatter_update(tf.IndexedSlices(squares, rows))
        self.rows.scatter_update(tf.IndexedSlices(read - learning_rate * dense * tf.math.rsqrt(squares + TINY)[:, None], rows))
