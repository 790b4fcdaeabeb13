"""What has changed in the lists since those served before, and why: all of it, so that either can be made of the other."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.champion import last_instant, served_table
from tasks.night import Night
from tasks.policies.seen import SeenConfig
from tasks.published_table import same_ids
from tasks.storage import make_folders
from tasks.tables import TABLES
from tasks.tables.writing import write_parts, write_table
from tasks.warehouse import Warehouse

log = logging.getLogger("nightly")

ROWS_AT_ONCE = 2_000_000
"""Recommendations compared at a time, on either side: joins of many more spill to the disk."""


def write_changes(night: Night, warehouse: Warehouse, k: int, id_types: dict[str, str], seen: SeenConfig) -> dict[str, int]:
    """Write the table, without rows where there is nothing to compare with; returns cause -> rows.

    `seen` says what of that which a user has met is kept out of the list tonight.
    """
    schema = TABLES["changes"].schema(id_types, {"run_id": night.run_id})
    causes = Counter[str]()

    def counted() -> Generator[pa.Table]:
        for part in _changes(night, warehouse, max(1, ROWS_AT_ONCE // k), id_types, seen):
            found = part["cause"].value_counts()
            causes.update(dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)))
            yield part.cast(schema)

    write_parts(night.staged_table("changes"), schema, counted())
    return dict(sorted(causes.items()))


def _changes(night: Night, warehouse: Warehouse, at_once: int, id_types: dict[str, str], seen: SeenConfig) -> Generator[pa.Table]:
    """Yield the rows in the order of the key, those of so many users at a time."""
    manifest, (served, why_not) = night.champion_manifest(), served_table(night)
    if manifest is None or served is None:
        log.info("derive: lists are not compared: %s", why_not)
        return
    tonight = night.staged_table("recommendations")
    if not same_ids(served, pq.read_schema(tonight)):
        log.info("derive: lists are not compared: ids are of another type than in those served before")
        return
    lists = {"served": str(served), "recommendations": str(tonight)}
    since = {"data_through": _instant(manifest["data_through"])}
    warehouse.build("derive.lists", **lists, **since)
    warehouse.build("derive.new_items", **since, exposure_before=str(_before(night, "exposure", id_types)))
    reasons = {"why_not": str(night.staged_table("why_not")), "why_not_before": str(_before(night, "why_not", id_types))}
    kept_out = seen.parameters(night.known_until)
    users = warehouse.table("derive.lists")["user_id"]
    for start in range(0, len(users), at_once):
        lot = users[start : start + at_once]
        ends: dict[str, Any] = {"first_user": lot[0].as_py(), "last_user": lot[-1].as_py()}
        yield warehouse.arrow("derive.changes", **lists, **reasons, **kept_out, **ends)


def _instant(data_through: str | None) -> datetime | None:
    if data_through is None:
        return None
    moment: datetime = np.datetime64(last_instant(data_through), "us").item()
    return moment


def _before(night: Night, name: str, id_types: dict[str, str]) -> Path:
    """Return a table served before tonight, an empty one where there is none or it is not what was served."""
    path, _ = served_table(night, name)
    if path is None:
        path = night.staging / "derive" / f"no_{name}.parquet"
        make_folders(path.parent)
        schema = TABLES[name].schema(id_types)
        write_table(path, schema.empty_table(), schema)
    return path
