"""What came in: the rows of every delivery, and the rows that were refused, by the rule they broke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.night import Night

if TYPE_CHECKING:
    from tasks.report.story import Story

SHOWN_DELIVERIES = 40
"""Rows of the table; a shop of many years has thousands of deliveries, and the page must open on a phone."""

EXAMPLES = 3
LONGEST_ROW = 240


@dataclass(frozen=True)
class DeliveryRow:
    """What became of one delivery's rows; None where the night ended before they were judged."""

    name: str
    source: str
    is_new: bool
    read: int
    accepted: int | None = None
    rejected: int | None = None
    duplicates: int | None = None
    waiting: int | None = None
    late: int | None = None
    capped: int | None = None


@dataclass(frozen=True)
class Example:
    """One refused row, as delivered."""

    source_file: str
    row_number: int
    raw_row: str


@dataclass(frozen=True)
class BrokenRule:
    """One rule, how many rows of a source broke it, and the first of them."""

    source: str
    rule: str
    rows: int
    examples: tuple[Example, ...]


def deliveries(story: Story) -> list[DeliveryRow]:
    """List the deliveries, new ones first and the latest before the oldest; what goes beyond the page's length is one sum."""
    newest_first = _delivered(story)[::-1]
    rows = sorted(newest_first, key=lambda row: not row.is_new)
    return rows[:SHOWN_DELIVERIES] + _summed(rows[SHOWN_DELIVERIES:])


def _delivered(story: Story) -> list[DeliveryRow]:
    if story.staged:
        return [
            DeliveryRow(
                row.name,
                row.source,
                row.is_new,
                row.counted + row.waiting,
                row.accepted,
                row.rejected,
                row.duplicates,
                row.waiting,
                row.late,
                row.capped,
            )
            for row in story.staged.volumes
        ]
    if story.delivered:
        rows = story.delivered.rows
        return [DeliveryRow(row.name, row.source, row.path is not None, rows[row.sha256]) for row in story.delivered.deliveries]
    return []


def _summed(rows: Sequence[DeliveryRow]) -> list[DeliveryRow]:
    if not rows:
        return []
    counts = [
        (row.read, *(count or 0 for count in (row.accepted, row.rejected, row.duplicates, row.waiting, row.late, row.capped)))
        for row in rows
    ]
    return [DeliveryRow(f"{len(rows):,} more", "", False, *(sum(column) for column in zip(*counts, strict=True)))]


def broken_rules(night: Night, story: Story) -> list[BrokenRule]:
    """Count the rows refused tonight by source and rule, the rule that refused most first."""
    refused = _refused(night, story)
    if refused is None:
        return []
    counted = refused.group_by(["source", "rule"]).aggregate([([], "count_all")]).to_pylist()
    counted.sort(key=lambda row: (-row["count_all"], row["source"], row["rule"]))
    return [BrokenRule(row["source"], row["rule"], row["count_all"], _examples(refused, row["source"], row["rule"])) for row in counted]


def _refused(night: Night, story: Story) -> pa.Table | None:
    """Read the refused rows from the staged table, or from the working store where the night ended before there was one."""
    staged = night.staged_table("rejects")
    if staged.is_file():
        return pq.read_table(staged)
    if story.staged is None:
        return None
    from tasks.warehouse import open_warehouse

    with open_warehouse(night) as warehouse:
        return warehouse.table("staging.rejects") if warehouse.stamped("staging.rejects") else None


def _examples(refused: pa.Table, source: str, rule: str) -> tuple[Example, ...]:
    alike = pc.and_(pc.equal(refused["source"], source), pc.equal(refused["rule"], rule))
    first = refused.filter(alike).slice(0, EXAMPLES).to_pylist()
    return tuple(Example(row["source_file"], row["row_number"], _cut(row["raw_row"])) for row in first)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_ROW else f"{text[:LONGEST_ROW]} ..."
