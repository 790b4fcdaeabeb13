"""Claims about `models.collaborative.rating_pairs`."""

from __future__ import annotations

import numpy as np
import pytest

from models.collaborative.rating_pairs import Pairs, Untouched, errors, mean_errors
from models.negatives import Negatives
from tests.worlds import World, interactions


def pairs(user: list[int], item: list[int], value: list[float]) -> Pairs:
    """Return pairs of these, liked from four on."""
    stars = np.array(value, np.float32)
    return Pairs(np.array(user, np.int32), np.array(item, np.int32), stars, stars >= 4)


def test_pairs_are_cut_in_the_order_of_their_time() -> None:
    """Of ten ratings the oldest eight are learned from, the next is watched and the newest reported on."""
    age = np.array([3, 9, 1, 7, 5, 0, 8, 2, 6, 4])
    happened = interactions(np.arange(10) // 5, np.arange(10) % 5, (2, 5), age_days=age, value=age)
    learned, watched, reported = Pairs.in_order(happened, rated=True, seed=0).split()
    assert learned.value.tolist() == [9, 8, 7, 6, 5, 4, 3, 2]
    assert (watched.value.tolist(), reported.value.tolist()) == ([1], [0])


def test_what_has_no_past_is_not_judged_where_anything_has() -> None:
    """Of later pairs those of unknown users and items drop out; where all are unknown, all stay."""
    known = pairs([0] * 8, list(range(8)), [3] * 8)
    later = pairs([0, 1], [3, 3], [3, 3])
    joined = Pairs(*(np.concatenate([getattr(known, name), getattr(later, name)]) for name in ("user", "item", "value", "liked")))
    _, watched, reported = joined.split()
    assert (watched.user.tolist(), reported.user.tolist()) == ([0], [1])


def test_errors_in_stars_are_those_calculated_by_hand() -> None:
    """Off by one, none and two stars: the mean is one, the root of the mean square that of five thirds."""
    found = errors(np.array([1, 3, 5], np.float32), np.array([2, 3, 3], np.float32))
    assert found == {"rmse": pytest.approx(np.sqrt(5 / 3)), "mae": pytest.approx(1)}


def test_means_are_what_they_say() -> None:
    """Global 3, user 0 gave 2 on the mean and user 1 gave 4; an unknown user is predicted by the global mean."""
    learned, reported = pairs([0, 0, 1, 1], [0, 1, 0, 1], [1, 3, 3, 5]), pairs([0, 1, 2], [1, 0, 5], [4, 4, 4])
    found = mean_errors(learned, reported)
    assert found["global_mean_mae"] == pytest.approx(1)
    assert found["user_mean_mae"] == pytest.approx((2 + 0 + 1) / 3)
    assert found["item_mean_mae"] == pytest.approx((0 + 2 + 1) / 3)
    assert found["item_mean_rmse"] == pytest.approx(np.sqrt(5 / 3))


def test_zeros_beside_likes_are_never_liked(two_tastes: World) -> None:
    """Every like gets an item of the same user that they do not like, of value zero, also where columns are left out."""
    likes = two_tastes.data.interactions.positives()
    known = np.flatnonzero(likes.getnnz(axis=0))
    taken = Pairs.in_order(two_tastes.data.interactions, rated=False, seed=1)
    beside = Untouched(Negatives(likes[:, known]), known).beside(taken, np.random.default_rng(0))
    added = beside[len(taken) :]
    np.testing.assert_array_equal(added.user, taken.user)
    assert not likes.toarray()[added.user, added.item].any()
    assert not added.value.any()
    assert taken.value.all()
    assert set(added.item.tolist()) <= set(known.tolist())
