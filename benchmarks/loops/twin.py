"""A loop of ours and its twin: the same network, batch size and loss, trained by Keras `fit`. Importing this module loads TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.scorer import Scorer

SEED = 1
EPOCHS = 4
NO_LIMIT = 1_000_000
"""Steps: an epoch shows everything."""

Layers = Mapping[str, keras.layers.Layer]
Batch = Mapping[str, tf.Tensor]


class Twin(keras.Model):
    """A network that Keras trains with `fit`: called with a batch of arrays it returns its loss."""

    def __init__(self, layers: Layers, loss: Callable[[Layers, Batch], tf.Tensor]) -> None:
        super().__init__()
        self.named, self.of_batch = dict(layers), loss

    def call(self, batch: Batch) -> tf.Tensor:
        """Return the mean loss of a batch."""
        return self.of_batch(self.named, batch)

    def compute_loss(self, _inputs: Batch, _targets: None, y_pred: tf.Tensor, *_weights: Any, **_further: Any) -> tf.Tensor:
        """Return what `call` returned."""
        return y_pred


@dataclass(frozen=True)
class Loop:
    """What of ours trains and how many samples it sees in an epoch; its twin, and one epoch of samples as arrays."""

    ours: Scorer
    samples: int
    twin: Twin
    batch_size: int
    arrays: dict[str, NDArray[np.generic]]
