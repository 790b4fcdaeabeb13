"""Claims about `tasks.prepare`: what becomes of staged rows before models see them."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from models.holdout import HoldoutConfig
from tasks.prepare import FeatureConfig, NamedAttributes, SegmentConfig, prepare, training_set
from tasks.prepare.named_values import values_file
from tasks.stage import EventsConfig
from tasks.warehouse import WarehouseConfig


def prepared(stage_inbox, night, events: EventsConfig, features: FeatureConfig | None = None, named: NamedAttributes | None = None):
    """Stage the inbox, prepare it and return the training set."""
    at = night()
    delivered, staged = stage_inbox(at)
    prepare(at, delivered, staged, events, HoldoutConfig(), SegmentConfig(), features or FeatureConfig(), WarehouseConfig(), named)
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


CATALOGUE = [
    {"item_id": 1, "Maker": "Acme Ltd", "genres": "Drama| drama |War", "price": 9},
    {"item_id": 2, "genres": '["WAR", 7]', "price": "?"},
    {"item_id": 3, "price": 20},
]


def test_what_policies_name_is_kept_as_delivered(deliver, stage_inbox, night):
    """Rare values too, spelled as they are and each once; a number with bands has its band; what nobody names is not kept."""
    deliver("day.csv", "user_id,item_id\n1,1\n1,2\n")
    deliver("items.jsonl", "".join(json.dumps(row) + "\n" for row in CATALOGUE), "items")
    named = NamedAttributes(items=("genres", "maker", "price"))
    prepared(stage_inbox, night, EventsConfig(), FeatureConfig(bands={"price": (10,)}), named)
    folder = night().staging / "training"
    rows = [tuple(row.values()) for row in pq.read_table(values_file(folder, "item")).to_pylist()]
    assert rows == [
        (0, 1, "genres", "Drama"), (0, 1, "genres", "drama"), (0, 1, "genres", "War"), (1, 2, "genres", "WAR"), (1, 2, "genres", "7"),
        (0, 1, "maker", "Acme Ltd"), (0, 1, "price", "below 10"), (2, 3, "price", "from 10"),
    ]  # fmt: skip
    assert not values_file(folder, "user").exists()


def test_without_policies_no_values_are_kept(deliver, stage_inbox, night):
    """A night without policies leaves the files it always left."""
    deliver("day.csv", "user_id,item_id\n1,1\n1,2\n")
    deliver("items.jsonl", "".join(json.dumps(row) + "\n" for row in CATALOGUE), "items")
    prepared(stage_inbox, night, EventsConfig())
    names = {path.name for path in (night().staging / "training").iterdir()}
    assert names == {"events.npz", "item_descriptions.npz", "user_descriptions.npz", "segments.npz", "users.parquet", "items.parquet"}


@pytest.mark.parametrize(
    ("where", "unavailable"),
    [
        ({}, []),
        ({"MAKER": ["acme ltd"]}, [1]),
        ({"genres": ["war"]}, [1, 2]),
        ({"genres": ["7"], "price": ["20"]}, [2, 3]),
        ({"genres": ["Drama|War"], "nobody": ["x"]}, []),
        ({"maker": []}, []),
    ],
)
def test_values_of_attributes_make_items_unavailable(deliver, stage_inbox, night, where, unavailable):
    """One of the values an item lists is enough, whatever its case; who does not have the attribute is available."""
    deliver("day.csv", "user_id,item_id\n1,1\n1,2\n")
    deliver("items.jsonl", "".join(json.dumps(row) + "\n" for row in CATALOGUE), "items")
    known = prepared(stage_inbox, night, EventsConfig(), named=NamedAttributes(unavailable_where=where))
    assert [item for item, free in zip((1, 2, 3), known.recommendable, strict=True) if not free] == unavailable
