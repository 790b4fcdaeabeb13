"""Bring training.events up to date: only users and items for which something changed are brought together anew.

Last night's events stand in the warehouse, sorted. Tonight's numbers of users and items keep the order of last night's, so that the
rows of what did not change keep their order too, and what did is put in its place. Decision 0018.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel

import sql
from tasks.basis import basis_in, forget, remember
from tasks.interactions import judged_build
from tasks.stage import EventsConfig
from tasks.storage import canonical_json, text_hash
from tasks.warehouse import Warehouse

BASIS = "training.basis"
COLUMNS = ("user_index", "item_index", "occurred_at", "weight", "value", "positive")
Columns = dict[str, NDArray[Any]]


class EventsBasis(BaseModel, frozen=True, extra="forbid"):
    """What training.events was built from: how, and which build of the judged interactions."""

    rules: str
    build: int


NO_FLAGS: dict[str, Any] = {"flag_names": [], "flag_values": [], "separator": "|"}
"""What training.items takes where no value of an attribute makes an item unavailable."""


def build_training(warehouse: Warehouse, known_until: Any, config: EventsConfig, flags: Mapping[str, Any] = NO_FLAGS) -> dict[str, int]:
    """Build training.users, training.items, by the flags that make items unavailable, and training.events; returns relation -> rows."""
    types = sorted(config.weights)
    rules = {"event_types": types, "event_weights": [config.weights[name] for name in types], "positive_from": config.positive_from}
    tonight = EventsBasis(
        rules=text_hash(canonical_json([duckdb.__version__, sql.read("training.events"), rules])), build=judged_build(warehouse)
    )
    before = _standing(warehouse, tonight)
    ids_before = _ids(warehouse) if before else None
    forget(warehouse, BASIS)
    relations = {
        "training.users": warehouse.build("training.users"),
        "training.items": warehouse.build("training.items", known_until=known_until, **flags),
    }
    if before is None or ids_before is None:
        warehouse.alias("happened", "staging.interactions")
        relations["training.events"] = warehouse.build("training.events", **rules)
    else:
        relations["training.events"] = _bring_up_to_date(warehouse, before.build, ids_before, rules)
    remember(warehouse, BASIS, tonight)
    return {**relations, BASIS: 1}


def renumbered(numbers: NDArray[np.int32], before: pa.ChunkedArray, now: pa.ChunkedArray) -> NDArray[np.int32]:
    """Return the numbers that ids have now for the numbers they had before; every id in use is still there."""
    return np.asarray(pc.fill_null(pc.index_in(before, value_set=now), -1).to_numpy(), np.int32)[numbers]


def spliced(before: Columns, changed: Columns, n_items: int) -> Columns:
    """Replace the rows of some pairs of user and item by others, in sorted columns; `changed` holds all rows of such pairs, sorted."""
    pair = before["user_index"].astype(np.int64) * n_items + before["item_index"]
    pair_of_changed = changed["user_index"].astype(np.int64) * n_items + changed["item_index"]
    pairs = np.unique(pair_of_changed)
    stays = np.ones(len(pair), np.bool_)
    for first, end in zip(np.searchsorted(pair, pairs), np.searchsorted(pair, pairs, side="right"), strict=True):
        stays[first:end] = False
    places = np.searchsorted(pair[stays], pair_of_changed)
    return {name: np.insert(before[name][stays], places, changed[name]) for name in COLUMNS}


def _bring_up_to_date(
    warehouse: Warehouse, since: int, ids_before: tuple[pa.ChunkedArray, pa.ChunkedArray], rules: Mapping[str, Any]
) -> int:
    before = warehouse.table("training.events")
    warehouse.build("training.changed_interactions", since=since)
    warehouse.alias("happened", "training.changed_interactions")
    warehouse.build("training.events", **rules)
    changed = warehouse.table("training.events")
    users, items = _ids(warehouse)
    columns = _columns(before)
    columns["user_index"] = renumbered(columns["user_index"], ids_before[0], users)
    columns["item_index"] = renumbered(columns["item_index"], ids_before[1], items)
    result = spliced(columns, _columns(changed), len(items))
    # Without a time or a value NumPy holds a NaN, which stands for null.
    arrays = [pa.array(result[name], from_pandas=True).cast(before.schema.field(name).type) for name in COLUMNS]
    warehouse.replace("training.events", pa.table(arrays, names=list(COLUMNS)))
    return len(result["positive"])


def _columns(table: pa.Table) -> Columns:
    return {name: table[name].to_numpy() for name in COLUMNS}


def _ids(warehouse: Warehouse) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    return warehouse.table("training.users")["user_id"], warehouse.table("training.items")["item_id"]


def _standing(warehouse: Warehouse, tonight: EventsBasis) -> EventsBasis | None:
    """Return what the events in the warehouse were built from, where what is added to it makes tonight's."""
    before = basis_in(warehouse, BASIS, EventsBasis)
    return before if before and before.rules == tonight.rules and before.build <= tonight.build else None
