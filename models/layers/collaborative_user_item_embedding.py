"""A vector for every user and every item."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from models.layers.arguments import not_negative, positive_integer
from models.layers.loud import require
from models.layers.seeds import seeds


@keras.saving.register_keras_serializable(package="nightly_recs")
class CollaborativeUserItemEmbedding(keras.layers.Layer):
    """Look up the vectors of users and of their candidate items.

    [user ids (batch,) or (batch, 1), item ids (batch, candidates) or (batch,)] -> (batch, embedding_dim) and
    (batch, candidates, embedding_dim). Ids are integers in [0, num_users) and [0, num_items). Any other id raises; under XLA, where
    nothing can raise, its vector is NaN. Float ids raise TypeError, since their fraction would be lost; note that a functional Keras model
    casts what it is given to the dtype of its `Input` before a layer sees it (`models.layers.recommender_model` does not).

    `l2_reg` weighs the mean squared length of the vectors that the batch looks up (users' mean plus items' mean). Rows outside the batch
    are left alone, so that the gradient stays as sparse as the batch; a penalty on whole tables would touch every row at every step.
    Candidates that `item_mask` (batch, candidates) rules out as padding count for nothing in it. With a `seed`, the vectors it starts from
    depend on nothing else.
    """

    def __init__(
        self, num_users: int, num_items: int, embedding_dim: int = 32, l2_reg: float = 1e-4, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_users = positive_integer("num_users", num_users)
        self.num_items = positive_integer("num_items", num_items)
        self.embedding_dim = positive_integer("embedding_dim", embedding_dim)
        self.l2_reg = not_negative("l2_reg", l2_reg)
        self.seed = seed
        self.supports_jit = False

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 2:
            raise ValueError(f"a pair of user ids and item ids is needed, got shapes {input_shape}")
        drawn = seeds(self.seed)
        self.user_embeddings = self._table("user_embeddings", self.num_users, next(drawn))
        self.item_embeddings = self._table("item_embeddings", self.num_items, next(drawn))

    def _table(self, name: str, rows: int, seed: int | None) -> keras.Variable:
        # Cast under mixed precision, a variable would be read whole and its gradient be dense: rows are cast once looked up.
        initializer = keras.initializers.RandomNormal(stddev=self.embedding_dim**-0.5, seed=seed)
        return self.add_weight(name=name, shape=(rows, self.embedding_dim), initializer=initializer, autocast=False)

    def call(self, inputs: Any, item_mask: Any = None) -> tuple[tf.Tensor, tf.Tensor]:
        user_ids, item_ids = (integers(ids, name) for ids, name in zip(inputs, ("user", "item"), strict=True))
        if user_ids.shape.rank == 2 and user_ids.shape[1] == 1:
            user_ids = tf.reshape(user_ids, [-1])
        if item_ids.shape.rank == 1:
            item_ids = item_ids[:, None]
        if user_ids.shape.rank != 1 or item_ids.shape.rank != 2 or not user_ids.shape[0:1].is_compatible_with(item_ids.shape[0:1]):
            raise ValueError(f"user ids (batch,) and item ids (batch, candidates) are needed, got {user_ids.shape} and {item_ids.shape}")
        users = looked_up(self.user_embeddings.value, user_ids, "user")
        items = looked_up(self.item_embeddings.value, item_ids, "item")
        if self.l2_reg:
            counted = tf.ones(tf.shape(item_ids)) if item_mask is None else tf.cast(item_mask, tf.float32)
            item_penalty = tf.math.divide_no_nan(tf.reduce_sum(squared_length(items) * counted), tf.reduce_sum(counted))
            self.add_loss(self.l2_reg * (tf.reduce_mean(squared_length(users)) + item_penalty))
        return tf.cast(users, self.compute_dtype), tf.cast(items, self.compute_dtype)

    def set_user_vectors(self, user_ids: ArrayLike, vectors: ArrayLike) -> None:
        """Give users (n,) the vectors (n, embedding_dim), those of yesterday's model, say; ids out of range raise ValueError."""
        assign_rows(self.user_embeddings, user_ids, vectors)

    def set_item_vectors(self, item_ids: ArrayLike, vectors: ArrayLike) -> None:
        """Give items (n,) the vectors (n, embedding_dim), those of new items that a content model made, say; bad ids raise ValueError."""
        assign_rows(self.item_embeddings, item_ids, vectors)

    def get_config(self) -> dict[str, Any]:
        sizes = {"num_users": self.num_users, "num_items": self.num_items}
        return {**super().get_config(), **sizes, "embedding_dim": self.embedding_dim, "l2_reg": self.l2_reg, "seed": self.seed}


def integers(ids: Any, name: str) -> tf.Tensor:
    """Return ids as a tensor; ids of another kind than integers raise TypeError."""
    ids = tf.convert_to_tensor(ids)
    if not ids.dtype.is_integer:
        raise TypeError(f"{name} ids must be integers, got {ids.dtype.name}")
    return ids


def looked_up(table: tf.Variable, ids: tf.Tensor, name: str) -> tf.Tensor:
    """Return the rows of a table (rows, size) for ids of any shape, (..., size); an id out of range raises, or gives NaN under XLA.

    Left to itself, TensorFlow raises on a CPU, returns zeros on a GPU and the last row under XLA.
    """
    n_rows = table.shape[0]
    ids = tf.cast(ids, tf.int64)
    valid = (ids >= 0) & (ids < n_rows)
    require(valid, f"{name} ids must be in [0, {n_rows})")
    rows = tf.gather(table, tf.clip_by_value(ids, 0, n_rows - 1))
    return tf.where(valid[..., None], rows, tf.constant(np.nan, rows.dtype))


def squared_length(vectors: tf.Tensor) -> tf.Tensor:
    """Return the squared length of vectors (..., size) -> (...)."""
    return tf.reduce_sum(tf.square(vectors), axis=-1)


def assign_rows(table: keras.Variable, ids: ArrayLike, vectors: ArrayLike) -> None:
    """Overwrite rows of a table (rows, size); ids (n,) that are no integers in its range, or vectors not (n, size), raise."""
    rows, values = np.asarray(ids), np.asarray(vectors, np.float32)
    if rows.dtype.kind not in "iu" or rows.ndim != 1 or (rows.size and not 0 <= rows.min() <= rows.max() < table.shape[0]):
        raise ValueError(f"ids must be integers in [0, {table.shape[0]}), one a vector")
    if values.shape != (len(rows), table.shape[1]) or not np.isfinite(values).all():
        raise ValueError(f"vectors must be finite and of shape ({len(rows)}, {table.shape[1]}), got {values.shape}")
    table.value.scatter_nd_update(rows[:, None], values)
