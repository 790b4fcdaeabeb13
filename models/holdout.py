"""Decide what tonight's models may learn from and what they are judged by.

Three ways, the first that works: the last whole days; each user's last new like; without times, a seeded share of each user's likes.
The fit slice and the holdout never share a (user, item) pair, and where there are times nothing is learned from a user's own future.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

DAY = 86_400_000_000
"""Microseconds; UTC days begin at its multiples."""

NEVER = np.iinfo(np.int64).max
"""The time of what did not happen, when looking for the first; its negative when looking for the last."""


class HoldoutConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How much is held out, and from whom."""

    min_users: int = Field(1000, ge=1)
    """Users a run of last days must be able to judge; otherwise each user's last new like is held out."""

    max_share: float = Field(0.2, gt=0, lt=1)
    """Share of all events a run of last days may take away from the models."""

    min_history: int = Field(2, ge=1)
    """Liked items a user keeps when their last new like is held out; with one, many would lose half of what is known of them."""

    random_share: float = Field(0.1, gt=0, le=0.5)
    """Share of each user's likes held out when interactions carry no times; at least one."""

    min_positives: int = Field(5, ge=2)
    """Likes a user needs before some are held out at random."""


@dataclass(frozen=True)
class Events:
    """What users did, one row per (user, item, occurred_at), sorted by these three; one row per (user, item) without times.

    `user` and `item` are numbers, `occurred_at` epoch microseconds in UTC, `positive` marks what counts as liking; all (events,).
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    occurred_at: NDArray[np.int64] | None
    positive: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Holdout:
    """One night's split; `fit` and `holdout` mark events, both (events,), and some events are in neither.

    `holdout` marks the likes of items their user had not met in the fit slice, of users with a like in the fit slice; several events
    of one pair may be marked, and count as one target. `cutoff` is where the last days begin, None when the split has no common time.
    """

    kind: Literal["days", "last_positive", "random"]
    fit: NDArray[np.bool_]
    holdout: NDArray[np.bool_]
    cutoff: int | None
    n_users: int
    sentence: str


def split(events: Events, seed: int, config: HoldoutConfig) -> Holdout:
    """Split the events in the best way they allow; the seed matters to events without times alone."""
    _check_order(events)
    if events.occurred_at is None:
        return _random_share(events, seed, config)
    histories = _Histories.of(events, events.occurred_at)
    return _last_days(events, events.occurred_at, histories, config) or _last_positive(events, events.occurred_at, histories, config)


def user_half(user_ids: Iterable[object]) -> NDArray[np.int8]:
    """Split users in two by their id alone, read as text: 0 or 1 for each, the same every night and on every machine; (users,)."""
    checksums = np.fromiter((zlib.crc32(str(user_id).encode()) for user_id in user_ids), np.uint64)
    return (_mixed(checksums) >> np.uint64(63)).astype(np.int8)


@dataclass(frozen=True)
class _Histories:
    """The runs of events that belong to one user or one pair, pairs in the order of their events."""

    user_events: NDArray[np.intp]
    """How many events each user has; (users,), users without events left out, as in all that follows."""
    user_pairs: NDArray[np.intp]
    """How many pairs each user has; (users,)."""
    pair_events: NDArray[np.intp]
    """How many events each pair has; (pairs,)."""
    first_at: NDArray[np.int64]
    """When the user first met the item; (pairs,)."""
    liked: NDArray[np.bool_]
    """Whether any event of the pair is positive; (pairs,)."""

    @classmethod
    def of(cls, events: Events, occurred_at: NDArray[np.int64]) -> _Histories:
        pair_start = _run_starts(events.user, events.item)
        user_pair_start = _run_starts(events.user[pair_start])
        return cls(
            user_events=_lengths(pair_start[user_pair_start], len(events)),
            user_pairs=_lengths(user_pair_start, len(pair_start)),
            pair_events=_lengths(pair_start, len(events)),
            first_at=occurred_at[pair_start],
            liked=_per_run(np.logical_or, events.positive, _lengths(pair_start, len(events))),
        )

    def last_new_like(self) -> NDArray[np.int64]:
        """Return when each user last met an item new to them that they came to like; -NEVER for who likes nothing; (users,)."""
        return _per_run(np.maximum, np.where(self.liked, self.first_at, -NEVER), self.user_pairs)


def _last_days(events: Events, occurred_at: NDArray[np.int64], histories: _Histories, config: HoldoutConfig) -> Holdout | None:
    """Hold out the shortest run of last days that can judge enough users and leaves enough to learn from; None if there is none."""
    first_like = _per_run(np.minimum, np.where(events.positive, occurred_at, NEVER), histories.user_events)
    last_new_like = histories.last_new_like()
    cutoff = _shortest_run(occurred_at // DAY, first_like // DAY, last_new_like // DAY, config)
    if cutoff is None:
        return None
    warm = (first_like < cutoff) & (last_new_like >= cutoff)
    new = histories.first_at >= cutoff
    fit = occurred_at < cutoff
    holdout = events.positive & np.repeat(new, histories.pair_events) & np.repeat(warm, histories.user_events)
    n_users = int(np.count_nonzero(warm))
    n_days = int(occurred_at.max() // DAY) - cutoff // DAY + 1
    days = "day" if n_days == 1 else f"{n_days} days"
    sentence = (
        f"the last {days}, from {np.datetime64(cutoff, 'us').astype('M8[D]')} 00:00 UTC on, held out: "
        f"{1 - fit.mean():.1%} of the events, {n_users:,} users to judge"
    )
    return Holdout("days", fit, holdout, cutoff, n_users, sentence)


def _shortest_run(
    day: NDArray[np.int64], first_like: NDArray[np.int64], last_new_like: NDArray[np.int64], config: HoldoutConfig
) -> int | None:
    """Return the latest midnight after which enough users can be judged and not too many events lie, in microseconds.

    day (events,); first_like and last_new_like (users,), as days. A user can be judged from the day after their first like to the day
    of their last new one, so one pass over the users counts them for every day at once.
    """
    if not len(day):
        return None
    origin, n_days = int(day.min()), int(np.ptp(day)) + 1
    judged = first_like < last_new_like
    begins = np.bincount(first_like[judged] + 1 - origin, minlength=n_days + 1)
    ends = np.bincount(last_new_like[judged] + 1 - origin, minlength=n_days + 1)
    n_users = np.cumsum(begins - ends)[:n_days]
    n_held_out = np.cumsum(np.bincount(day - origin)[::-1])[::-1]
    possible = np.flatnonzero((n_users >= config.min_users) & (n_held_out <= config.max_share * len(day)))
    return (origin + int(possible[-1])) * DAY if len(possible) else None


def _last_positive(events: Events, occurred_at: NDArray[np.int64], histories: _Histories, config: HoldoutConfig) -> Holdout:
    """Hold out each user's last new like and drop what they did after it, in the order of (occurred_at, item)."""
    cut_at = histories.last_new_like()
    is_cut = histories.liked & (histories.first_at == np.repeat(cut_at, histories.user_pairs))
    # Pairs of a user ascend by item, so of several at the same time the last one is cut.
    cut_pair = _per_run(np.maximum, np.where(is_cut, np.arange(len(is_cut)), -1), histories.user_pairs)
    cut_item = events.item[np.cumsum(histories.pair_events) - 1][cut_pair]
    at, item = np.repeat(cut_at, histories.user_events), np.repeat(cut_item, histories.user_events)
    before = (occurred_at < at) | ((occurred_at == at) & (events.item < item))
    liked_before = _per_run(np.logical_or, events.positive & before, histories.pair_events)
    judged = _per_run(np.add, liked_before.astype(np.int64), histories.user_pairs) >= config.min_history
    judged_events = np.repeat(judged, histories.user_events)
    holdout = events.positive & (events.item == item) & judged_events
    n_users = int(np.count_nonzero(judged))
    sentence = (
        f"each user's last new like held out, because no run of last days has {config.min_users:,} users to judge within "
        f"{config.max_share:.0%} of the events: {n_users:,} users to judge"
    )
    return Holdout("last_positive", before | ~judged_events, holdout, None, n_users, sentence)


def _random_share(events: Events, seed: int, config: HoldoutConfig) -> Holdout:
    """Hold out the likes whose seeded hash of (user, item) is among the smallest of their user: other users change nothing."""
    user, item = events.user[events.positive], events.item[events.positive].astype(np.uint64)
    n_likes = _lengths(_run_starts(user), len(user))
    salt = _mixed(user.astype(np.uint64) + _mixed(np.array([seed % 2**64], np.uint64)))
    draw = _mixed(item + salt) >> np.uint64(32)
    ranked = np.sort((np.repeat(np.arange(len(n_likes), dtype=np.uint64), n_likes) << np.uint64(32)) | draw) & np.uint64(2**32 - 1)
    n_held_out = np.where(n_likes >= config.min_positives, np.maximum(1, np.rint(n_likes * config.random_share)), 0).astype(np.intp)
    judged = n_held_out > 0
    largest = ranked[np.cumsum(n_likes) - n_likes + n_held_out - judged]
    holdout = np.zeros(len(events), np.bool_)
    holdout[events.positive] = np.repeat(judged, n_likes) & (draw <= np.repeat(largest, n_likes))
    n_users = int(np.count_nonzero(judged))
    sentence = (
        f"a seeded {config.random_share:.0%} of each user's likes held out, because interactions carry no times: {n_users:,} users to judge"
    )
    return Holdout("random", ~holdout, holdout, None, n_users, sentence)


def _check_order(events: Events) -> None:
    """Refuse events that are out of order or repeated: every run of a user or a pair is read off their order."""
    columns = [events.user, events.item] + ([] if events.occurred_at is None else [events.occurred_at])
    ascending = np.zeros(max(0, len(events) - 1), np.bool_)
    for column in reversed(columns):
        ascending = (column[1:] > column[:-1]) | ((column[1:] == column[:-1]) & ascending)
    if not ascending.all():
        row = int(ascending.argmin()) + 1
        raise ValueError(f"events must be sorted by user, item and time, without repeats; row {row} is not after row {row - 1}")


def _run_starts(*columns: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the first row of every run of rows that are equal in all columns; (runs,)."""
    changes = np.zeros(len(columns[0]), np.bool_)
    changes[:1] = True
    for column in columns:
        changes[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changes)


def _lengths(starts: NDArray[np.intp], n_rows: int) -> NDArray[np.intp]:
    """Return how many rows each run has; (runs,)."""
    return np.diff(starts, append=n_rows)


def _per_run(combine: np.ufunc, values: NDArray[Any], lengths: NDArray[np.intp]) -> NDArray[Any]:
    """Combine the values of each run into one; (rows,) -> (runs,)."""
    return combine.reduceat(values, np.cumsum(lengths) - lengths) if len(lengths) else values


def _mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread keys evenly over 64 bits (splitmix64, Steele, Lea and Flood 2014); unlike `hash`, the same in every process."""
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
