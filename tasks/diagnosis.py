"""Diagnosis: what a look at the workspace finds, without hashing its files: each finding with a sentence and what to type."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from tasks.deliveries import raw_note, raw_rows
from tasks.inspection import UNPIN, command, reference_fault, unreadable_manifests
from tasks.lock import at_work
from tasks.orphans import orphans
from tasks.publication import NOTE
from tasks.retention import KeepingConfig
from tasks.self_test import disk_fault
from tasks.storage_faults import needed_bytes
from tasks.workspace import SOURCES, Workspace, read_json

LEFT_DAYS = 2
"""Age from which a file that waits in the inbox is spoken of."""

SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, one sentence, and what to type where something is to be done."""

    subject: str
    level: Literal["ok", "warn", "bad"]
    sentence: str
    next_step: str = ""


def diagnose(workspace: Workspace, keeping: KeepingConfig, now: datetime) -> list[Finding]:
    """Look at everything, in the order in which one would; a look that fails is a finding like the others."""
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: _lock(workspace),
        lambda: _disk(workspace, keeping),
        lambda: _space(workspace),
        lambda: _pointer(workspace),
        lambda: _manifests(workspace),
        lambda: _reference(workspace),
        lambda: _freshness(workspace, keeping, now),
        lambda: _clock(workspace, now),
        lambda: _attempt(workspace),
        lambda: _warehouse(workspace),
        lambda: _raw(workspace),
        lambda: _inbox(workspace, now),
        lambda: _orphans(workspace),
    )
    findings = []
    for look in looks:
        try:
            findings += list(look())
        except OSError as error:
            findings.append(Finding("files", "bad", f"cannot be read: {error}", "check the disk, its mount and the owner of the folder"))
    return findings


def _lock(workspace: Workspace) -> Iterator[Finding]:
    holder = at_work(workspace)
    yield Finding("lock", "ok", f"held by {holder}" if holder else "free")


def _disk(workspace: Workspace, keeping: KeepingConfig) -> Iterator[Finding]:
    try:
        fault = disk_fault(workspace)
    except OSError as error:
        yield Finding("disk", "bad", f"cannot be written to: {error}", "check its owner, its permissions and the free space")
        return
    if fault is None:
        yield Finding("disk", "ok", "can be written to, and locks, links and renames as it should")
    elif keeping.trust_disk:
        yield Finding(
            "disk", "warn", f"does not keep its word ({fault}), and is trusted all the same", "move the workspace to a local disk"
        )
    else:
        yield Finding("disk", "bad", f"does not keep its word: {fault}", "move the workspace to a local disk")


def _space(workspace: Workspace) -> Iterator[Finding]:
    free, needed = shutil.disk_usage(workspace.root).free, needed_bytes(workspace)
    sentence = f"{free / 1e6:,.0f} MB free; a night like the last writes about {needed / 1e6:,.0f} MB"
    level: Literal["ok", "warn", "bad"] = "bad" if free < needed else "warn" if free < 3 * needed else "ok"
    yield Finding("space", level, sentence, command(workspace.root, "gc") if level != "ok" else "")


def _pointer(workspace: Workspace) -> Iterator[Finding]:
    current, published = workspace.current(), workspace.published()
    if current is None and published:
        next_step = command(workspace.root, "rollback", "--to", published[-1]["run_date"])
        yield Finding("pointer", "bad", "current.json, or the manifest it names, is damaged or gone", next_step)
        return
    if current is None:
        yield Finding("pointer", "ok", "nothing is published yet")
        return
    filled = (read_json(workspace.latest_note) or {}).get("run_id")
    files = {name: workspace.latest / f"{name}.parquet" for name in current["tables"]}
    unlike = [name for name, path in files.items() if not path.is_file() or path.stat().st_size != current["tables"][name]["bytes"]]
    if unlike or filled != current["run_id"]:
        next_step = command(workspace.root, "rollback", "--to", current["run_date"])
        names = f" ({', '.join(unlike)})" if unlike else ""
        yield Finding("pointer", "warn", f"latest/ is not what current.json names{names}", next_step)
    else:
        yield Finding("pointer", "ok", f"current.json and latest/ serve {current['run_date']}")


def _manifests(workspace: Workspace) -> Iterator[Finding]:
    damaged = [workspace.relative(path) for path in unreadable_manifests(workspace)]
    missing = [
        table["path"]
        for manifest in workspace.published()
        for table in manifest["tables"].values()
        if not (workspace.root / table["path"]).is_file()
    ]
    for what, names in (("cannot be read", damaged), ("named by a manifest, but gone", missing)):
        if names:
            yield Finding("tables", "bad", f"{what}: {_some(names)}", command(workspace.root, "verify"))
    if not damaged and not missing:
        yield Finding(
            "tables", "ok", f"{len(workspace.published())} dates published, every file in its place (`nightly verify` hashes them)"
        )


def _reference(workspace: Workspace) -> Iterator[Finding]:
    if reference_fault(workspace):
        sentence = "reference.json is damaged: no night is compared with the pinned models, and `gc` removes no models"
        yield Finding("reference", "bad", sentence, UNPIN)


def _freshness(workspace: Workspace, keeping: KeepingConfig, now: datetime) -> Iterator[Finding]:
    current = workspace.current()
    if current is None:
        return
    age = (now.date() - date.fromisoformat(current["run_date"])).days
    stale = age >= keeping.stale_after_days
    next_step = command(workspace.root, "status") + " says which nights are missing" if stale else ""
    yield Finding("freshness", "warn" if stale else "ok", f"what is served is of {current['run_date']}, {age} days ago", next_step)


def _clock(workspace: Workspace, now: datetime) -> Iterator[Finding]:
    times = [str(night[name])[:19] for night in workspace.published() for name in ("published_at", "data_through") if night[name]]
    ahead = max((time for time in times if time > now.isoformat(timespec="seconds")), default="")
    if ahead:
        sentence = f"the clock says {now:%Y-%m-%d %H:%M} UTC, and there are data or nights of {ahead}"
        yield Finding("clock", "warn", sentence, "set the machine's clock right; dates are given by --run-date meanwhile")
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC, after all data and nights")


def _attempt(workspace: Workspace) -> Iterator[Finding]:
    if at_work(workspace):
        return
    half = [path.name for path in sorted(workspace.staging.glob("*")) if (path / NOTE).is_file()]
    entry = read_json(workspace.open_attempt)
    again = command(workspace.root, "run", "--run-date", entry.get("run_date", "DATE")) if entry else command(workspace.root, "run")
    if half:
        yield Finding("attempt", "warn", f"killed while it published ({', '.join(half)}); the next start carries it out to its end", again)
    elif entry:
        yield Finding("attempt", "warn", f"the attempt of {entry.get('started_at')} was killed; its finished steps are kept", again)
    else:
        yield Finding("attempt", "ok", "none was cut off")


def _warehouse(workspace: Workspace) -> Iterator[Finding]:
    size = workspace.warehouse.stat().st_size if workspace.warehouse.is_file() else None
    there = f"{size / 1e6:,.1f} MB" if size is not None else "not there"
    yield Finding("warehouse", "ok", f"{there}; it is a cache that any night makes again from raw/")


def _raw(workspace: Workspace) -> Iterator[Finding]:
    without_rows, without_note = [], []
    for source in SOURCES:
        notes = {path.stem for path in (workspace.raw / source).glob("[!.]*.json")}
        rows = {path.stem for path in (workspace.raw / source).glob("[!.]*.parquet")}
        without_rows += [workspace.relative(raw_note(workspace, source, name)) for name in sorted(notes - rows)]
        without_note += [workspace.relative(raw_rows(workspace, source, name)) for name in sorted(rows - notes)]
    if without_rows:
        next_step = "restore the rows from a backup, or remove the note and deliver the file it names again"
        yield Finding("raw", "bad", f"notes whose rows are gone: {_some(without_rows)}", next_step)
    if without_note:
        sentence = f"rows without a note count for nothing: {_some(without_note)}"
        yield Finding("raw", "warn", sentence, "restore their notes from a backup; after a killed night they come back by themselves")
    if not without_rows and not without_note:
        yield Finding("raw", "ok", "every delivery has its rows and its note")


def _inbox(workspace: Workspace, now: datetime) -> Iterator[Finding]:
    waiting = [path for source in SOURCES for path in workspace.inbox(source).glob("[!.]*") if path.is_file()]
    days = {path: (now - datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)).days for path in waiting}
    left = [f"{workspace.relative(path)} ({days[path]} days)" for path in sorted(waiting) if days[path] >= LEFT_DAYS]
    if left:
        next_step = f"{command(workspace.root, 'status')} says why the last nights did not take them in"
        yield Finding("inbox", "warn", f"left for days: {_some(left)}", next_step)
    else:
        yield Finding("inbox", "ok", f"{len(waiting)} files wait")


def _orphans(workspace: Workspace) -> Iterator[Finding]:
    if at_work(workspace):
        yield Finding("orphans", "ok", "not looked for while a run is at work")
        return
    found = [f"{workspace.relative(orphan.path)} ({orphan.why})" for orphan in orphans(workspace)]
    if found:
        yield Finding("orphans", "warn", f"{len(found)}: {_some(found)}", command(workspace.root, "gc", "--orphans"))
    else:
        yield Finding("orphans", "ok", "none")


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
