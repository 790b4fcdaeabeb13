"""What a later reader needs to trust or repeat the night: what identifies it, its steps, its files and the versions it ran with."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from tasks.night import Night, StepRecord, step_records
from tasks.report.drawing import Bar, bars

if TYPE_CHECKING:
    from tasks.report.story import Story


@dataclass(frozen=True)
class TimedStep:
    """One step with the bar of its seconds."""

    record: StepRecord
    bar: Bar


@dataclass(frozen=True)
class ServedFile:
    """One published file as its manifest names it."""

    path: str
    rows: int
    bytes: int
    sha256: str


def facts(night: Night, story: Story) -> dict[str, str]:
    """Return what identifies the night and what is served after it, in the order of reading."""
    current = night.workspace.current()
    served = f"the tables of {current['run_date']} (run {current['run_id']})" if current else "nothing yet"
    known = {
        "Date": str(night.run_date),
        "Started": f"{night.started_at:%Y-%m-%d %H:%M:%S} UTC",
        "Newest event seen": story.prepared.data_through if story.prepared else None,
        "Served now": served,
        "Night to beat": night.champion,
        "Models": story.refitted.model_version if story.refitted else None,
        "Run": night.run_id,
        "Attempt": night.attempt_id,
    }
    return {name: value for name, value in known.items() if value}


def timed_steps(night: Night) -> list[TimedStep]:
    """Read the finished steps with their seconds and peak memory, in order."""
    records = step_records(night)
    return [TimedStep(record, bar) for record, bar in zip(records, bars([record.seconds for record in records]), strict=True)]


def served_files(night: Night, story: Story) -> list[ServedFile]:
    """List the published files with their hashes; a night that published nothing has none."""
    manifest = night.workspace.manifest(night.run_id) if story.published else None
    tables = manifest["tables"].values() if manifest else ()
    return [ServedFile(table["path"], table["rows"], table["bytes"], table["sha256"]) for table in tables]


def versions(night: Night) -> dict[str, str]:
    """Return the versions the manifest names, or those installed where nothing was published."""
    manifest = night.workspace.manifest(night.run_id)
    if manifest:
        return dict(manifest["versions"])
    from tasks.publish import LIBRARIES

    return {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}}
