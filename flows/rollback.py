"""Rollback: serve an earlier published date again; only the pointer and latest/ move."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

from flows.console import say
from tasks.inspection import command
from tasks.intact import faults_of
from tasks.lock import locked
from tasks.pointer import point
from tasks.recovery import recover
from tasks.refusals import StorageError, UsageError
from tasks.storage_faults import named_faults
from tasks.workspace import Workspace


def roll_back(root: Path, to: date, at: datetime, as_json: bool) -> int:
    """Point at a published date whose files are whole, and say so.

    Done twice, it changes nothing more; cut off in the middle, the next start brings latest/ back to what the pointer says. The next
    published night moves the pointer on. Raises UsageError for a date that is not published, StorageError for one that is damaged.
    """
    workspace = Workspace(root.resolve())
    workspace.require()
    with locked(workspace, f"rollback to {to}", at), named_faults(workspace):
        recover(workspace, at)
        before = workspace.current()
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
        point(workspace, night, at=at.isoformat(timespec="seconds") + "Z")
    told = {"serving": str(to), "run_id": night["run_id"], "before": before["run_date"] if before else None}
    say(json.dumps(told, sort_keys=True) if as_json else f"serving {to} (run {night['run_id']}); before: {told['before'] or 'nothing'}")
    return 0
