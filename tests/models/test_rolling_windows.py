"""Claims about `models.rolling_windows`."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.holdout import DAY, Events, HoldoutConfig, split
from models.rolling_windows import among, rolling_windows
from tests.oracles import Event

some_events = st.lists(
    st.builds(Event, st.integers(0, 4), st.integers(0, 6), st.integers(0, 12 * 4).map(lambda quarter: quarter * DAY // 4), st.booleans()),
    min_size=1,
    max_size=40,
    unique_by=lambda event: (event.user, event.item, event.occurred_at),
)
configs = st.builds(HoldoutConfig, min_users=st.sampled_from([1, 2, 1000]), max_share=st.just(0.5), min_history=st.integers(1, 2))


def table(rows: list[Event]) -> Events:
    """Sort events and lay them out as arrays."""
    rows = sorted(rows)
    return Events(
        np.array([row.user for row in rows], np.int32),
        np.array([row.item for row in rows], np.int32),
        np.array([row.occurred_at for row in rows], np.int64),
        np.array([row.positive for row in rows], np.bool_),
    )


@settings(max_examples=150, deadline=None)
@given(some_events, configs)
def test_no_window_sees_what_comes_after_it(rows: list[Event], config: HoldoutConfig) -> None:
    """What a user is judged by comes after all that is learned of them, and where days are held out, after all that is learned at all."""
    events = table(rows)
    for window in rolling_windows(events, 4, 0, config):
        seen = among(events, window.known)
        assert seen.occurred_at is not None
        fit, holdout = window.split.fit, window.split.holdout
        if window.split.kind == "days":
            assert seen.occurred_at[fit].max() < seen.occurred_at[holdout].min()
        for user in np.unique(seen.user[holdout]):
            learned = zip(seen.occurred_at[fit & (seen.user == user)], seen.item[fit & (seen.user == user)], strict=True)
            judged = zip(seen.occurred_at[holdout & (seen.user == user)], seen.item[holdout & (seen.user == user)], strict=True)
            assert max(learned) < min(judged)


@settings(max_examples=150, deadline=None)
@given(some_events, configs)
def test_a_window_is_the_night_that_knew_no_more_than_the_fit_slice_before_it(rows: list[Event], config: HoldoutConfig) -> None:
    """The newest window is tonight's split, each further one that of a shop in which nothing newer has happened yet."""
    events = table(rows)
    windows = rolling_windows(events, 4, 0, config)
    known = events
    for window in windows:
        expected = split(known, 0, config)
        assert among(events, window.known).user.tolist() == known.user.tolist()
        np.testing.assert_array_equal(window.split.fit, expected.fit)
        np.testing.assert_array_equal(window.split.holdout, expected.holdout)
        known = among(known, expected.fit)
    held_out = [np.flatnonzero(window.known)[window.split.holdout] for window in windows]
    assert len(np.unique(np.concatenate([*held_out, np.zeros(0, np.int64)]))) == sum(map(len, held_out))


def test_windows_end_where_too_few_users_are_left_to_judge_by() -> None:
    """A user with four likes is judged by the last, then the third; after that nothing is left to learn from."""
    events = table([Event(user, item, item * DAY, True) for user in (0, 1) for item in range(4)])
    config = HoldoutConfig(min_users=1000, min_history=2)
    assert [window.split.n_users for window in rolling_windows(events, 5, 0, config)] == [2, 2]
    assert len(rolling_windows(events, 5, 0, config, min_users=3)) == 0


def test_windows_are_all_judged_the_same_way() -> None:
    """Where earlier nights had too few users for whole days, the windows end rather than hold out something else."""
    rows = [Event(user, day, day * DAY, True) for user in range(3) for day in range(6 if user else 3)]
    config = HoldoutConfig(min_users=2, max_share=0.3, min_history=1)
    windows = rolling_windows(table(rows), 6, 0, config)
    assert {window.split.kind for window in windows} == {"days"}
    assert 0 < len(windows) < 6


def test_without_times_the_windows_are_different_shares_of_everything() -> None:
    """Each window knows everything and holds out another draw; the first is tonight's."""
    user, item = (part.ravel().astype(np.int32) for part in np.meshgrid(np.arange(30), np.arange(10), indexing="ij"))
    events = Events(user, item, None, np.ones(300, np.bool_))
    windows = rolling_windows(events, 3, 5, HoldoutConfig())
    assert all(window.known.all() for window in windows)
    np.testing.assert_array_equal(windows[0].split.holdout, split(events, 5, HoldoutConfig()).holdout)
    assert len({window.split.holdout.tobytes() for window in windows}) == 3
