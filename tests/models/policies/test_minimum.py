"""Claims about `models.policies.minimum`: how often what scores so much is liked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.policies.minimum import Calibration, MinimumConfig, calibrate

SEGMENTS = ("new", "old", "nobody")


def logistic(scores, middle):
    """Return a chance that rises with the score, one half of the best at the middle."""
    return 0.6 / (1 + np.exp(-2 * (scores - middle)))


def simulated(n: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw judged places of two segments: the old ones like as much only from a score that is higher by 1."""
    rng = np.random.default_rng(seed)
    scores, segment = rng.normal(0, 1.5, n), rng.integers(0, 2, n)
    return scores, rng.random(n) < logistic(scores, segment.astype(float)), segment


def test_a_known_curve_is_found_again():
    """With places enough each segment's chance is met, on average within two hundredths, and the score at which it reaches a quarter."""
    found = calibrate(*simulated(400_000), SEGMENTS)
    scores = np.linspace(-2, 3, 50)
    for index in (0, 1):
        segment = np.full(50, index)
        assert np.abs(found.chance(scores, segment) - logistic(scores, index)).max() < 0.04
        assert np.abs(found.chance(scores, segment) - logistic(scores, index)).mean() < 0.02
    expected = np.array([0, 1]) - np.log(0.6 / 0.25 - 1) / 2
    np.testing.assert_allclose(found.threshold(0.25)[:2], expected, atol=0.15)


def test_few_places_tell_little_of_a_segment_and_none_nothing():
    """Ten places of one segment, all of them liked, hardly move its curve; a segment nobody judged has everybody's."""
    rng = np.random.default_rng(1)
    scores, hits = rng.normal(size=20_000), rng.random(20_000) < 0.1
    segment = np.zeros(20_000, int)
    segment[:10], hits[:10] = 1, True
    found = calibrate(scores, hits, segment, SEGMENTS)
    assert found.segments["nobody"] == found.everybody.model_copy(update={"places": 0})
    some = np.linspace(-1, 1, 9)
    of_few, of_all = (found.chance(some, np.full(9, index)) for index in (1, 2))
    assert np.abs(of_few - of_all).max() < 0.05
    segment[:10_000], hits[:10_000] = 1, True
    assert calibrate(scores, hits, segment, SEGMENTS).chance(some, np.ones(9, int)).min() > 0.6


places = st.lists(st.tuples(st.sampled_from([-1.5, 0.0, 0.1, 2.0, 3.3]), st.booleans(), st.integers(0, 1)), min_size=1, max_size=40)


@given(places, st.integers(1, 300), st.floats(0, 1))
def test_more_score_is_never_less_chance_and_the_threshold_is_where_it_says(drawn, times, chance):
    """Whatever is drawn: chances rise, an item scores as much as the threshold exactly if it is as likely, and JSON keeps it all."""
    scores, hits, segment = (np.repeat(np.array(column), times) for column in zip(*drawn, strict=True))
    found = calibrate(scores, hits, segment, SEGMENTS)
    assert Calibration.model_validate_json(found.model_dump_json()) == found
    some = np.float32([-9, -1.5, 0, 0.05, 0.1, 1, 2, 3.3, 9])
    limits = found.threshold(chance)
    assert limits.dtype == np.float32
    for index in range(len(SEGMENTS)):
        chances = found.chance(some, np.full(len(some), index))
        assert (np.diff(chances) >= 0).all()
        np.testing.assert_array_equal(some >= limits[index], chances >= chance)


def test_what_is_never_reached_has_no_threshold_and_what_always_is_leaves_nothing_out():
    scores, hits = np.repeat([0.0, 1.0], 500), np.tile([True, False], 500)
    found = calibrate(scores, hits, np.zeros(1000, int), ("all",))
    assert found.threshold(0.51).tolist() == [np.inf]
    assert found.threshold(0.49).tolist() == [-np.inf]
    assert found.threshold(0).tolist() == [-np.inf]


def test_order_changes_no_number():
    scores, hits, segment = simulated(5_000)
    order = np.random.default_rng(0).permutation(5_000)
    assert calibrate(scores[order], hits[order], segment[order], SEGMENTS) == calibrate(scores, hits, segment, SEGMENTS)


@pytest.mark.parametrize("scores", [[], [1.0, np.nan], [np.inf]])
def test_nothing_is_made_up_of_nothing(scores):
    n = len(scores)
    with pytest.raises(ValueError, match="finite scores"):
        calibrate(np.array(scores), np.zeros(n, bool), np.zeros(n, int), SEGMENTS)


def test_certainty_cannot_be_asked_for():
    with pytest.raises(ValidationError):
        MinimumConfig(chance=1.0)
