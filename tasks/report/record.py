"""What a later reader needs to trust or repeat the night: its steps, and its files with their hashes."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.night import StepRecord
from tasks.report.drawing import Bar, bars
from tasks.report.telling import Telling


@dataclass(frozen=True)
class TimedStep:
    """One step with the bars of its seconds and of the memory in use by its end; both are of the whole night's scale."""

    record: StepRecord
    bar: Bar
    memory: Bar


@dataclass(frozen=True)
class ServedFile:
    """One published file as its manifest names it."""

    path: str
    rows: int
    bytes: int
    sha256: str


def timed_steps(telling: Telling) -> list[TimedStep]:
    """Tell of the finished steps in order, with their seconds and peak memory."""
    records = telling.account.steps
    seconds, memory = bars([record.seconds for record in records]), bars([record.peak_bytes for record in records])
    return [TimedStep(*drawn) for drawn in zip(records, seconds, memory, strict=True)]


def served_files(telling: Telling) -> list[ServedFile]:
    """List the published files with their hashes; a night that published nothing has none."""
    manifest = telling.manifest if telling.story.published else None
    tables = manifest["tables"].values() if manifest else ()
    return [ServedFile(table["path"], table["rows"], table["bytes"], table["sha256"]) for table in tables]


def versions(telling: Telling) -> dict[str, str]:
    """Return the versions of what the night ran with."""
    return telling.account.versions
