from __future__ import annotations

from math import acos, cos, exp, radians, sin

import numpy as np
import pytest
import tensorflow as tf

from models.layers import GreatCircleProximity, LearnableWeightedCombination, TopKRecommendationSelector

rng = np.random.default_rng(0)
USERS = rng.uniform((-80, -180), (80, 180), (4, 2)).astype(np.float32)
ITEMS = rng.uniform((-80, -180), (80, 180), (4, 5, 2)).astype(np.float32)


def by_loops(users: np.ndarray, items: np.ndarray, length: float) -> np.ndarray:
    """Take the angle from the spherical law of cosines, pair by pair, in double precision."""
    scores = np.empty(items.shape[:2])
    for user, candidate in np.ndindex(scores.shape):
        (lat, lon), (other_lat, other_lon) = (map(radians, place.tolist()) for place in (users[user], items[user, candidate]))
        lat, lon, other_lat, other_lon = float(lat), float(lon), float(other_lat), float(other_lon)
        angle = acos(sin(lat) * sin(other_lat) + cos(lat) * cos(other_lat) * cos(lon - other_lon))
        scores[user, candidate] = exp(-angle * 6371.0088 / length)
    return scores


def test_every_pair_gets_its_own_distance():
    """(4, 2) and (4, 5, 2) give (4, 5), and a shared list of places gives what it gives to each user."""
    layer = GreatCircleProximity(3000)
    np.testing.assert_allclose(layer([USERS, ITEMS]), by_loops(USERS, ITEMS, 3000), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(layer([USERS, ITEMS[:1]]), layer([USERS, np.repeat(ITEMS[:1], 4, axis=0)]), rtol=1e-5)


def test_degrees_are_degrees():
    """A quarter of the equator is 10,007.5 km; Paris and Berlin are 878 km apart; the antipode is half the girth away."""
    users = np.array([[0, 0], [48.8566, 2.3522], [10, 20], [30, 40]], np.float32)
    items = np.array([[[0, 90]], [[52.52, 13.405]], [[10, 20]], [[-30, -140]]], np.float32)
    proximity = np.asarray(GreatCircleProximity(1000)([users, items]))[:, 0]
    np.testing.assert_allclose(-np.log(proximity) * 1000, [10007.5, 878, 0, 20015], rtol=2e-3)


def test_it_serves_as_the_third_score_of_a_blend():
    """Two signals that know nothing and 1000 places: the ten nearest are the list."""
    places = rng.uniform(-60, 60, (1, 1000, 2)).astype(np.float32)
    near = GreatCircleProximity(2000)([USERS, places])
    nothing = tf.zeros((4, 1000))
    listed, _ = TopKRecommendationSelector(10)(LearnableWeightedCombination(3)([nothing, nothing, near]))
    expected = np.argsort(-by_loops(USERS, np.repeat(places, 4, axis=0), 2000), axis=1)[:, :10]
    np.testing.assert_array_equal(listed, expected)


@pytest.mark.parametrize("place", [[91, 0], [0, 361], [np.nan, 0]])
def test_places_that_do_not_exist_raise_at_once_and_in_a_graph_and_are_nan_under_xla(place):
    inputs = [np.array([place], np.float32), ITEMS[:1]]
    layer = GreatCircleProximity(1000)
    with pytest.raises(ValueError, match="places of users"):
        layer(inputs)
    with pytest.raises(tf.errors.InvalidArgumentError, match="places of users"):
        tf.function(layer)(inputs)
    assert np.isnan(tf.function(layer, jit_compile=True)([tf.constant(part) for part in inputs])).all()


def test_shapes_and_lengths_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="latitude, longitude"):
        GreatCircleProximity(1)([np.zeros((2, 3), np.float32), np.zeros((2, 4, 3), np.float32)])
    with pytest.raises(ValueError, match="are needed"):
        GreatCircleProximity(1)([USERS, ITEMS[:2]])
    with pytest.raises(ValueError, match="length_km"):
        GreatCircleProximity(0)
