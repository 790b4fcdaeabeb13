"""Claims about `tasks.prepare`: what becomes of staged rows before models see them."""

from __future__ import annotations

import json

import numpy as np

from models.holdout import HoldoutConfig
from tasks.prepare import FeatureConfig, SegmentConfig, prepare, training_set
from tasks.stage import EventsConfig
from tasks.warehouse import WarehouseConfig


def prepared(stage_inbox, night, events: EventsConfig):
    """Stage the inbox, prepare it and return the training set."""
    at = night()
    delivered, staged = stage_inbox(at)
    prepare(at, delivered, staged, events, HoldoutConfig(), SegmentConfig(), FeatureConfig(), WarehouseConfig())
    return training_set(at)


def test_ratings_from_the_bound_up_are_likes_and_the_rest_is_only_seen(deliver, stage_inbox, night):
    """A rating of 4 likes, one of 3.5 does not; both items have been seen, and models are told the ratings."""
    deliver("day.csv", "user_id,item_id,value,occurred_at\n1,1,4,2026-01-02T10:00:00Z\n1,2,3.5,2026-01-02T10:01:00Z\n")
    known = prepared(stage_inbox, night, EventsConfig(positive_from=4))
    pairs = known.pairs(np.ones(2, np.bool_))
    assert pairs.positive.tolist() == [True, False]
    assert pairs.value.tolist() == [4.0, 3.5]
    assert pairs.seen().nnz == 2


def test_places_and_words_reach_the_models(deliver, stage_inbox, night):
    """Coordinates stay numbers in degrees; words of texts keep their order, and the same word has the same number."""
    deliver("day.csv", "user_id,item_id,occurred_at\n1,1,2026-01-02T10:00:00Z\n1,2,2026-01-02T10:01:00Z\n")
    rows = [
        {"item_id": 1, "lat": 47.4, "lon": 8.5, "about": "red kettle of steel with a long black handle"},
        {"item_id": 2, "about": "long steel spoon with a wooden handle for the red kettle"},
    ]
    deliver("items.jsonl", "".join(json.dumps(row) + "\n" for row in rows), "items")
    items = prepared(stage_inbox, night, EventsConfig()).item_descriptions
    np.testing.assert_array_equal(items.place[0], [47.4, 8.5])
    assert np.isnan(items.place[1]).all()
    first, second = items.words
    assert first[0] == second[8]
    assert first[1] == second[9]
    assert len(set(first[:8].tolist())) == 8
