"""The network of `next_item` as it learns, after every like of a stretch at once; importing this module loads TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf


def encode(weights: Mapping[str, tf.Tensor], liked: tf.Tensor, likes: tf.Tensor, hide: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Return the state after each like: liked (batch, length, size) in order, likes (batch, length) -> (batch, length, size)."""
    places, length = weights["places"], liked.shape[1]
    back = np.arange(length)[:, None] - np.arange(length)[None, :]
    within = (back >= 0) & (back < places.shape[0])
    logits = tf.gather(places, np.where(within, back, 0))
    known = within[None] & likes[:, None, :]
    shares = tf.nn.softmax(tf.where(known, logits[None], -1e9)) * tf.cast(known, tf.float32)
    pool = tf.matmul(shares, liked)
    n_hidden = len(weights) // 2 - 2
    values = pool
    for layer in range(n_hidden):
        values = hide(tf.nn.relu(tf.tensordot(values, weights[f"kernel_{layer}"], 1) + weights[f"bias_{layer}"]))
    return pool + tf.tensordot(values, weights[f"kernel_{n_hidden}"], 1) + weights[f"bias_{n_hidden}"]
