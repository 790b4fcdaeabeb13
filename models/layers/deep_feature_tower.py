"""Features of a user or an item as a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from models.layers.arguments import not_negative, positive_integer, share_below_one, widths
from models.layers.hidden_stack import build_in_turn, dense, hidden_stack
from models.layers.normalized_dot_product_similarity import unit_length
from models.layers.seeds import seeds


@keras.saving.register_keras_serializable(package="nightly_recs")
class DeepFeatureTower(keras.layers.Layer):
    """Turn features into vectors: (..., features) -> (..., units), every row by itself.

    `hidden_layers` is a number of hidden layers, `units` wide each, or a sequence of widths. Each is linear, layer norm, activation,
    dropout (why layer norm: `models.layers.hidden_stack`). The last layer is linear and has no dropout, so that a vector may point
    anywhere; with `unit_norm` it is cut to length one. `l2_reg` weighs the squares of all kernels. Candidates need not be flattened
    first: (batch, candidates, features) comes out as (batch, candidates, units). With a `seed`, what it starts from and what dropout hides
    depend on nothing else.
    """

    def __init__(
        self,
        units: int = 32,
        hidden_layers: int | Sequence[int] = 2,
        dropout_rate: float = 0.2,
        l2_reg: float = 1e-4,
        activation: Any = "relu",
        unit_norm: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive_integer("units", units)
        self.hidden_widths = widths("hidden_layers", hidden_layers, self.units)
        self.dropout_rate = share_below_one("dropout_rate", dropout_rate)
        self.l2_reg = not_negative("l2_reg", l2_reg)
        self.activation = keras.activations.get(activation)
        self.unit_norm = bool(unit_norm)
        self.seed = seed
        drawn = seeds(seed)
        hidden = hidden_stack(self.hidden_widths, self.activation, self.dropout_rate, self.l2_reg, drawn)
        self.stack = [*hidden, dense(self.units, self.l2_reg, next(drawn))]

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(f"features (..., features) of a known number are needed, got {tuple(input_shape)}")
        build_in_turn(self.stack, input_shape)

    def call(self, features: Any, training: bool | None = None) -> tf.Tensor:
        values = features
        for layer in self.stack:
            values = layer(values, training=training) if isinstance(layer, keras.layers.Dropout) else layer(values)
        return unit_length(values) if self.unit_norm else values

    def get_config(self) -> dict[str, Any]:
        shape = {"units": self.units, "hidden_layers": list(self.hidden_widths), "unit_norm": self.unit_norm}
        training = {"dropout_rate": self.dropout_rate, "l2_reg": self.l2_reg, "activation": keras.activations.serialize(self.activation)}
        return {**super().get_config(), **shape, **training, "seed": self.seed}
