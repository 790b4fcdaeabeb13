"""What raw/ tells of one user and of some items, judged by the rules by which the night itself judged it.

The warehouse holds the same, but belongs to whoever writes; raw/ is the truth, and can be read by anybody at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

import pyarrow as pa
from pydantic import BaseModel, PlainSerializer

from tasks.deliveries import Delivery
from tasks.ingest.delivery import SourceConfig
from tasks.served_night import ServedNight
from tasks.warehouse import Warehouse

Id = int | str

Instant = Annotated[datetime, PlainSerializer(lambda at: f"{at.isoformat()}Z", when_used="json-unless-none")]
"""A UTC time without zone, which JSON shows with a Z."""

Row = TypeVar("Row", bound=BaseModel)

AT_ONCE = 1000
"""Items that are looked up in the catalogue in one go."""


class Event(BaseModel, frozen=True):
    """One thing a user did; without a time where the source has none."""

    item_id: Id
    occurred_at: Instant | None = None
    event_type: str | None = None
    value: float | None = None


class Item(BaseModel, frozen=True):
    """An item as the newest delivery that tells of it describes it; `is_known` says whether the catalogue of the night had it.

    Where no catalogue was ever delivered, every item counts as known.
    """

    item_id: Id
    is_known: bool
    title: str | None = None
    available_from: Instant | None = None
    available_until: Instant | None = None
    attributes: dict[str, str] = {}


def events_of(store: Warehouse, night: ServedNight, user: Id) -> list[Event]:
    """Return what a user did before the end of a night, the newest first, each event once, without rows that were refused.

    What only says that an item was shown is no deed of the user.
    An event whose id another user's event bore first was refused that night and is told here: only the user's own rows are read.
    """
    return events_of_users(store, night, [user])[user]


def events_of_users(store: Warehouse, night: ServedNight, users: Sequence[Id]) -> dict[Id, list[Event]]:
    """Return what each of some users did, as `events_of` tells it of one."""
    found: dict[Id, list[Event]] = {user: [] for user in users}
    delivered = night.deliveries("interactions")
    if not delivered or not users:
        return found
    asked = {"files": [str(path) for path in delivered.values()], "asked": [str(user) for user in users]}
    store.replace("raw.interactions", store.arrow("explain.delivered_interactions", **asked))
    _tell_deliveries(store, list(delivered))
    source, events = SourceConfig.model_construct(**night.settings.get("source", {})), night.settings.get("events", {})
    weights, impressions = events.get("weights", {}), events.get("impressions", [])
    store.start("staging.judged_interactions", "empty.judged_interactions")
    store.extend(
        "staging.judged_interactions",
        deliveries=[delivery.sha256 for delivery in delivered],
        source_zone=source.timezone,
        has_times=night.manifest["data_through"] is not None,
        earliest=datetime.combine(date.fromisoformat(str(source.earliest)), datetime.min.time()),
        event_types=sorted({*weights, *impressions}) if weights else [],
        max_value=source.max_value,
        # What lies further ahead than the night can see is left out either way.
        future_after=night.known_until,
        known_until=night.known_until,
        build=0,
    )
    for row in store.rows("explain.history", impressions=list(impressions)):
        found[row.pop("user_id")].append(Event(**row))
    return found


def described(store: Warehouse, night: ServedNight, items: Iterable[Id]) -> dict[Id, Item]:
    """Return what the catalogue of a night says of some items; those it does not know are told so."""
    asked, delivered = sorted(set(items), key=str), night.deliveries("items")
    if not delivered:
        return {item: Item(item_id=item, is_known=True) for item in asked}
    found: dict[Id, Item] = {item: Item(item_id=item, is_known=False) for item in asked}
    _tell_deliveries(store, list(delivered))
    files = [str(path) for path in delivered.values()]
    for start in range(0, len(asked), AT_ONCE):
        some = [str(item) for item in asked[start : start + AT_ONCE]]
        store.replace("raw.items", store.arrow("explain.delivered_items", files=files, asked=some))
        store.build("staging.judged_items", source_zone=night.settings.get("source", {}).get("timezone"))
        found |= {row["item_id"]: _item(row) for row in store.rows("staging.items")}
    return found


def titled(rows: Sequence[Row], items: Mapping[Id, Item]) -> list[Row]:
    """Return rows about items, each with the title that its item is known by."""
    return [row.model_copy(update={"title": items[row.item_id].title}) for row in rows]  # type: ignore[attr-defined]


def _item(row: dict[str, Any]) -> Item:
    attributes = json.loads(row["attributes"]) if row["attributes"] else {}
    facts = {name: row[name] for name in ("item_id", "title", "available_from", "available_until")}
    return Item(is_known=True, attributes={name: str(value) for name, value in attributes.items()}, **facts)


def _tell_deliveries(store: Warehouse, deliveries: Sequence[Delivery]) -> None:
    """Tell the store of accepted deliveries, in their order: the rules by which rows are judged look there."""
    columns = {
        "delivery": pa.array([delivery.sha256 for delivery in deliveries], pa.string()),
        "sequence": pa.array(range(len(deliveries)), pa.int32()),
        "is_new": pa.array([False] * len(deliveries), pa.bool_()),
    }
    store.replace("raw.deliveries", pa.table(columns))
    nights = [delivery.first_night for delivery in deliveries]
    store.build("staging.nights", deliveries=[delivery.sha256 for delivery in deliveries], nights=nights)
