"""A small shop whose items and users say what policies speak of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from models.holdout import HoldoutConfig
from tasks.night import Night
from tasks.policies.config import PoliciesConfig
from tasks.policies.values import Described, described
from tasks.prepare import FeatureConfig, Prepared, SegmentConfig, prepare, training_set
from tasks.prepare.training_set import TrainingSet
from tasks.stage import EventsConfig
from tasks.warehouse import WarehouseConfig, sharing_warehouse

ITEMS: list[dict[str, Any]] = [
    {"item_id": 1, "brand": "Acme", "genres": "Drama|War", "price": 5, "seller": 2, "ships_to": "CH|DE", "in_stock": True},
    {
        "item_id": 2,
        "brand": "Acme",
        "genres": '["Drama"]',
        "price": 12,
        "ships_to": "DE",
        "age": 18,
        "available_from": "2025-11-01T00:00:00Z",
    },
    {"item_id": 3, "brand": "Bolt", "genres": "Comedy", "price": 30, "in_stock": False},
    {"item_id": 4, "brand": "Solo", "genres": "Comedy|Jazz", "ships_to": "FR", "age": 12, "not_for": "1|3"},
    {"item_id": 5, "brand": "Solo", "price": 8, "state": "New | Sold out", "available_from": "2026-01-04T00:00:00Z"},
]
USERS: list[dict[str, Any]] = [
    {"user_id": 1, "country": "ch", "adult": "yes", "hides": "[4, 99]"},
    {"user_id": 2, "country": "de", "adult": "no"},
    {"user_id": 3, "country": "FR"},
    {"user_id": 4, "adult": "yes"},
]
EVENTS = (
    "user_id,item_id,occurred_at\n1,1,2025-12-01T10:00:00Z\n2,1,2026-01-02T10:00:00Z\n3,3,2026-01-02T11:00:00Z\n4,4,2026-01-05T11:00:00Z\n"
)


@dataclass(frozen=True)
class Known:
    """A prepared night: its training set, what there is of what policies name, and the receipt."""

    night: Night
    known: TrainingSet
    has: Described
    prepared: Prepared


Prepare = Callable[..., Known]


@pytest.fixture
def prepared_for(deliver, stage_inbox, night) -> Prepare:
    """Return what prepares the small shop for policies: `prepared_for(config)`; users and items are numbered as their ids, from 0."""

    def carry_out(config: PoliciesConfig, features: FeatureConfig | None = None) -> Known:
        deliver("day.csv", EVENTS)
        deliver("items.jsonl", "".join(json.dumps(row) + "\n" for row in ITEMS), "items")
        deliver("users.jsonl", "".join(json.dumps(row) + "\n" for row in USERS), "users")
        at = night()
        settings = EventsConfig(), HoldoutConfig(), SegmentConfig(), features or FeatureConfig(), WarehouseConfig()
        with sharing_warehouse():
            delivered, staged = stage_inbox(at)
            receipt = prepare(at, delivered, staged, *settings, config.named())
        known = training_set(at)
        return Known(at, known, described(at, known, config), receipt)

    return carry_out
