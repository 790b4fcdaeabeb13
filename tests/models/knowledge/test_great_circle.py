"""Claims about `models.knowledge.great_circle`."""

from __future__ import annotations

from math import acos, cos, pi, radians, sin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.knowledge.great_circle import EARTH_RADIUS_KM, directions, distance_km, places

ZURICH, BERN, TOKYO, NORTH_POLE = (47.3769, 8.5417), (46.9480, 7.4474), (35.6762, 139.6503), (90.0, 0.0)

Place = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def arc_km(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Measure one distance with the spherical law of cosines."""
    (a, b), (c, d) = ((radians(angle) for angle in place) for place in (here, there))
    return EARTH_RADIUS_KM * acos(max(-1.0, min(1.0, sin(a) * sin(c) + cos(a) * cos(c) * cos(b - d))))


def test_known_distances_are_met() -> None:
    """Zurich to Bern is 95 km as the crow flies, to Tokyo 9 600, and the pole a quarter of the way round from the equator."""
    found = distance_km(np.array([ZURICH]), np.array([BERN, TOKYO, ZURICH]))[0]
    np.testing.assert_allclose(found, [95.5, 9600, 0], rtol=0.005)  # the Earth is flattened by a third of a percent
    assert distance_km(np.array([NORTH_POLE]), np.array([(0.0, 77.0)]))[0, 0] == pytest.approx(EARTH_RADIUS_KM * pi / 2)


@given(here=st.lists(Place, min_size=1, max_size=4), there=st.lists(Place, min_size=1, max_size=4))
def test_every_place_is_measured_from_every_other(here: list[tuple[float, float]], there: list[tuple[float, float]]) -> None:
    """Row r and column c hold the distance of those two, whatever stands beside them."""
    found = distance_km(np.array(here), np.array(there))
    expected = [[arc_km(one, other) for other in there] for one in here]
    np.testing.assert_allclose(found, expected, atol=0.2)  # the law of cosines is blind to a hundred metres


@given(place=Place)
def test_antipodes_are_half_the_way_round(place: tuple[float, float]) -> None:
    """Nothing is farther, and nothing there is NaN."""
    latitude, longitude = place
    found = distance_km(np.array([place]), np.array([(-latitude, longitude + 180)]))
    assert found[0, 0] == pytest.approx(EARTH_RADIUS_KM * pi)


def test_across_the_date_line_is_near() -> None:
    """Two degrees of longitude on the equator are 222 km, also from 179 east to 179 west."""
    assert distance_km(np.array([(0.0, 179.0)]), np.array([(0.0, -179.0)]))[0, 0] == pytest.approx(222.4, abs=0.1)


@given(place=st.tuples(st.floats(-89, 89), st.floats(-179, 179)))
def test_a_place_is_where_its_direction_points(place: tuple[float, float]) -> None:
    """There and back again, at any distance from the centre."""
    np.testing.assert_allclose(places(0.3 * directions(np.array([place])))[0], place, atol=1e-9)
