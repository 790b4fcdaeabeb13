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
from tasks.recovery import recover
from tasks.refusals import StorageError, UsageError
from tasks.retention import Forgettable, KeepingConfig, forget, forgettable
from tasks.storage_faults import named_faults
from tasks.workspace import Workspace


def collect(root: Path, at: datetime, as_json: bool, *, dry_run: bool, with_orphans: bool) -> int:
    """Remove what is older than [keeping] says and what nothing names; a dry run lists it, reads only and takes no lock.

    Raises UsageError where the settings cannot be read, StorageError where a manifest cannot: what is needed is then not known.
    """
    workspace = Workspace(root.resolve())
    workspace.require()
    keeping, fault = load_keeping(workspace.root)
    if fault:
        raise UsageError(str(workspace.settings_file), "settings that can be read", fault, "correct it; nothing was removed")
    with nullcontext() if dry_run else locked(workspace, "gc", at), named_faults(workspace):
        if not dry_run:
            recover(workspace)
        found = _found(workspace, keeping, at, with_orphans=with_orphans)
        sizes = [item.bytes for item in found]
        for item in () if dry_run else found:
            forget(workspace, item)
    _tell(workspace, list(zip(found, sizes, strict=True)), as_json, dry_run=dry_run)
    return 0


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


def _tell(workspace: Workspace, found: list[tuple[Forgettable, int]], as_json: bool, *, dry_run: bool) -> None:
    total, free = sum(size for _, size in found), shutil.disk_usage(workspace.root).free
    if as_json:
        removed = [{"what": item.what, "why": item.why, "bytes": size} for item, size in found]
        say(json.dumps({"dry_run": dry_run, "removed": removed, "bytes": total, "free_bytes": free}, sort_keys=True))
        return
    for item, size in found:
        say(f"  {size / 1e6:8,.1f} MB  {item.what} ({item.why})")
    verb = "would be freed" if dry_run else "freed"
    say(f"{total / 1e6:,.1f} MB {verb}, {len(found)} things; {free / 1e6:,.0f} MB of the disk are free")
