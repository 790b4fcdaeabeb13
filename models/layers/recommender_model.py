"""A Keras model that takes ids as they are."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="nightly_recs")
class RecommenderModel(keras.Model):
    """A functional model over a dictionary of inputs that refuses float ids: TypeError.

    Keras casts what it is given to the dtype of an `Input`, so that a plain model would turn the id 1.9 into 1 in silence.
    """

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        for name, values in inputs.items():
            if name.endswith("_id") and not tf.as_dtype(keras.backend.standardize_dtype(values.dtype)).is_integer:
                raise TypeError(f"{name} must be integers, got {values.dtype}")
        return super().__call__(inputs, *args, **kwargs)
