"""A night of few users whose lists are written by hand, and what was served before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.night import Night
from tasks.storage import file_hash, write_json
from tasks.tables import TABLES
from tasks.tables.writing import write_table
from tasks.warehouse import Warehouse, open_warehouse
from tests.conftest import Nights

IDS = {"user_id": "integer", "item_id": "integer"}
SUNDAY = date(2026, 1, 4)
NOON = "2026-01-04T12:00:00"
"""The newest event that the night before knew of."""

Lists = Mapping[int, Iterable[int]]
"""User -> items, best first."""


def filled(name: str, rows: Iterable[Mapping[str, Any]], id_types: Mapping[str, str] = IDS) -> pa.Table:
    """Return rows of a table; columns left out hold a zero, a text or null."""
    schema = pa.schema([field.remove_metadata() for field in TABLES[name].schema(id_types)])
    anything = {pa.string(): "text", pa.float64(): 0.0, pa.int16(): 1, pa.int64(): 0, pa.bool_(): False}
    return pa.Table.from_pylist(
        [{field.name: row.get(field.name, None if field.nullable else anything.get(field.type)) for field in schema} for row in rows],
        schema=schema,
    )


def recommendations(
    lists: Lists,
    policy: Mapping[tuple[int, int], float] | None = None,
    variant: Mapping[int, str] | None = None,
    score: Mapping[tuple[int, int], float] | None = None,
) -> pa.Table:
    """Return the table of lists: what policies add and what is scored by (user, item), variants by user."""
    rows = [
        {"user_id": user, "rank": rank, "item_id": item, "policy": (policy or {}).get((user, item), 0.0)}
        | {"score": (score or {}).get((user, item), 1.0 / rank), "variant": (variant or {}).get(user), "served_by": "blend"}
        for user, items in lists.items()
        for rank, item in enumerate(items, start=1)
    ]
    return filled("recommendations", rows)


class Small:
    """A night and its warehouse, whose relations are made of values written in SQL."""

    def __init__(self, night: Night, warehouse: Warehouse) -> None:
        self.night, self.warehouse = night, warehouse

    def stage(self, name: str, content: pa.Table) -> None:
        """Stage a table of tonight."""
        write_table(self.night.staged_table(name), content, TABLES[name].schema(IDS))

    def serve(self, data_through: str | None = f"{NOON}Z", **tables: pa.Table) -> None:
        """Let the night before have published tables."""
        served = {}
        for name, content in tables.items():
            path = self.night.workspace.table(name, SUNDAY)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(content, path)
            served[name] = {"path": self.night.workspace.relative(path), "sha256": file_hash(path)}
        facts = {"run_id": "before", "run_date": str(SUNDAY), "published_at": f"{SUNDAY}T23:00:00Z", "model_version": "m"}
        write_json(self.night.workspace.manifest_file("before"), {**facts, "data_through": data_through, "tables": served})

    def know(self, relation: str, columns: str, *rows: str) -> None:
        """Make a relation of rows written in SQL."""
        some = ", ".join(rows) or f"({', '.join('null' for _ in columns.split(','))})"
        kept = "" if rows else "where false"
        self.warehouse.execute(f"create or replace table {relation} as select * from (values {some}) as t ({columns}) {kept}")  # noqa: S608


@contextmanager
def small(night: Nights) -> Iterator[Small]:
    """Open a Monday that has Sunday to beat: items 1 to 9 are known and available since always, nobody did anything."""
    at = night(champion="before")
    with open_warehouse(at) as warehouse:
        world = Small(at, warehouse)
        world.know("training.items", "item_id, is_known, is_available", *(f"({item}::bigint, true, true)" for item in range(1, 10)))
        world.know("staging.items", "item_id, available_from", *(f"({item}::bigint, null::timestamp)" for item in range(1, 10)))
        happened(world)
        world.stage("why_not", filled("why_not", []))
        yield world


def happened(world: Small, *rows: str) -> None:
    """Write what users did: user, item, time, type, value."""
    typed = "(0::bigint, 0::bigint, null::timestamp, null::varchar, null::double)"
    world.know("staging.interactions", "user_id, item_id, occurred_at, event_type, value", typed, *rows)
    world.warehouse.execute("delete from staging.interactions where user_id = 0")


@pytest.fixture
def world(night: Nights) -> Iterator[Small]:
    """Return the Monday."""
    with small(night) as opened:
        yield opened
