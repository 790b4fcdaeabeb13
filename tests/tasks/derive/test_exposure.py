"""Claims about `tasks.derive.exposure`, against counting by hand."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from models.holdout import Events
from models.scorer import Described
from tasks.derive.exposure import write_exposure
from tasks.prepare.training_set import SegmentConfig, TrainingSet
from tests.tasks.derive.conftest import IDS, recommendations

LISTS = {1: [30, 10], 2: [10, 30, 20], 3: [30], 5: [40]}
LIKES = {1: 0, 2: 1, 3: 1, 4: 1, 5: 7}
SEGMENT = {1: "0 likes", 2: "1-4 likes", 3: "1-4 likes", 4: "1-4 likes", 5: "5-19 likes"}


@pytest.fixture
def known() -> TrainingSet:
    """Five users who liked as many items as `LIKES` says, of ten, the last two of which nobody may be shown."""
    user = np.repeat(np.arange(5), list(LIKES.values())).astype(np.int32)
    item = np.concatenate([np.arange(n) for n in LIKES.values()]).astype(np.int32)
    events, no_weight = Events(user, item, None, np.ones(len(user), np.bool_)), np.ones(len(user), np.float32)
    users = pa.table({"user_id": list(LIKES)})
    items = pa.table({"item_id": np.arange(10, 110, 10), "is_known": [True] * 9 + [False], "is_available": [True] * 8 + [False, True]})
    nothing = [Described.by(sp.csr_matrix((n, 0), dtype=np.float32)) for n in (10, 5)]
    everything = np.ones(len(user), np.bool_)
    return TrainingSet(users, items, events, no_weight, no_weight, everything, ~everything, *nothing, SegmentConfig())


def test_every_item_is_counted_for_everybody_and_each_segment(world, known):
    """Shown items as counted one by one; items shown to nobody have one row, those that nobody may be shown have none."""
    world.stage("recommendations", recommendations(LISTS))
    write_exposure(world.night, world.warehouse, known, IDS)
    ranks, n_lists = defaultdict(list), defaultdict(int)
    for user, items in LISTS.items():
        for segment in (SEGMENT[user], "__all__"):
            n_lists[segment] += 1
            for rank, item in enumerate(items, start=1):
                ranks[item, segment].append(rank)
    for item in (50, 60, 70, 80):
        ranks[item, "__all__"] = []
    expected = [
        {"item_id": item, "segment": segment, "n_lists": len(found), "n_first": found.count(1)}
        | {"share": len(found) / n_lists[segment], "mean_rank": sum(found) / len(found) if found else None}
        for (item, segment), found in sorted(ranks.items())
    ]
    assert pq.read_table(world.night.staged_table("exposure")).to_pylist() == expected


def test_without_lists_every_item_is_shown_to_nobody(world, known):
    world.stage("recommendations", recommendations({}))
    write_exposure(world.night, world.warehouse, known, IDS)
    rows = pq.read_table(world.night.staged_table("exposure")).to_pylist()
    assert [(row["item_id"], row["n_lists"], row["share"], row["mean_rank"]) for row in rows] == [
        (item, 0, 0.0, None) for item in range(10, 90, 10)
    ]
