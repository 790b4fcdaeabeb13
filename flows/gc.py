"""Gc: let go of what nobody needs any more, and say what it freed."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

from flows.console import say
from flows.keeping import load_keeping
from tasks.inspection import command, unreadable_manifests
from tasks.lock import locked
from tasks.orphans import orphans
from tasks.publication import noted
from tasks.recovery import recover
from tasks.refusals import StorageError, UsageError
from tasks.retention import Forgettable, KeepingConfig, forget, forgettable
from tasks.storage import remove
from tasks.storage_faults import FULL, named_faults
from tasks.workspace import Workspace

Sized = tuple[Forgettable, int]
"""What goes, and the bytes that its going frees."""


def collect(root: Path, at: datetime, as_json: bool, *, dry_run: bool, with_orphans: bool) -> int:
    """Remove what is older than [keeping] says and what nothing names; a dry run lists it, reads only and takes no lock.

    Raises UsageError where the settings cannot be read, StorageError where a manifest cannot: what is needed is then not known.
    """
    workspace = Workspace(root.resolve())
    workspace.require()
    keeping = _keeping(workspace)
    with nullcontext() if dry_run else locked(workspace, "gc", at), named_faults(workspace):
        gone = [] if dry_run else _recovered(workspace, keeping, at)
        found = _sized(_found(workspace, keeping, at, with_orphans=with_orphans))
        if not dry_run:
            _let_go(workspace, found)
    _tell(workspace, gone + found, as_json, dry_run=dry_run)
    return 0


def going(workspace: Workspace, at: datetime, *, with_orphans: bool) -> list[Sized]:
    """Return what a collection would remove now; reads only, and refuses what the collection itself would."""
    return _sized(_found(workspace, _keeping(workspace), at, with_orphans=with_orphans))


def _keeping(workspace: Workspace) -> KeepingConfig:
    keeping, fault = load_keeping(workspace.root)
    if fault:
        raise UsageError(f"settings of {workspace.root}", "settings that can be read", fault, "correct them; nothing was removed")
    return keeping


def _recovered(workspace: Workspace, keeping: KeepingConfig, at: datetime) -> list[Sized]:
    """Finish what a killed run had decided; returns what was let go of for that where the disk had no room."""
    try:
        recover(workspace, at)
    except OSError as error:
        if error.errno not in FULL:
            raise
        room = _sized(_apart(workspace, _found(workspace, keeping, at, with_orphans=False)))
        _let_go(workspace, room)
        recover(workspace, at)
        return room
    return []


def _apart(workspace: Workspace, found: list[Forgettable]) -> list[Forgettable]:
    """Leave out what a publication that is not finished may touch: its date, what it has replaced, and models, which it may name."""
    half_done = [publication for staging in workspace.staging.glob("*") if (publication := noted(staging))]
    touched = {publication.name for publication in half_done}
    touched |= {f"run_date={publication.manifest['run_date']}" for publication in half_done}
    # Where nothing is pointed at, recovery looks for a date that is whole among all that there are.
    kept = (workspace.models,) if workspace.current() else (workspace.models, workspace.tables)
    return [item for item in found if not any(part.name in touched or any(map(part.is_relative_to, kept)) for part in item.parts)]


def _let_go(workspace: Workspace, found: list[Sized]) -> None:
    """Let everything go; first what goes without a record, since to keep the record of a date takes some room too."""
    unrecorded = (workspace.history, workspace.staging, workspace.root / "reports")
    for part in (part for item, _ in found for part in item.parts):
        if any(map(part.is_relative_to, unrecorded)):
            remove(part)
    for item, _ in found:
        forget(workspace, item)


def _sized(found: list[Forgettable]) -> list[Sized]:
    return [(item, item.bytes) for item in found]


def _found(workspace: Workspace, keeping: KeepingConfig, at: datetime, *, with_orphans: bool) -> list[Forgettable]:
    damaged = unreadable_manifests(workspace)
    if damaged:
        next_step = f"{command(workspace.root, 'verify')} says how to mend it; nothing was removed"
        raise StorageError(
            workspace.relative(damaged[0]), "a manifest that can be read: it names what is needed", "a damaged one", next_step
        )
    found = forgettable(workspace, keeping, at)
    going = {part for item in found for part in item.parts}
    for orphan in orphans(workspace) if with_orphans else ():
        if not going & {orphan.path, *orphan.path.parents}:
            found.append(Forgettable(workspace.relative(orphan.path), orphan.why, (orphan.path,)))
    return found


def _tell(workspace: Workspace, found: list[Sized], as_json: bool, *, dry_run: bool) -> None:
    total, free = sum(size for _, size in found), shutil.disk_usage(workspace.root).free
    if as_json:
        removed = [{"what": item.what, "why": item.why, "bytes": size} for item, size in found]
        say(json.dumps({"dry_run": dry_run, "removed": removed, "bytes": total, "free_bytes": free}, sort_keys=True))
        return
    for item, size in found:
        say(f"  {size / 1e6:8,.1f} MB  {item.what} ({item.why})")
    verb = "would be freed" if dry_run else "freed"
    say(f"{total / 1e6:,.1f} MB {verb}, {len(found)} thing{'' if len(found) == 1 else 's'}; {free / 1e6:,.0f} MB of the disk are free")
