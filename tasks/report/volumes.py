"""What tonight was like beside the nights before it: volumes, shares and scores, with what is usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from tasks.report.drawing import Scale
from tasks.report.telling import Telling, table_of

SPARK_WIDTH, SPARK_HEIGHT = 120, 28

KINDS = {
    "Volumes": ("events", "users", "items", "event_type_share", "new_user_share", "new_item_share", "reject_share", "mean_value"),
    "Scores": ("first_score_p50", "score_p10", "score_p50", "score_p90"),
}
"""Heading -> the measures below it, in the order of reading."""

NAMES = {
    "events": "events of the last whole day",
    "users": "users active on that day",
    "items": "items met on that day",
    "event_type_share": "share of events of a type",
    "new_user_share": "share of that day's events by new users",
    "new_item_share": "share of that day's events with new items",
    "reject_share": "share of rows refused",
    "mean_value": "mean value",
    "first_score_p50": "median score of first places",
    "score_p10": "scores: a tenth lies below",
    "score_p50": "scores: half lies below",
    "score_p90": "scores: nine tenths lie below",
}
"""Measure -> what it is called."""


@dataclass(frozen=True)
class Spark:
    """The nights up to tonight as a line, and the band of what is usual behind it; `n` nights from `first` to `last`."""

    points: str
    last_x: float
    last_y: float
    band_y: float | None
    band_height: float
    first: float
    last: float
    n: int


@dataclass(frozen=True)
class Volume:
    """One measure: tonight's value, what is usual, and the nights before it."""

    name: str
    is_share: bool
    value: float
    usual: float | None
    low: float | None
    high: float | None
    is_unusual: bool
    n_nights: int
    spark: Spark


def volumes(telling: Telling) -> dict[str, list[Volume]]:
    """Return tonight's measures by heading, the unusual ones first; empty where nothing was measured."""
    rows = {(row["measure"], row["subject"]): row for row in telling.rows("drift")}
    if not rows:
        return {}
    history = _history(telling)
    found = {}
    for heading, measures in KINDS.items():
        asked = [row for measure in measures for key, row in sorted(rows.items()) if key[0] == measure]
        asked.sort(key=lambda row: not row["is_unusual"])
        found[heading] = [_volume(row, history[row["measure"], row["subject"]]) for row in asked]
    return {heading: told for heading, told in found.items() if told}


def _history(telling: Telling) -> dict[tuple[str, str], list[float]]:
    """Return what each measure of tonight was in the published nights up to tonight, oldest first."""
    history: dict[tuple[str, str], list[float]] = {}
    for night in telling.nights:
        path = table_of(night, "drift")
        for row in pq.read_table(path, columns=["measure", "subject", "value"]).to_pylist() if path else ():
            history.setdefault((row["measure"], row["subject"]), []).append(row["value"])
    return history


def _volume(row: Mapping[str, Any], history: Sequence[float]) -> Volume:
    told = {name: row[name] for name in ("value", "usual", "low", "high", "is_unusual", "n_nights")}
    name = NAMES.get(row["measure"], row["measure"].replace("_", " ")) + (f": {row['subject']}" if row["subject"] else "")
    return Volume(name=name, is_share=row["measure"].endswith("_share"), spark=_spark(history, row["low"], row["high"]), **told)


def _spark(values: Sequence[float], low: float | None, high: float | None) -> Spark:
    reach = [*values, *(end for end in (low, high) if end is not None)]
    right, up = Scale(0.0, max(1, len(values) - 1), SPARK_WIDTH - 8), Scale(min(reach), max(reach), SPARK_HEIGHT - 8)
    placed = [(4 + right(night), round(SPARK_HEIGHT - 4 - up(value), 1)) for night, value in enumerate(values)]
    top, bottom = (None if end is None else round(SPARK_HEIGHT - 4 - up(end), 1) for end in (high, low))
    height = 0.0 if top is None or bottom is None else round(bottom - top, 1)
    points = " ".join(f"{x:g},{y:g}" for x, y in placed)
    return Spark(points, *placed[-1], top, height, values[0], values[-1], len(values))
