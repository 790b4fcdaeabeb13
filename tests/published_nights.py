"""Published nights written by hand: tables with what a test says of them, manifests, and deliveries under raw/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.deliveries import id_types_file, raw_note, raw_rows
from tasks.ingest.contract import raw_schema
from tasks.storage import write_json
from tasks.tables import EVERYBODY, TABLES
from tasks.tables.writing import write_table
from tasks.workspace import Source, Workspace

Rows = Sequence[Mapping[str, Any]]
INTEGERS = {"user_id": "integer", "item_id": "integer"}
TOLD = ("recommendations", "why_not", "changes", "exposure", "similar_items", "coverage")
DEFAULTS = {"string": "", "float64": 0.0, "int16": 1, "int64": 1, "item_id": 0, "user_id": 0, "bool": False}


def publish_by_hand(
    workspace: Workspace, day: date, tables: Mapping[str, Rows], id_types: Mapping[str, str] | None = None, **manifest: Any
) -> dict[str, Any]:
    """Write some tables of a date and the manifest that names them, and point at it; what a row leaves out is filled by type."""
    types, run_id = id_types or INTEGERS, f"night-{day}"
    named = {}
    for name, rows in tables.items():
        schema = TABLES[name].schema(types)
        plain = pa.schema([field.remove_metadata() for field in schema])
        path = write_table(workspace.table(name, day), pa.Table.from_pylist([filled(name, row) for row in rows], schema=plain), schema)
        named[name] = {"path": workspace.relative(path), "sha256": "0" * 64, "rows": len(rows), "bytes": path.stat().st_size}
    known = {"run_id": run_id, "run_date": str(day), "published_at": f"{day}T02:00:00Z", "data_through": f"{day}T20:00:00Z"}
    known |= {"model_version": "models", "champion": None, "inputs": {}, "settings": {}, "versions": {}, "tables": named}
    write_json(workspace.manifest_file(run_id), known | manifest)
    write_json(workspace.pointer, {"run_id": run_id, "run_date": str(day)})
    return known | manifest


def list_of(user: Any, *items: Any, **facts: Any) -> list[dict[str, Any]]:
    """Return a list of recommendations, best first, each scored by collaborative alone."""
    return [
        {"user_id": user, "rank": rank, "item_id": item, "score": 10.0 - rank, "blended_score": 10.0 - rank, "collaborative": 10.0 - rank}
        | {"reason": "collaborative", "served_by": "blend", "because_item_id": None}
        | facts
        for rank, item in enumerate(items, start=1)
    ]


def everything(**tables: Rows) -> dict[str, Rows]:
    """Return rows for the tables that tell of users and items, none where a test has nothing to say, and one popular item."""
    return dict.fromkeys(TOLD, ()) | {"popular_items": [{"segment": EVERYBODY, "rank": 1, "item_id": 10, "score": 2.0}]} | tables


def accept(workspace: Workspace, source: Source, name: str, first_night: date, rows: Rows) -> dict[str, dict[str, str]]:
    """Keep a delivery under raw/, as text, with its note; returns what a manifest tells of it as an input."""
    schema, sha256 = raw_schema(source), f"{name:x<64}".replace(".", "x")
    path = raw_rows(workspace, source, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [{"row_number": number, **row} for number, row in enumerate(rows, start=1)]
    pq.write_table(pa.Table.from_pylist(texts, schema=schema), path)
    write_json(raw_note(workspace, source, sha256), {"name": name, "first_night": str(first_night), "rows": len(texts)})
    if not id_types_file(workspace).is_file():
        write_json(id_types_file(workspace), INTEGERS)
    return {sha256: {"source": source, "name": name}}


def filled(name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a table with what it leaves out filled in, by type."""
    columns = TABLES[name].columns
    assert facts.keys() <= {column.name for column in columns}
    return {column.name: facts.get(column.name, None if column.nullable else DEFAULTS.get(column.kind)) for column in columns}
