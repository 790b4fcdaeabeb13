"""What came in: the rows of every delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report.story import Story
from tasks.report.telling import Telling

SHOWN_DELIVERIES = 40
"""Rows of the table; a shop of many years has thousands of deliveries, and the page must open on a phone."""


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


def deliveries(telling: Telling) -> list[DeliveryRow]:
    """List the deliveries, new ones first and the latest before the oldest; what goes beyond the page's length is one sum."""
    newest_first = _delivered(telling.story)[::-1]
    rows = sorted(newest_first, key=lambda row: not row.is_new)
    return rows[:SHOWN_DELIVERIES] + _summed(rows[SHOWN_DELIVERIES:])


@dataclass(frozen=True)
class LeftOut:
    """A file that the night went on without, and why; one that is still being written is read by a later night."""

    name: str
    reason: str
    is_written: bool


def left_out(telling: Telling) -> list[LeftOut]:
    """List the files in the inbox that the night could not use."""
    delivered = telling.story.delivered
    if delivered is None:
        return []
    waiting = [LeftOut(name, reason, is_written=True) for name, reason in delivered.still_written.items()]
    return [*waiting, *(LeftOut(file.name, file.reason, is_written=False) for file in delivered.set_aside)]


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
