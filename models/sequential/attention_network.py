"""The network of `attention` as it learns, after every like of a stretch at once; importing this module loads TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from models.sequential.attention import STEADY


def encode(weights: Mapping[str, tf.Tensor], liked: tf.Tensor, likes: tf.Tensor, hide: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Return the state after each like: liked (batch, length, size) in order, likes (batch, length) -> (batch, length, size)."""
    (n_heads, _), length, size = weights["places"].shape, liked.shape[1], liked.shape[2]

    def heads(values: tf.Tensor, kernel: str) -> tf.Tensor:
        turned = tf.reshape(tf.tensordot(values, weights[kernel], 1), (-1, length, n_heads, size // n_heads))
        return tf.transpose(turned, (0, 2, 1, 3))

    back = np.arange(length)[:, None] - np.arange(length)[None, :]
    known = (back >= 0)[None, None] & likes[:, None, None, :]
    levelled = _levelled(liked, weights, "likes")
    asked, answer = heads(levelled, "query"), heads(levelled, "key")
    logits = tf.matmul(asked, answer, transpose_b=True) * (size // n_heads) ** -0.5
    logits += tf.gather(weights["places"], np.maximum(back, 0), axis=1)[None]
    shares = tf.nn.softmax(tf.where(known, logits, -1e9)) * tf.cast(known, tf.float32)
    told = tf.reshape(tf.transpose(tf.matmul(shares, heads(levelled, "value")), (0, 2, 1, 3)), (-1, length, size))
    states = liked + hide(tf.tensordot(told, weights["told"], 1))
    inner = tf.nn.relu(tf.tensordot(_levelled(states, weights, "states"), weights["kernel_0"], 1) + weights["bias_0"])
    states += tf.tensordot(hide(inner), weights["kernel_1"], 1) + weights["bias_1"]
    return _levelled(states, weights, "result")


def _levelled(values: tf.Tensor, weights: Mapping[str, tf.Tensor], name: str) -> tf.Tensor:
    centred = values - tf.reduce_mean(values, axis=-1, keepdims=True)
    spread = tf.sqrt(tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True) + STEADY)
    return centred / spread * weights[f"gain_{name}"] + weights[f"shift_{name}"]
