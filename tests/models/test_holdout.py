"""Claims about `models.holdout`."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.holdout import DAY, Events, Holdout, HoldoutConfig, split, user_half
from tests.oracles import Event, last_days, last_positive

MOMENTS = tuple(day * DAY + moment for day in (-1, 0, 1, 2, 5, 6) for moment in (0, 1, DAY - 1))
"""Times around midnights, some of them shared, with days on which nothing happens and one before 1970."""

any_events = st.lists(
    st.builds(Event, st.integers(0, 4), st.integers(0, 6), st.sampled_from(MOMENTS), st.booleans()),
    min_size=1,
    max_size=40,
    unique_by=lambda event: (event.user, event.item, event.occurred_at),
)
NEVER_BY_DAYS = HoldoutConfig(min_users=1_000_000)


def table(rows: list[Event]) -> tuple[list[Event], Events]:
    """Sort events and lay them out as arrays."""
    rows = sorted(rows)
    return rows, Events(
        np.array([row.user for row in rows], np.int32),
        np.array([row.item for row in rows], np.int32),
        np.array([row.occurred_at for row in rows], np.int64),
        np.array([row.positive for row in rows], np.bool_),
    )


def pairs(events: Events, rows: NDArray[np.bool_]) -> set[tuple[int, int]]:
    """Return the (user, item) pairs of the marked events."""
    return set(zip(events.user[rows].tolist(), events.item[rows].tolist(), strict=True))


def marked(rows: list[Event], mask: NDArray[np.bool_]) -> set[Event]:
    """Return the marked events."""
    return {row for row, kept in zip(rows, mask, strict=True) if kept}


def timeless(n_likes: dict[int, int], n_others: int = 3) -> Events:
    """Give each user so many liked items, and some more that they merely met; no times."""
    cells = [(user, item, item < likes) for user, likes in sorted(n_likes.items()) for item in range(likes + n_others)]
    user, item, positive = (np.array(column) for column in zip(*cells, strict=True))
    return Events(user.astype(np.int32), item.astype(np.int32), None, positive.astype(np.bool_))


@settings(max_examples=100, deadline=None)
@given(any_events, st.integers(1, 3), st.floats(0.1, 0.9))
def test_the_last_days_are_the_shortest_run_that_will_do(rows: list[Event], min_users: int, max_share: float) -> None:
    """Trying every midnight from the latest on finds the same cut, the same slices and the same users."""
    rows, events = table(rows)
    found = split(events, 0, HoldoutConfig(min_users=min_users, max_share=max_share))
    expected = last_days(rows, DAY, min_users, max_share)
    if expected is None:
        assert found.kind == "last_positive"
        return
    cutoff, slices = expected
    assert (found.kind, found.cutoff, found.n_users) == ("days", cutoff, len(slices.users))
    assert (marked(rows, found.fit), marked(rows, found.holdout)) == (slices.fit, slices.holdout)
    assert events.occurred_at is not None
    assert (events.occurred_at[found.fit] < cutoff).all()
    assert (events.occurred_at[found.holdout] >= cutoff).all()


@settings(max_examples=100, deadline=None)
@given(any_events, st.integers(1, 3))
def test_the_last_new_like_is_each_users_own(rows: list[Event], min_history: int) -> None:
    """Walking back through every user's likes holds out the same item and keeps the same past."""
    rows, events = table(rows)
    found = split(events, 0, NEVER_BY_DAYS.model_copy(update={"min_history": min_history}))
    expected = last_positive(rows, min_history)
    assert (found.kind, found.cutoff, found.n_users) == ("last_positive", None, len(expected.users))
    assert (marked(rows, found.fit), marked(rows, found.holdout)) == (expected.fit, expected.holdout)
    assert len(pairs(events, found.holdout)) == found.n_users


@settings(deadline=None)
@given(any_events, st.sampled_from([HoldoutConfig(min_users=1, max_share=0.8), NEVER_BY_DAYS]), st.randoms())
def test_the_slices_share_no_pair_and_the_order_of_arrival_means_nothing(
    rows: list[Event], config: HoldoutConfig, shuffler: Random
) -> None:
    """No item stands in a user's history and among their targets; rows delivered in any order split alike."""
    _, events = table(rows)
    found = split(events, 0, config)
    assert not pairs(events, found.fit) & pairs(events, found.holdout)
    assert events.positive[found.holdout].all()
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert_same(split(table(shuffled)[1], 0, config), found)


def assert_same(one: Holdout, other: Holdout) -> None:
    """Compare two splits bit by bit."""
    np.testing.assert_array_equal(one.fit, other.fit)
    np.testing.assert_array_equal(one.holdout, other.holdout)
    assert (one.kind, one.cutoff, one.n_users, one.sentence) == (other.kind, other.cutoff, other.n_users, other.sentence)


def test_the_sentence_names_days_share_and_users() -> None:
    """One user likes one item a day for ten days: the last two days are the most that 20 % allows, the last one will do."""
    _, events = table([Event(0, day, day * DAY, True) for day in range(10)])
    assert split(events, 0, HoldoutConfig(min_users=1)).sentence == (
        "the last day, from 1970-01-10 00:00 UTC on, held out: 10.0% of the events, 1 users to judge"
    )
    assert "no run of last days has 1,000 users to judge within 20% of the events" in split(events, 0, HoldoutConfig()).sentence


def test_a_repeated_favourite_is_no_target() -> None:
    """A user who ends on an item they have known all along is judged by the last item that was new to them."""
    favourite = [Event(0, 3, day * DAY, True) for day in (0, 8, 9)]
    rows, events = table([*favourite, Event(0, 1, 1 * DAY, True), Event(0, 2, 5 * DAY, True), Event(0, 4, 6 * DAY, False)])
    found = split(events, 0, NEVER_BY_DAYS)
    assert marked(rows, found.holdout) == {Event(0, 2, 5 * DAY, True)}
    assert marked(rows, found.fit) == {Event(0, 3, 0, True), Event(0, 1, 1 * DAY, True)}


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 9), st.integers(0, 40), min_size=1), st.integers(0, 2**64 - 1))
def test_without_times_each_user_gives_a_tenth_of_their_likes(n_likes: dict[int, int], seed: int) -> None:
    """Users with five likes or more give a tenth, at least one; the others nothing; the rest is all learned from."""
    events = timeless(n_likes)
    found = split(events, seed, HoldoutConfig())
    given_up = np.bincount(events.user[found.holdout], minlength=10)
    assert given_up.tolist() == [max(1, round(n_likes[user] / 10)) if n_likes.get(user, 0) >= 5 else 0 for user in range(10)]
    assert (found.kind, found.n_users) == ("random", int(np.count_nonzero(given_up)))
    assert events.positive[found.holdout].all()
    np.testing.assert_array_equal(found.fit, ~found.holdout)


def test_the_random_share_of_a_user_is_their_own_business() -> None:
    """What is held out of a user changes with the seed, but not with who else is there."""
    alone, crowd = timeless({7: 40}), timeless({1: 12, 7: 40, 8: 3, 9: 25})
    config = HoldoutConfig()
    chosen = pairs(alone, split(alone, 5, config).holdout)
    assert {pair for pair in pairs(crowd, split(crowd, 5, config).holdout) if pair[0] == 7} == chosen
    assert len({frozenset(pairs(alone, split(alone, seed, config).holdout)) for seed in range(20)}) > 15


def test_events_out_of_order_or_repeated_are_refused() -> None:
    """The split reads users and pairs off the order of the rows, so it checks that order first."""
    _, events = table([Event(0, 1, 0, True), Event(0, 2, 0, True), Event(1, 0, 0, True)])
    for order in ([1, 0, 2], [0, 0, 2], [2, 0, 1]):
        assert events.occurred_at is not None
        disordered = Events(events.user[order], events.item[order], events.occurred_at[order], events.positive[order])
        with pytest.raises(ValueError, match="must be sorted"):
            split(disordered, 0, HoldoutConfig())


@pytest.mark.parametrize("timed", [True, False])
def test_nothing_splits_into_nothing(timed: bool) -> None:
    """No events make an empty split with nobody to judge."""
    nothing = np.array([], np.int32)
    events = Events(nothing, nothing, nothing.astype(np.int64) if timed else None, nothing.astype(np.bool_))
    found = split(events, 0, HoldoutConfig())
    assert (len(found.fit), len(found.holdout), found.n_users) == (0, 0, 0)


def test_nobody_who_likes_anything_leaves_everything_to_learn_from() -> None:
    """Events without a single like are all kept, with times and without."""
    _, events = table([Event(user, item, item * DAY, False) for user in range(3) for item in range(9)])
    for night in (events, replace(events, occurred_at=None)):
        found = split(night, 0, HoldoutConfig(min_users=1))
        assert found.fit.all()
        assert found.n_users == 0


def test_a_users_half_hangs_on_their_id_alone() -> None:
    """The halves are fixed for good, even, and do not care whether an id is written as text or as a number, or who else is there."""
    ids = np.arange(20_000)
    halves = user_half(ids)
    assert halves[:12].tolist() == [1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0]
    assert user_half(["anna", "böri", ""]).tolist() == user_half(["", "böri", "anna"]).tolist()[::-1]
    assert abs(halves.mean() - 0.5) < 0.02
    np.testing.assert_array_equal(user_half([str(number) for number in ids]), halves)
    np.testing.assert_array_equal(user_half(ids[::-7]), halves[::-7])
