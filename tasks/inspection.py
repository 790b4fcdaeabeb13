"""Inspection: hash every file that is served or needed, and say of each damaged one what to type."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.deliveries import DamagedNoteError, fixed_id_types, id_types_file, raw_rows, read_note
from tasks.intact import Fault, fault_of
from tasks.model_set import set_fault
from tasks.workspace import SOURCES, Workspace, read_json

UNPIN = "restore it from a backup, or remove it: the next published night pins its own models"
"""What to do about a damaged reference.json."""


@dataclass(frozen=True)
class Damage:
    """A file that is not what was written down, and what to do about it."""

    file: str
    expected: str
    found: str
    next_step: str


@dataclass(frozen=True)
class Examination:
    """One file, or set of files, that can be examined; `bytes` is what this will read."""

    what: str
    bytes: int
    fault: Callable[[], Fault | None]
    next_step: str


def examinations(workspace: Workspace) -> list[Examination]:
    """List everything that is to be examined: small files first, then tables, latest/, models and raw deliveries."""
    return [
        *_small_files(workspace),
        *_tables(workspace),
        *_latest(workspace),
        *_models(workspace),
        *_deliveries(workspace),
    ]


def damage(examination: Examination) -> Damage | None:
    """Examine one file; None where it is what it should be."""
    fault = examination.fault()
    return Damage(fault.file, fault.expected, fault.found, examination.next_step) if fault else None


def unreadable_manifests(workspace: Workspace) -> list[Path]:
    """Return the manifests that cannot be read; what they name looks as if nobody needed it."""
    return [path for path in sorted(workspace.manifests.glob("[!.]*.json")) if workspace.manifest(path.stem) is None]


def dates_of_runs(workspace: Workspace) -> dict[str, str]:
    """Return the date of each run that was attempted, as the record tells: what a damaged manifest no longer says."""
    return {str(attempt.get("run_id")): str(attempt.get("run_date")) for attempt in workspace.attempts()}


def _small_files(workspace: Workspace) -> Iterator[Examination]:
    published = workspace.published()
    if workspace.pointer.exists() or published:
        last = published[-1]["run_date"] if published else "DATE"
        rollback = f"{_nightly(workspace, 'rollback')} --to {last}; any run mends it too"
        yield Examination("current.json", _size(workspace.pointer), lambda: _pointer_fault(workspace), rollback)
    dates = dates_of_runs(workspace)
    for path in unreadable_manifests(workspace):
        fault = Fault(workspace.relative(path), "a manifest that can be read", "a damaged one")
        again = f"restore it from a backup, or remove it and type: {_nightly(workspace, 'run')} --run-date {dates.get(path.stem, 'DATE')}"
        yield Examination(fault.file, 0, lambda fault=fault: fault, again)  # type: ignore[misc]
    if workspace.reference.exists():
        yield Examination("reference.json", _size(workspace.reference), lambda: reference_fault(workspace), UNPIN)


def reference_fault(workspace: Workspace) -> Fault | None:
    """Return what is wrong with the file that names the pinned models; None also where nothing is pinned."""
    if not workspace.reference.exists():
        return None
    pinned = read_json(workspace.reference) or {}
    if isinstance(pinned.get("model_version"), str) and isinstance(pinned.get("data_through", 0), str | None):
        return None
    return Fault("reference.json", "a file that names the pinned models", "a damaged one")


def _pointer_fault(workspace: Workspace) -> Fault | None:
    if workspace.current() is not None:
        return None
    found = "no file" if not workspace.pointer.exists() else "a damaged file, or one that names a manifest that is damaged or gone"
    return Fault("current.json", "a pointer to a manifest", found)


def _tables(workspace: Workspace) -> Iterator[Examination]:
    for manifest in workspace.published():
        next_step = f"{_nightly(workspace, 'run')} --run-date {manifest['run_date']}; it finds the damage and makes the same bytes again"
        for table in manifest["tables"].values():
            yield _file(workspace, workspace.root / table["path"], table["sha256"], next_step)


def _latest(workspace: Workspace) -> Iterator[Examination]:
    current = workspace.current()
    for name, table in current["tables"].items() if current else ():
        next_step = f"{_nightly(workspace, 'rollback')} --to {current['run_date']}; it copies the served tables to latest/ again"  # type: ignore[index]
        yield _file(workspace, workspace.latest / f"{name}.parquet", table["sha256"], next_step)


def _models(workspace: Workspace) -> Iterator[Examination]:
    made_with: dict[str, list[str]] = {}
    for manifest in workspace.published():
        made_with.setdefault(manifest["model_version"], []).append(manifest["run_date"])
    pinned = str((read_json(workspace.reference) or {}).get("model_version"))
    present = {path.name for path in workspace.models.glob("*") if path.is_dir()}
    half_made = {version for version in present if not (workspace.models / version / "card.json").exists()}  # an orphan, no damage
    for version in sorted((present - half_made) | made_with.keys() | ({pinned} - {"None"})):
        needs = [f"made with it: {', '.join(made_with[version])} (their tables do not need it any more)"] if version in made_with else []
        needs += ["reference.json names it: remove that file to pin the next published set"] if version == pinned else []
        next_step = f"restore models/{version} from a backup, or do without it; {'; '.join(needs) or 'no published date was made with it'}"
        size = sum(_size(path) for path in (workspace.models / version).rglob("*"))
        yield Examination(f"models/{version}", size, lambda version=version: set_fault(workspace, version), next_step)  # type: ignore[misc]


def _deliveries(workspace: Workspace) -> Iterator[Examination]:
    if id_types_file(workspace).exists():
        yield _read(workspace, id_types_file(workspace), lambda: fixed_id_types(workspace))
    for source in SOURCES:
        for path in sorted((workspace.raw / source).glob("[!.]*.json")):
            yield _read(workspace, path, lambda source=source, path=path: read_note(workspace, source, path))  # type: ignore[misc]
            rows, note = raw_rows(workspace, source, path.stem), read_json(path) or {}
            if "sha256" in note:
                again = f"restore it from a backup, or remove it with its .json and deliver {note.get('name')} again"
                yield _file(workspace, rows, note["sha256"], again)


def _read(workspace: Workspace, path: Path, read: Callable[[], object]) -> Examination:
    """Examine a small file by reading it the way a night would."""
    try:
        read()
    except DamagedNoteError as damage:
        fault = Fault(damage.where, damage.expected, damage.found)
        return Examination(fault.file, _size(path), lambda: fault, damage.next_step)
    return Examination(workspace.relative(path), _size(path), lambda: None, "")


def _file(workspace: Workspace, path: Path, sha256: str, next_step: str) -> Examination:
    return Examination(workspace.relative(path), _size(path), lambda: fault_of(workspace, path, sha256), next_step)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _nightly(workspace: Workspace, verb: str) -> str:
    return command(workspace.root, verb)


def command(root: Path, verb: str, *arguments: Any) -> str:
    """Return a command as it is to be typed, wherever and by whom."""
    return " ".join(["nightly", verb, "--workspace", shlex.quote(str(root)), *(str(argument) for argument in arguments)])
