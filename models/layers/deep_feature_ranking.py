"""A score for a user and an item from the features of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from models.layers.arguments import not_negative, positive_integer, share_below_one, widths
from models.layers.hidden_stack import after_dense, build_in_turn, dense, hidden_stack
from models.layers.seeds import seeds


@keras.saving.register_keras_serializable(package="nightly_recs")
class DeepFeatureRanking(keras.layers.Layer):
    """Score candidates by a network over features of user and item together: (batch, candidates) scores of any sign.

    Takes features of pairs (batch, candidates, features), or [user features (batch, features), item features (batch, candidates, others)].
    The second form computes the same as the first with both kinds of features in each row, without ever holding those rows: the first
    linear layer is a sum of one term of the user and one of the item. `hidden_layers` counts hidden layers of `hidden_dim`, or lists
    their widths; each is linear, layer norm, activation, dropout. The last layer is linear, since an activation such as ReLU would make
    all bad items equal and stop their gradient. With a `seed`, what it starts from and what dropout hides depend on nothing else.
    """

    def __init__(
        self,
        hidden_dim: int = 32,
        l2_reg: float = 1e-4,
        dropout_rate: float = 0.2,
        hidden_layers: int | Sequence[int] = 1,
        activation: Any = "relu",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_dim = positive_integer("hidden_dim", hidden_dim)
        self.hidden_widths = widths("hidden_layers", hidden_layers, self.hidden_dim)
        if not self.hidden_widths:
            raise ValueError("hidden_layers must be at least 1")
        self.dropout_rate = share_below_one("dropout_rate", dropout_rate)
        self.l2_reg = not_negative("l2_reg", l2_reg)
        self.activation = keras.activations.get(activation)
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        separate = isinstance(input_shape[0], Sequence)
        items = tuple(input_shape[1] if separate else input_shape)
        if (separate and (len(input_shape) != 2 or len(input_shape[0]) != 2)) or len(items) != 3:
            raise ValueError(f"(batch, candidates, features), or (batch, features) and that, are needed, got {input_shape}")
        (first, *others), drawn = self.hidden_widths, seeds(self.seed)
        self.item_part = dense(first, self.l2_reg, next(drawn))
        self.user_part = dense(first, self.l2_reg, next(drawn), use_bias=False) if separate else None
        after_first = after_dense(self.activation, self.dropout_rate, next(drawn))
        hidden = hidden_stack(others, self.activation, self.dropout_rate, self.l2_reg, drawn)
        self.stack = [*after_first, *hidden, dense(1, self.l2_reg, next(drawn))]
        if self.user_part is not None:
            self.user_part.build(tuple(input_shape[0]))
        self.item_part.build(items)
        build_in_turn(self.stack, (*items[:2], first))

    def call(self, features: Any, training: bool | None = None) -> tf.Tensor:
        if self.user_part is None:
            values = self.item_part(features)
        else:
            user, items = features
            if not user.shape[0:1].is_compatible_with(items.shape[0:1]):
                raise ValueError(f"as many users as lists of items are needed, got {user.shape} and {items.shape}")
            values = self.user_part(user)[:, None] + self.item_part(items)
        for layer in self.stack:
            values = layer(values, training=training) if isinstance(layer, keras.layers.Dropout) else layer(values)
        return tf.squeeze(values, axis=-1)

    def get_config(self) -> dict[str, Any]:
        shape = {"hidden_dim": self.hidden_dim, "hidden_layers": list(self.hidden_widths)}
        training = {"dropout_rate": self.dropout_rate, "l2_reg": self.l2_reg, "activation": keras.activations.serialize(self.activation)}
        return {**super().get_config(), **shape, **training, "seed": self.seed}
