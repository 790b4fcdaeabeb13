"""Rollback: serve an earlier published date again; only the pointer and latest/ move."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flows.console import say
from tasks.inspection import command
from tasks.intact import faults_of
from tasks.lock import locked
from tasks.moments import written
from tasks.pointer import point
from tasks.recovery import recover
from tasks.refusals import StorageError, UsageError
from tasks.storage_faults import named_faults
from tasks.workspace import Workspace


@dataclass(frozen=True)
class RolledBack:
    """What is served now: its date and run, and the date that was served before, None where nothing was."""

    serving: str
    run_id: str
    before: str | None

    @property
    def sentence(self) -> str:
        return f"serving {self.serving} (run {self.run_id}); before: {self.before or 'nothing'}"


def serve_again(root: Path, to: date, at: datetime) -> RolledBack:
    """Point at a published date whose files are whole.

    Done twice, it changes nothing more; cut off in the middle, the next start brings latest/ back to what the pointer says. The next
    published night moves the pointer on. Raises UsageError for a date that is not published, StorageError for one that is damaged.
    """
    workspace = Workspace(root.resolve())
    workspace.require()
    with locked(workspace, f"rollback to {to}", at), named_faults(workspace):
        recover(workspace, at)
        before, night = workspace.current(), destination(workspace, to)
        point(workspace, night, at=written(at))
    return RolledBack(serving=str(to), run_id=night["run_id"], before=before["run_date"] if before else None)


def roll_back(root: Path, to: date, at: datetime, as_json: bool) -> int:
    """Serve a published date again and print what is served now; raises what `serve_again` raises."""
    done = serve_again(root, to, at)
    say(json.dumps(asdict(done), sort_keys=True) if as_json else done.sentence)
    return 0


def destination(workspace: Workspace, to: date) -> dict[str, Any]:
    """Return the manifest of a published date whose files are whole.

    Raises UsageError for a date that is not published, StorageError for one that is damaged.
    """
    published = {night["run_date"]: night for night in workspace.published()}
    if str(to) not in published:
        known = ", ".join(published) or "none"
        last = next(reversed(published), "DATE")
        raise UsageError(str(to), "a published date", f"only {known}", command(workspace.root, "rollback", "--to", last))
    night = published[str(to)]
    fault = next(faults_of(workspace, night), None)
    if fault is not None:
        next_step = f"{command(workspace.root, 'run', '--run-date', to)} to make it again, or roll back to another date"
        raise StorageError(fault.file, fault.expected, fault.found, next_step)
    return night
