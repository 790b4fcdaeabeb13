"""Make bad values fail: with a ValueError in eager mode, with an InvalidArgumentError in a graph."""

from __future__ import annotations

import tensorflow as tf


def require(holds: tf.Tensor, message: str) -> None:
    """Raise unless every cell of `holds` is true.

    XLA drops assertions (TensorFlow 2.21). A layer that calls this sets `supports_jit = False`, so that Keras does not choose XLA by
    itself, and answers a bad value with NaN, which is all that is left where a caller insists on XLA.
    """
    everything = tf.reduce_all(holds)
    if not tf.executing_eagerly():
        tf.debugging.Assert(everything, [message])
    elif not everything:
        raise ValueError(message)
