"""How near items are to users on the globe."""

from __future__ import annotations

from math import pi
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.layers.arguments import positive
from models.layers.loud import require
from models.layers.normalized_dot_product_similarity import one_vector_each

EARTH_RADIUS_KM = 6371.0088
"""Mean radius (IUGG)."""


@keras.saving.register_keras_serializable(package="nightly_recs")
class GreatCircleProximity(keras.layers.Layer):
    """Score items by exp(-distance / length_km), 1 where the user is and towards 0 far away.

    [users (batch, 2) or (batch, 1, 2), items (batch, candidates, 2) or (1, candidates, 2) for all users] in degrees of latitude and
    longitude -> (batch, candidates). The distance is the great circle's, by the haversine formula, for every pair; nothing is scaled by
    what else is in the batch. A latitude beyond 90 degrees, a longitude beyond 360 or NaN raises; under XLA it scores NaN.
    """

    def __init__(self, length_km: float, earth_radius_km: float = EARTH_RADIUS_KM, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length_km = positive("length_km", length_km)
        self.earth_radius_km = positive("earth_radius_km", earth_radius_km)
        self.supports_jit = False

    def call(self, inputs: Any) -> tf.Tensor:
        users, items = (tf.convert_to_tensor(places) for places in inputs)
        users = one_vector_each(users, items)[:, None]
        if items.shape[2] != 2:
            raise ValueError(f"places are (latitude, longitude), got {items.shape}")
        for places, whose in ((users, "users"), (items, "items")):
            require(on_globe(places), f"places of {whose} must be degrees: latitude -90 to 90, longitude -360 to 360")
        proximity = tf.exp(-self.earth_radius_km / self.length_km * central_angle(users, items))
        return tf.where(on_globe(users) & on_globe(items), proximity, tf.constant(np.nan, proximity.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "length_km": self.length_km, "earth_radius_km": self.earth_radius_km}


def on_globe(places: tf.Tensor) -> tf.Tensor:
    """Say which places (..., 2) have a latitude and longitude that exist, (...)."""
    return (tf.abs(places[..., 0]) <= 90) & (tf.abs(places[..., 1]) <= 360)


def central_angle(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the angle in radians between places (..., 2) in degrees, seen from the centre of the globe."""
    latitude, longitude = (a - b)[..., 0] * (pi / 360), (a - b)[..., 1] * (pi / 360)
    shrunk = tf.cos(a[..., 0] * (pi / 180)) * tf.cos(b[..., 0] * (pi / 180))
    half_chord_squared = tf.square(tf.sin(latitude)) + shrunk * tf.square(tf.sin(longitude))
    # Rounding can lift the antipode's above one, where asin is NaN.
    return 2 * tf.asin(tf.sqrt(tf.clip_by_value(half_chord_squared, 0.0, 1.0)))
