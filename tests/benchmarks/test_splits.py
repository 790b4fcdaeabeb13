import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.splits import TEST, TRAIN, VALIDATION, Likes, last_one_out, random_share, split

MOMENT = pd.Timestamp("2026-01-01", tz="UTC")

EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=80, unique_by=lambda row: row[:2]
)


def likes_of(rows: list[tuple[int, int, int]]) -> Likes:
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "at"])
    return Likes.of(frame.assign(occurred_at=MOMENT + pd.to_timedelta(frame.pop("at"), unit="D")))


@settings(deadline=None, max_examples=30)
@given(EVENTS)
def test_the_last_like_by_time_then_item_is_the_test(rows):
    """Sorting each user's likes by (time, item): the last is the test, the one before validates; fewer than three stay together."""
    likes = likes_of(rows)
    part = split(likes, "last_one_out")
    for user in {row[0] for row in rows}:
        own = sorted((at, item, index) for index, (of, item, at) in enumerate(rows) if of == user)
        parts = [part[index] for _, _, index in own]
        expected = [TRAIN] * len(own) if len(own) < 3 else [TRAIN] * (len(own) - 2) + [VALIDATION, TEST]
        assert parts == expected


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=120), st.integers(0, 9))
def test_a_random_split_keeps_its_shares_inside_every_user(users, seed):
    user = np.array(users)
    part = random_share(user, seed)
    for each in set(users):
        of_user = part[user == each]
        n = len(of_user)
        expected = [0, 0] if n < 5 else [sum(low < (rank + 0.5) / n <= high for rank in range(n)) for low, high in ((0.8, 0.9), (0.9, 1))]
        assert [(of_user == VALIDATION).sum(), (of_user == TEST).sum()] == expected


def test_a_random_split_follows_its_seed():
    user = np.repeat(np.arange(20), 30)
    assert (random_share(user, 1) == random_share(user, 1)).all()
    assert (random_share(user, 1) != random_share(user, 2)).any()


def test_the_order_of_rows_does_not_matter_to_the_last_one_out():
    rng = np.random.default_rng(3)
    user, item, at = rng.integers(0, 6, 60), np.arange(60), rng.integers(0, 4, 60)
    shuffled = rng.permutation(60)
    assert (last_one_out(user, item, at)[shuffled] == last_one_out(user[shuffled], item[shuffled], at[shuffled])).all()


def test_a_repeated_pair_counts_once_as_it_came_first():
    likes = likes_of([(7, 3, 0), (7, 3, 2), (5, 3, 1)])
    assert likes.frame.user.tolist() == [1, 0]
    assert likes.frame.occurred_at.iloc[0] == MOMENT
    assert likes.user_ids.tolist() == [5, 7]
    assert likes.matrix(np.array([True, False])).toarray() == pytest.approx(np.array([[0.0], [1.0]]))
