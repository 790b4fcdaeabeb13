"""Claims about `models.knowledge.popularity`."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.knowledge.fading import learned_half_life
from models.knowledge.popularity import Popularity, PopularityConfig
from models.scorer import TrainingData
from tests.worlds import World, interactions, training_data


def plain_popularity(data: TrainingData, config: PopularityConfig) -> list[list[float]]:
    """Count and mix in Python, like by like; one list a segment, and everybody's last."""
    happened = data.interactions
    own = [[0.0] * happened.n_items for _ in data.segments]
    for user, item, age, weight, liked in zip(
        happened.user, happened.item, happened.age_days, happened.weight, happened.positive, strict=True
    ):
        if liked:
            fading = 1.0 if config.half_life_days is None else 0.5 ** (float(age) / config.half_life_days)
            own[data.user_segment[user]][item] += float(weight) * fading
    overall = [sum(counts) for counts in zip(*own, strict=True)]
    total = sum(overall)
    mixed = [
        [(count + config.pseudo_counts * all_counts / total) / (sum(counts) + config.pseudo_counts) * total
         for count, all_counts in zip(counts, overall, strict=True)]
        for counts in own
    ]  # fmt: skip
    return [[log(1 + likes) for likes in row] for row in [*mixed, overall]]


@pytest.mark.parametrize("half_life_days", [None, 20.0])
def test_popularity_is_what_a_loop_counts(half_life_days: float | None, two_tastes: World) -> None:
    """Fading, weights, segments and mixing, computed at once, are what counting like by like gives."""
    config = PopularityConfig(half_life_days=half_life_days, pseudo_counts=7.0)
    scorer = Popularity(config).fit(two_tastes.data, seed=0)
    *by_segment, overall = plain_popularity(two_tastes.data, config)
    np.testing.assert_allclose(scorer.score(two_tastes.everybody), np.array(by_segment)[two_tastes.user_group], rtol=1e-5)
    items, scores = scorer.ranking()
    np.testing.assert_allclose(scores, np.array(overall)[items], rtol=1e-5)


def test_a_like_one_half_life_old_counts_half() -> None:
    """Two likes of a half-life ago weigh as much as one of today."""
    happened = interactions([0, 1, 2], [0, 0, 1], (3, 2), age_days=[30, 30, 0])
    _, scores = Popularity(PopularityConfig(half_life_days=30.0)).fit(training_data(happened), seed=0).ranking()
    assert scores[0] == scores[1]


def test_a_learned_half_life_is_that_of_the_data(two_tastes: World) -> None:
    """It is the one that explains the latest likes best, as if it had been configured, and is said."""
    happened = two_tastes.data.interactions
    half_life = learned_half_life(happened.where(happened.positive))
    lines: list[str] = []
    learned = Popularity(PopularityConfig(half_life_days="learned")).fit(two_tastes.data, seed=0, progress=lines.append)
    configured = Popularity(PopularityConfig(half_life_days=half_life)).fit(two_tastes.data, seed=0)
    np.testing.assert_array_equal(learned.score(two_tastes.everybody), configured.score(two_tastes.everybody))
    assert ("never fade" if half_life is None else f"by half in {half_life:.3g} days") in lines[0]


def test_a_segment_without_likes_has_everybodys_popularity() -> None:
    """Where a segment shows nothing of its own, what everybody likes stands in for it."""
    happened = interactions([0, 0, 1], [0, 1, 1], (3, 3))
    data = training_data(happened, user_group=[0, 0, 1], segments=("many", "none"))
    scorer = Popularity().fit(data, seed=0)
    for everybody, own in zip(scorer.ranking(), scorer.ranking(1), strict=True):
        np.testing.assert_allclose(own, everybody, rtol=1e-6)


@pytest.mark.parametrize(("pseudo_counts", "first"), [(0.0, 1), (1e6, 0)])
def test_a_segment_differs_as_far_as_its_evidence_goes(pseudo_counts: float, first: int) -> None:
    """With no pseudo-counts a small segment follows its own few likes, with many it follows everybody."""
    happened = interactions([*range(10), 10], [0] * 10 + [1], (11, 2))
    data = training_data(happened, user_group=[0] * 10 + [1], segments=("large", "small"))
    items, _ = Popularity(PopularityConfig(pseudo_counts=pseudo_counts)).fit(data, seed=0).ranking(1)
    assert items[0] == first


@given(likes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1, unique=True))
def test_a_ranking_falls_and_breaks_ties_by_item(likes: list[tuple[int, int]]) -> None:
    """Rankings hold each liked item once, best first, and of equals the lower item first."""
    happened = interactions(*zip(*likes, strict=True), (6, 8))
    items, scores = Popularity().fit(training_data(happened), seed=0).ranking()
    assert sorted(items) == sorted({item for _, item in likes})
    assert list(zip(-scores, items, strict=True)) == sorted(zip(-scores, items, strict=True))


def test_a_ranking_of_nobody_is_empty(deserted: World) -> None:
    """Where nobody likes anything nothing is popular."""
    items, scores = Popularity().fit(deserted.data, seed=0).ranking()
    assert len(items) == len(scores) == 0
