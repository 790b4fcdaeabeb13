"""Places on a sphere: latitude and longitude in degrees, distances in kilometres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the Earth (IUGG)."""


def distance_km(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the great-circle distance of every place (..., rows, 2) from every other (..., others, 2) of its stack, both in degrees.

    (..., rows, others).

    The haversine formula: exact for neighbours, where the arc cosine loses all digits. NaN where a place is NaN.
    """
    (latitude, longitude), (other_latitude, other_longitude) = (
        np.moveaxis(np.radians(place), -1, 0) for place in (here[..., :, None, :], there[..., None, :, :])
    )
    half_north = np.sin((latitude - other_latitude) / 2)
    half_east = np.sin((longitude - other_longitude) / 2)
    chord = half_north**2 + np.cos(latitude) * np.cos(other_latitude) * half_east**2
    # Rounding may carry antipodes a little beyond 1, where the arc sine is no number.
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))


def directions(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn places (rows, 2) into points on the unit sphere, (rows, 3), which can be averaged; NaN stays NaN."""
    latitude, longitude = np.radians(place).T
    return np.stack([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=1)


def places(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn points around the Earth's centre (rows, 3) into the places above or below which they lie; (rows, 2)."""
    east, north, up = direction.T
    return np.degrees(np.stack([np.arctan2(up, np.hypot(east, north)), np.arctan2(north, east)], axis=1))
