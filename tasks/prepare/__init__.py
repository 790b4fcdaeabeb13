"""Prepare: number users and items, split what happened into fit slice and holdout, build features."""

from __future__ import annotations

import json
import logging
from typing import Literal

import numpy as np
import pyarrow as pa

from models.holdout import Events, HoldoutConfig, split
from models.scorer import Described
from models.sizes import Sizes, n_distinct
from tasks.ingest import Delivered
from tasks.night import Night, Receipt
from tasks.policies.fatigue import FatigueConfig, tired_of
from tasks.policies.seen import SeenConfig, open_again
from tasks.prepare.events import build_training
from tasks.prepare.features import FeatureConfig, Features, Kind, build_features, words_in_order
from tasks.prepare.named_values import NamedAttributes, write_values
from tasks.prepare.training_set import SegmentConfig, TrainingSet, load_training_set
from tasks.stage import EventsConfig
from tasks.warehouse import WarehouseConfig, open_warehouse

__all__ = ["FeatureConfig", "NamedAttributes", "Prepared", "SegmentConfig", "prepare", "training_set"]
log = logging.getLogger("nightly")


class Prepared(Receipt, frozen=True):
    """Where the night's arrays are, and how they were split."""

    n_users: int
    n_items: int
    n_events: int
    n_recommendable: int
    data_through: str | None
    """Time of the newest event the night sees, UTC; None without times."""

    holdout: Literal["days", "last_positive", "random"]
    holdout_users: int
    holdout_sentence: str
    feature_kinds: dict[str, Kind]
    """How each attribute was read, `items.genres` -> `categories`."""

    sizes: Sizes
    """What the memory of the steps to come depends on."""


def prepare(
    night: Night,
    delivered: Delivered,
    _validated: Receipt,
    events: EventsConfig,
    holdout: HoldoutConfig,
    segments: SegmentConfig,
    features: FeatureConfig,
    limits: WarehouseConfig,
    named: NamedAttributes | None = None,
    seen: SeenConfig | None = None,
    fatigue: FatigueConfig | None = None,
) -> Prepared:
    """Write the night's training set: everything a model may learn from, what it will be judged by, and what policies ask for.

    Without `named` no values of attributes are kept as delivered; without `seen` whatever a user has met stays out of their list; without
    `fatigue` nobody tires of anything.
    """
    named = named or NamedAttributes()
    with open_warehouse(night, limits) as warehouse:
        relations = build_training(warehouse, night.known_until, events, {**named.flags(), "separator": features.separator})
        users, items, happened = (warehouse.table(f"training.{name}") for name in ("users", "items", "events"))
        opened = open_again(warehouse, seen or SeenConfig(), night.known_until)
        tired = tired_of(night, warehouse, users, items, fatigue or FatigueConfig(), events.impressions)
    numbered = Events(
        happened["user_index"].to_numpy(),
        happened["item_index"].to_numpy(),
        happened["occurred_at"].to_numpy() if delivered.has_times else None,
        happened["positive"].to_numpy(),
    )
    parts = split(numbered, night.seed, holdout)
    item_attributes, user_attributes = _attributes(items, "title"), _attributes(users)
    item_features, user_features = build_features(item_attributes, features), build_features(user_attributes, features)
    result = TrainingSet(
        users.drop_columns(["attributes", "lat", "lon"]),
        items.drop_columns(["attributes", "lat", "lon"]),
        numbered,
        happened["weight"].to_numpy(),
        happened["value"].to_numpy(),
        parts.fit,
        parts.holdout,
        _described(items, item_attributes, item_features),
        _described(users, user_attributes, user_features),
        segments,
        opened,
        tired,
    )
    folder = night.staging / "training"
    files = result.save(folder)
    files += write_values(folder, "item", items["item_id"], item_attributes, named.items, features)
    files += write_values(folder, "user", users["user_id"], user_attributes, named.users, features)
    log.info("prepare: %d users, %d items, %s", result.n_users, result.n_items, parts.sentence)
    return Prepared(
        files=night.hashed(*files),
        relations=relations,
        n_users=result.n_users,
        n_items=result.n_items,
        n_events=len(numbered),
        n_recommendable=int(result.recommendable.sum()),
        data_through=_newest(numbered),
        holdout=parts.kind,
        holdout_users=parts.n_users,
        holdout_sentence=parts.sentence,
        feature_kinds=_kinds(item_features, user_features),
        sizes=_sizes(result),
    )


def _sizes(known: TrainingSet) -> Sizes:
    return Sizes(
        n_users=known.n_users,
        n_items=known.n_items,
        n_events=len(known.events),
        n_recommendable=int(known.recommendable.sum()),
        n_liked_items=n_distinct(known.events.item[known.events.positive]),
        item_columns=known.item_descriptions.features.shape[1],
        user_columns=known.user_descriptions.features.shape[1],
        ordered=known.events.occurred_at is not None,
        placed=known.item_descriptions.placed,
    )


def training_set(night: Night) -> TrainingSet:
    """Read the night's training set."""
    return load_training_set(night.staging / "training")


def _described(table: pa.Table, attributes: list[dict[str, str]], features: Features) -> Described:
    """Bring together what is known of things: their feature columns, where they are, and the words of their texts."""
    place = np.column_stack([table["lat"].to_numpy(), table["lon"].to_numpy()]).astype(np.float64)
    return Described(features.matrix, features.names, place, words_in_order(attributes, features.kinds))


def _attributes(table: pa.Table, *further: str) -> list[dict[str, str]]:
    """Read the attributes of each row, with the named columns as attributes too."""
    rows = [{name: str(value) for name, value in json.loads(text).items()} if text else {} for text in table["attributes"].to_pylist()]
    for name in further:
        for row, value in zip(rows, table[name].to_pylist(), strict=True):
            if value:
                row[name] = value
    return rows


def _kinds(items: Features, users: Features) -> dict[str, Kind]:
    return {f"items.{name}": kind for name, kind in items.kinds.items()} | {f"users.{name}": kind for name, kind in users.kinds.items()}


def _newest(events: Events) -> str | None:
    if events.occurred_at is None or len(events) == 0:
        return None
    return str(np.datetime64(int(events.occurred_at.max()), "us").astype("datetime64[s]")) + "Z"
