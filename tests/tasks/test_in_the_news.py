"""Claims about `tasks.score.in_the_news`, and what becomes of it in popular_items."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from models.holdout import DAY, Events
from models.knowledge.popularity import PopularityConfig
from models.scorer import Described
from tasks.prepare.training_set import SegmentConfig, TrainingSet
from tasks.score import ScoreConfig
from tasks.score.catalogue import write_popular
from tasks.score.in_the_news import FEW_USERS, newest, on_the_rise

IDS = {"user_id": "integer", "item_id": "integer"}
N_USERS, N_DAYS = 40, 100
FORGOTTEN, RISING, NEW_TONIGHT, NEWISH, UNMET, PREORDERED, GONE = range(7)


@pytest.fixture
def known() -> TrainingSet:
    """One item that was liked long ago, one that is liked lately, and some that one user met of late; the last is not available."""
    rows = [(user, FORGOTTEN, 10) for user in range(N_USERS)] + [(user, RISING, N_DAYS - 1) for user in range(N_USERS)]
    rows += [(0, NEWISH, N_DAYS - 5), (1, NEWISH, N_DAYS), (2, PREORDERED, 50), (3, NEW_TONIGHT, N_DAYS), (4, GONE, N_DAYS)]
    user, item, day = (np.array(column) for column in zip(*sorted(rows), strict=True))
    events, weight = Events(user.astype(np.int32), item.astype(np.int32), day * DAY, np.ones(len(user), np.bool_)), np.ones(len(user))
    available_from = pa.array([None, None, None, None, None, (N_DAYS - 2) * DAY, None], pa.int64())
    items = pa.table(
        {"item_id": np.arange(7) * 10, "is_known": [True] * 7, "is_available": [True] * 6 + [False], "available_from": available_from}
    )
    nothing = [Described.by(sp.csr_matrix((n, 0), dtype=np.float32)) for n in (7, N_USERS)]
    everything, users = np.ones(len(user), np.bool_), pa.table({"user_id": np.arange(N_USERS)})
    weights = weight.astype(np.float32)
    return TrainingSet(users, items, events, weights, weights, everything, ~everything, *nothing, SegmentConfig())


def test_new_items_are_those_that_few_have_met_the_newest_first(known):
    """The day an item became available goes before the day it was first met; what nobody met, and no time is set for, never came."""
    items, scores = newest(known, known.training_data("everything"))
    assert items.tolist() == [NEW_TONIGHT, GONE, PREORDERED, NEWISH]
    assert scores.tolist() == [0, 0, -2, -5]
    assert not np.signbit(scores[0])


def test_an_item_that_becomes_available_after_the_newest_event_is_as_new_as_can_be(known):
    ahead = known.items["available_from"].to_pylist()
    ahead[UNMET] = N_DAYS * DAY + DAY // 2
    later = replace(known, items=known.items.set_column(3, "available_from", pa.chunked_array([pa.array(ahead, pa.int64())])))
    items, scores = newest(later, later.training_data("everything"))
    assert (items[0], scores[0]) == (UNMET, 0)


def test_few_is_a_share_of_many_users_and_a_number_of_few(known):
    """Of forty users fewer than ten are few; of ten thousand, a hundred."""
    user = np.arange(FEW_USERS, dtype=np.int32)
    met = Events(user, np.full(FEW_USERS, NEWISH, np.int32), user.astype(np.int64), user >= 0)
    some = replace(known, events=met, **{name: getattr(known, name)[:FEW_USERS] for name in ("weight", "value", "fit", "holdout")})
    assert NEWISH not in newest(some, some.training_data("everything"))[0]
    many = replace(
        some,
        users=pa.table({"user_id": np.arange(10_000)}),
        user_descriptions=Described.by(sp.csr_matrix((10_000, 0), dtype=np.float32)),
    )
    assert NEWISH in newest(many, many.training_data("everything"))[0]


def test_only_what_rises_is_on_the_rise(known):
    """What everybody liked long ago falls."""
    items, scores = on_the_rise(known.training_data("everything"), 0)
    assert items[0] == RISING
    assert FORGOTTEN not in items
    assert (scores > 0).all()
    assert (np.diff(scores) <= 0).all()


def test_without_times_nothing_is_new_or_on_the_rise(known):
    timeless = replace(known, events=replace(known.events, occurred_at=None))
    data = timeless.training_data("everything")
    assert [len(items) for items, _ in (newest(timeless, data), on_the_rise(data, 0))] == [0, 0]


def test_both_stand_among_the_popular_items_as_far_as_they_may_be_shown(night, known):
    """Beside everybody's and each segment's, ranked without gaps, and no longer than asked for."""
    at = night()
    write_popular(at, known, known.training_data("everything"), PopularityConfig(), ScoreConfig(popular=2), IDS)
    rows = pq.read_table(at.staged_table("popular_items")).to_pylist()
    lists = {segment: [row for row in rows if row["segment"] == segment] for segment in {row["segment"] for row in rows}}
    assert {"__all__", "__new__", "__trending__"} < lists.keys()
    assert [(row["item_id"], row["rank"], row["score"]) for row in lists["__new__"]] == [(10 * NEW_TONIGHT, 1, 0), (10 * PREORDERED, 2, -2)]
    assert [row["item_id"] for row in lists["__trending__"]][:1] == [10 * RISING]
    assert all([row["rank"] for row in of] == list(range(1, len(of) + 1)) for of in lists.values())
    assert max(len(of) for of in lists.values()) == 2
