"""Claims about `models.knowledge.trending`: of the contract what holds for a model that tells everybody the same, and its own."""

from __future__ import annotations

from collections.abc import Callable
from math import log

import numpy as np
import pytest
from pydantic import ValidationError

from models.knowledge.trending import Trending, TrendingConfig
from models.scorer import Scorer
from tests import worlds
from tests.models.test_scorer_contract import (  # noqa: F401  collected here, with the fixtures below
    test_a_history_of_unknown_items_is_no_history,
    test_a_loaded_scorer_is_the_saved_one,
    test_a_missing_file_is_named,
    test_a_scorer_names_its_family_and_its_curves,
    test_a_scorer_writes_arrays_and_configuration_only,
    test_a_world_without_likes_is_learned_honestly,
    test_an_artifact_of_another_model_is_refused,
    test_an_empty_block_gets_no_scores,
    test_an_item_that_nobody_likes_is_known_by_its_features_only,
    test_nobody_knows_what_has_neither_past_nor_features,
    test_scores_are_finite_and_of_one_shape,
    test_scores_do_not_depend_on_block_mates,
    test_two_fits_give_the_same_bytes,
    test_what_is_not_liked_teaches_nothing,
    test_what_is_unknown_scores_zero,
)
from tests.worlds import interactions, strangers, training_data


@pytest.fixture(scope="session")
def make() -> Callable[[], Scorer]:
    """Return the maker of the one scorer that is held to the contract here."""
    return Trending


@pytest.fixture(scope="session")
def fitted(newcomers: worlds.Newcomers) -> Scorer:
    """Return the scorer fitted to the world with newcomers; tests must not change it."""
    return Trending().fit(newcomers.data, seed=3)


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
