"""Claims about `models.knowledge.trending`."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from pydantic import ValidationError

from models.knowledge.trending import Trending, TrendingConfig
from tests.worlds import interactions, strangers, training_data


def trend(age_days: list[float], item: list[int], config: TrendingConfig) -> np.ndarray:
    """Return the scores of three items, liked at these ages."""
    happened = interactions(np.arange(len(item)), item, (len(item), 3), age_days=age_days)
    scorer = Trending(config).fit(training_data(happened), seed=0)
    return scorer.score(strangers(happened.positives()[:1]))[0]


def test_scores_are_the_log_of_recent_likes_over_expected_ones() -> None:
    """Counted by hand: likes of 0 and 10 days, half-lives of 5 and 10 days, one pseudo-count."""
    scores = trend([0, 10, 10], [0, 0, 1], TrendingConfig(recent_half_life_days=5, past_half_life_days=10, pseudo_counts=1))
    share = (1 + 2 * 0.25) / (1 + 2 * 0.5)
    np.testing.assert_allclose(scores, [log(2.25 / (1 + 1.5 * share)), log(1.25 / (1 + 0.5 * share)), 0], rtol=1e-5, atol=1e-7)


def test_what_rises_comes_before_what_is_popular_and_what_falls_comes_last() -> None:
    """An item liked ten times lately rises; one liked as ever, though far more often, does not; one that lately is not liked falls."""
    steady = list(np.arange(0, 200, 1.0))
    scores = trend([*steady, *[1.0] * 10, *[60.0] * 40], [0] * 200 + [1] * 10 + [2] * 40, TrendingConfig())
    assert scores[1] > scores[0] > scores[2]
    assert scores[1] > 0 > scores[2]


def test_little_evidence_is_no_trend() -> None:
    """One like today is no fashion: the more pseudo-counts, the less it moves."""
    small, large = (trend([0, 100], [0, 1], TrendingConfig(pseudo_counts=count))[0] for count in (0.1, 100.0))
    assert small > 10 * large > 0


def test_without_times_nothing_is_on_the_move() -> None:
    """Likes of one instant give every item the trend zero."""
    assert not trend([0, 0, 0], [0, 0, 1], TrendingConfig()).any()


def test_lately_is_shorter_than_formerly() -> None:
    """The other way round rising and falling would change places."""
    with pytest.raises(ValidationError, match="shorter"):
        TrendingConfig(recent_half_life_days=60, past_half_life_days=60)
