"""Drift: what tonight's events and lists are like, beside what earlier nights measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.evidence import GateConfig
from models.gate_rules import TRAILING_NIGHTS
from models.usual import usual
from tasks.night import Night
from tasks.published_table import intact_table
from tasks.tables import TABLES
from tasks.tables.writing import write_table
from tasks.trail import earlier_nights
from tasks.warehouse import Warehouse

SCORES = ("score_p10", "score_p50", "score_p90", "first_score_p50")
SHARES = frozenset({"event_type_share", "new_user_share", "new_item_share", "reject_share"})

SHARE_MARGIN = 0.01
"""By how much a share may differ from what is usual although it never did: where nothing is ever refused, one refused row says little."""

Subject = tuple[str, str]
"""A measure and what it is measured for."""


def write_drift(night: Night, warehouse: Warehouse, config: GateConfig) -> tuple[str, ...]:
    """Write the table; returns a sentence for each measure that lies outside what is usual."""
    trail, rows, unusual = _trail(night), [], []
    for (measure, subject), value in _measured(night, warehouse):
        before = np.array(trail[measure, subject])
        band = usual(before, config.band_width, config.min_band, SHARE_MARGIN if measure in SHARES else 0.0)
        is_unusual = band is not None and not band.holds(value)
        if band is not None and is_unusual:
            of = f" of {subject}" if subject else ""
            ends = f"{band.low:,.4g} to {band.high:,.4g}"
            unusual.append(f"{measure.replace('_', ' ')}{of} is {value:,.4g}; usual is {band.median:,.4g} ({ends}, {len(before)} nights)")
        fact = {"measure": measure, "subject": subject, "value": value, "is_unusual": is_unusual, "n_nights": len(before)}
        ends_of = (band.median, band.low, band.high) if band else (None, None, None)
        rows.append({**fact, **dict(zip(("usual", "low", "high"), ends_of, strict=True))})
    schema = TABLES["drift"].schema({}, {"run_id": night.run_id})
    plain = pa.schema([field.remove_metadata() for field in schema])
    write_table(night.staged_table("drift"), pa.Table.from_pylist(rows, schema=plain), schema)
    return tuple(unusual)


def _measured(night: Night, warehouse: Warehouse) -> Iterator[tuple[Subject, float]]:
    """Measure tonight's events and lists; what there is nothing of is left out."""
    day = warehouse.rows("derive.day")[0]["day"]
    counts = warehouse.rows("derive.day_counts", day=day)[0]
    events = counts["events"]
    for name in ("events", "users", "items"):
        yield (name, ""), float(counts[name])
    if events:
        for row in warehouse.rows("derive.day_types", day=day):
            yield ("event_type_share", row["event_type"]), row["events"] / events
    if day is not None:
        yield ("new_user_share", ""), counts["of_new_users"] / events
        yield ("new_item_share", ""), counts["of_new_items"] / events
    if counts["n_values"]:
        yield ("mean_value", ""), float(counts["value_total"]) / counts["n_values"]
    delivered = warehouse.rows("derive.day_refusals", tonight=night.run_date)[0]
    if n_rows := delivered["rejected"] + delivered["kept"]:
        yield ("reject_share", ""), delivered["rejected"] / n_rows
    for row in warehouse.rows("derive.scores", recommendations=str(night.staged_table("recommendations"))):
        for name in SCORES:
            if row[name] is not None:
                yield (name, row["subject"]), row[name]


def _trail(night: Night) -> dict[Subject, list[float]]:
    """Return what the nights published lately measured, oldest first."""
    found: list[list[dict[str, Any]]] = []
    for manifest in reversed(earlier_nights(night)):
        if len(found) == TRAILING_NIGHTS:
            break
        path, _ = intact_table(night.workspace, manifest, "drift")
        if path is not None:
            found.append(pq.read_table(path, columns=["measure", "subject", "value"]).to_pylist())
    trail = defaultdict[Subject, list[float]](list)
    for rows in reversed(found):
        for row in rows:
            trail[row["measure"], row["subject"]].append(row["value"])
    return trail
