"""Claims about `models.knowledge.fading`."""

from __future__ import annotations

import numpy as np
import pytest

from models.knowledge.fading import faded, learned_half_life
from models.scorer import Interactions
from tests.worlds import interactions


def fashion(days: float, n_days: int = 400, likes_a_day: int = 40) -> Interactions:
    """Let one item after another be in fashion, each for so many days, with a little of everything all the time."""
    rng = np.random.default_rng(4)
    age = np.repeat(np.arange(n_days), likes_a_day) + rng.random(n_days * likes_a_day)
    item = np.where(rng.random(len(age)) < 0.7, (age // days).astype(int) % 30, rng.integers(0, 30, len(age)))
    return interactions(np.arange(len(age)), item, (len(age), 30), age_days=age)


def test_likes_fade_by_half_every_half_life() -> None:
    """Weights count too; without a half-life nothing fades."""
    likes = interactions([0, 1, 2], [0, 0, 0], (3, 1), age_days=[0, 10, 20], weight=[1, 2, 4])
    np.testing.assert_allclose(faded(likes, 10.0), [1, 1, 1])
    np.testing.assert_array_equal(faded(likes, None), [1, 2, 4])


def test_the_faster_fashions_change_the_faster_likes_fade() -> None:
    """What was in fashion for three weeks before the latest tenth asks for a shorter half-life than what was for five months."""
    short, long = (learned_half_life(fashion(days)) for days in (60, 200))
    assert short is not None
    assert long is not None
    assert 1 < short < long / 3


def test_the_unit_of_time_does_not_matter() -> None:
    """Twenty years seen from afar fade like ten weeks seen closely."""
    likes = fashion(60)
    stretched = interactions(likes.user, likes.item, (likes.n_users, likes.n_items), age_days=likes.age_days * 50)
    found, expected = learned_half_life(stretched), learned_half_life(likes)
    assert expected is not None
    assert found == pytest.approx(50 * expected)


def test_what_never_changes_never_fades() -> None:
    """Where every day is like the others old likes are evidence as good as new ones; rounding aside, the slowest fading is as good."""
    rng = np.random.default_rng(2)
    item = rng.choice(8, 6000, p=np.arange(1, 9) / 36)
    found = learned_half_life(interactions(np.arange(6000), item, (6000, 8), age_days=rng.random(6000) * 100))
    assert found is None or found >= 90


@pytest.mark.parametrize("age_days", [0, 5])
def test_likes_of_one_instant_do_not_fade(age_days: float) -> None:
    """Without times, or with one time only, there is nothing to learn fading from; nor is there without likes."""
    assert learned_half_life(interactions(np.arange(20), np.arange(20) % 3, (20, 3), age_days=age_days)) is None
    assert learned_half_life(interactions([], [], (2, 3))) is None
