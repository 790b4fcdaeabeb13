"""Claims about `models.collaborative.rating_head`."""

from __future__ import annotations

import numpy as np
import pytest

from models.collaborative.rating_head import FLOOR, Head, Scale, output, slope, sum_behind

HEADS: tuple[Head, ...] = ("linear", "sigmoid", "tanh")


@pytest.mark.parametrize("head", HEADS)
def test_the_whole_range_of_the_head_is_used(head: Head) -> None:
    """The lowest rating is the lowest a head can say and the highest the highest, and reading backwards gives the ratings."""
    ratings = np.array([1, 2.5, 5], np.float32)
    scale = Scale.observed(ratings, head)
    np.testing.assert_allclose(scale.scaled(ratings)[[0, 2]], [-1 if head == "tanh" else 0, 1], atol=1e-6)
    np.testing.assert_allclose(scale.ratings(scale.scaled(ratings)), ratings, rtol=1e-6)


def test_a_unit_of_a_head_is_a_number_of_stars() -> None:
    """From one to five stars lie four, which are one unit of a sigmoid and two of a tanh."""
    assert [Scale(1, 5, head).unit for head in HEADS] == [4, 4, 2]


@pytest.mark.parametrize("head", ["sigmoid", "tanh"])
def test_bounded_heads_stay_in_range_and_reach_it(head: Head) -> None:
    """However large the sum, no rating leaves one to five, and large sums come to both ends."""
    ratings = Scale(1, 5, head).ratings(output(np.array([-1e4, -30, -1, 0, 1, 30, 1e4], np.float32), head))
    assert ratings.min() == pytest.approx(1, abs=1e-5)
    assert ratings.max() == pytest.approx(5, abs=1e-5)
    assert ((ratings >= 1) & (ratings <= 5)).all()
    assert ratings[3] == pytest.approx(3)


@pytest.mark.parametrize("head", HEADS)
def test_slopes_are_derivatives(head: Head) -> None:
    """A small step of the sum changes the output by slope times step."""
    sums = np.linspace(-2, 2, 9)
    rise = (output(sums + 1e-5, head) - output(sums - 1e-5, head)) / 2e-5
    np.testing.assert_allclose(slope(output(sums, head), head), rise, rtol=1e-3)


@pytest.mark.parametrize("head", HEADS)
def test_the_sum_behind_an_output_gives_it(head: Head) -> None:
    """Heads are read backwards; at the ends of a bounded head, where no sum is behind, it stays finite and near."""
    for target in (FLOOR[head], 0.3, 1.0):
        assert float(output(np.array(sum_behind(target, head)), head)) == pytest.approx(target, abs=2e-3)


def test_ratings_that_are_all_alike_have_a_range() -> None:
    """Nothing is divided by zero where everybody gives three stars."""
    assert Scale.observed(np.array([3, 3], np.float32), "linear").scaled(np.array([3], np.float32)) == 0
