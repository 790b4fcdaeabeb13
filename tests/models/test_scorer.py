"""Claims about what scorers are handed: histories in their order, and descriptions."""

import numpy as np

from models.scorer import RECENT
from tests.worlds import interactions, training_data


def test_a_history_runs_from_the_newest_like_backwards():
    """User 0 liked item 2, then 0 and 1 at one instant; what they did not like is no part of it, and user 1 likes nothing."""
    happened = interactions([0, 0, 0, 0, 1], [0, 1, 2, 3, 3], (2, 4), positive=[1, 1, 1, 0, 0], age_days=[2, 2, 5, 0, 1])
    histories = happened.histories()
    assert histories.recent[0, :4].tolist() == [1, 0, 2, -1]
    assert histories.gap_days[0, :4].tolist() == [0, 0, 3, 0]
    assert (histories.recent[1] == -1).all()
    assert histories.likes[0].indices.tolist() == [0, 1, 2]


def test_seconds_tell_the_order_after_many_years():
    """Two likes a second apart keep their order although both are twenty years old."""
    second = 1 / 86_400
    happened = interactions([0, 0, 1], [0, 1, 0], (2, 2), age_days=[7300 - second, 7300, 0])
    assert happened.histories().recent[0, :2].tolist() == [0, 1]


def test_a_long_history_keeps_its_end():
    """Of more likes than are remembered in order, the latest stay; as a set all of them count."""
    n = RECENT + 7
    happened = interactions(np.zeros(n), np.arange(n), (1, n), age_days=np.arange(n)[::-1])
    histories = happened.histories()
    assert histories.recent[0].tolist() == list(range(n - 1, 6, -1))
    assert histories.likes.nnz == n


def test_without_times_nothing_is_recent():
    """Interactions that tell no order give sets and no sequences."""
    data = training_data(interactions([0, 0], [0, 1], (1, 2)))
    block = data.block(slice(None), data.interactions.histories())
    assert (block.recent == -1).all()
    assert block.history.nnz == 2


def test_a_newcomer_is_a_user_without_a_past() -> None:
    """What is known of people stays; what they did, and how many likes put them in their segment, is forgotten."""
    happened = interactions([0, 0, 1], [0, 1, 1], (2, 2), value=[3, 4, 5], age_days=[2, 1, 0])
    data = training_data(happened, user_group=[1, 0], segments=("none", "some"))
    block = data.block(slice(None), happened.histories()).as_newcomers()
    assert (block.history.nnz, block.ratings.nnz, block.gap_days.any()) == (0, 0, False)
    assert (block.recent == -1).all()
    assert not block.segment.any()
    np.testing.assert_array_equal(block.features.toarray(), data.users.features.toarray())


def test_ratings_of_what_was_not_liked_are_known_too():
    """Every pair with a value is an entry of the ratings, a rating of zero as well; one without a value is none."""
    happened = interactions([0, 0, 0], [0, 1, 2], (1, 3), positive=[1, 0, 0], value=[5, 0, np.nan])
    ratings = happened.histories().ratings
    assert (ratings.indices.tolist(), ratings.data.tolist()) == ([0, 1], [5, 0])
