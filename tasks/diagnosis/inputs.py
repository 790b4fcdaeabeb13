"""What comes in: deliveries that wait in the inbox, and those that raw/ keeps."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tasks.deliveries import DamagedNoteError, fixed_id_types, raw_note, raw_rows, read_note
from tasks.diagnosis.finding import Finding, Scene, some
from tasks.workspace import SOURCES, Workspace

LEFT_DAYS = 2
"""Age from which a file that waits in the inbox is spoken of."""

WRITTEN_HOURS = 1
"""Age from which nobody is still writing a file that bears the name of an unfinished one."""


def raw(scene: Scene) -> Iterator[Finding]:
    """Find notes and rows that have lost each other, notes that are damaged, and deliveries of the served night that are gone."""
    found = [*_gaps(scene.workspace), *_damaged_notes(scene.workspace), *_gone(scene)]
    yield from found or [Finding("raw", "ok", "every delivery has its rows and its note")]


def _gaps(workspace: Workspace) -> Iterator[Finding]:
    for source in SOURCES:
        notes = {path.stem for path in (workspace.raw / source).glob("[!.]*.json") if path.is_file()}
        rows = {path.stem for path in (workspace.raw / source).glob("[!.]*.parquet") if path.is_file()}
        for name in sorted(notes - rows):
            note = raw_note(workspace, source, name)
            step = (
                f"rm {shlex.quote(str(note))}; after delivering {_name(workspace, source, note)} again, or restore the rows from a backup"
            )
            sentence = f"the rows of {_name(workspace, source, note)} are gone: {workspace.relative(raw_rows(workspace, source, name))}"
            yield Finding("raw", "bad", sentence, step)
        lost = [workspace.relative(raw_rows(workspace, source, name)) for name in sorted(rows - notes)]
        if lost:
            step = "restore their notes from a backup, or deliver the files again; after a killed night they come back by themselves"
            yield Finding("raw", "warn", f"rows without a note count for nothing: {some(lost)}", step)
        empty = [name for name in sorted(notes & rows) if raw_rows(workspace, source, name).stat().st_size == 0]
        for name in empty:
            note, rows_file = raw_note(workspace, source, name), raw_rows(workspace, source, name)
            step = f"rm {shlex.quote(str(note))} {shlex.quote(str(rows_file))}; after delivering {_name(workspace, source, note)} again"
            yield Finding("raw", "bad", f"the rows of {_name(workspace, source, note)} are an empty file", step)


def _name(workspace: Workspace, source: str, note: Path) -> str:
    """Return what the file was called that a note tells of; its note where that does not say."""
    try:
        return read_note(workspace, source, note).name  # type: ignore[arg-type]
    except DamagedNoteError:
        return workspace.relative(note)


def _damaged_notes(workspace: Workspace) -> Iterator[Finding]:
    try:
        fixed_id_types(workspace)
    except DamagedNoteError as damage:
        yield Finding("raw", "bad", f"{damage.where} is damaged, and no night can start", damage.next_step)
    for source in SOURCES:
        for note in sorted((workspace.raw / source).glob("[!.]*.json")):
            try:
                read_note(workspace, source, note)
            except DamagedNoteError as damage:
                yield Finding("raw", "bad", f"{damage.where} is damaged, and no night can start", damage.next_step)


def _gone(scene: Scene) -> Iterator[Finding]:
    """Tell of what the served night was made from and raw/ has neither rows nor note of any more."""
    known = {path.stem for source in SOURCES for path in (scene.workspace.raw / source).glob("[!.]*.*")}
    known |= {path.stem.rpartition("-")[2] for path in (scene.workspace.raw / "set_aside").glob("*.json")}
    inputs = (scene.current or {}).get("inputs", {})
    gone = [f"{file['source']}/{file['name']}" for sha256, file in inputs.items() if sha256 not in known]
    if gone:
        sentence = f"{len(gone)} deliveries that the night of {scene.current['run_date']} was made from are gone: {some(gone)}"  # type: ignore[index]
        yield Finding("raw", "bad", sentence, "restore raw/ from a backup; or deliver these files again")


def inbox(scene: Scene) -> Iterator[Finding]:
    """Find what keeps the files in the inbox from being taken in."""
    at = scene.workspace
    absent = [folder for folder in map(at.inbox, SOURCES) if not folder.exists()]
    if absent:
        step = f"mkdir -p {' '.join(shlex.quote(str(folder)) for folder in absent)}"
        yield Finding("inbox", "warn", f"{some([at.relative(folder) for folder in absent])} is not there: nothing can be delivered", step)
    files = [path for folder in map(at.inbox, SOURCES) for path in sorted(folder.glob("[!.]*")) if path.is_file()]
    closed = [path for path in files if not os.access(path, os.R_OK)]
    if closed:
        step = (
            f"sudo chmod a+r {' '.join(shlex.quote(str(path)) for path in closed[:3])}; and ask the producer to deliver files we may read"
        )
        yield Finding("inbox", "bad", f"may not be read by this user: {some([at.relative(path) for path in closed])}", step)
    hours = {path: (scene.now - _changed(path)).total_seconds() / 3600 for path in files}
    half = {path: why for path in files if (why := scene.unfinished.get(at.relative(path)))}
    for path in (path for path in half if hours[path] >= WRITTEN_HOURS):
        step = f"rm {shlex.quote(str(path))}; or have its producer finish it"
        yield Finding("inbox", "warn", f"{at.relative(path)}: {half[path]}, and nobody wrote to it for {hours[path]:.0f} hours", step)
    left = [f"{at.relative(path)} ({hours[path] / 24:.0f} days)" for path in files if path not in half and hours[path] >= 24 * LEFT_DAYS]
    if left:
        step = f"{scene.command('status')}; it says why the last nights did not take them in"
        yield Finding("inbox", "warn", f"left for days: {some(left)}", step)
    if not (absent or closed or left or any(hours[path] >= WRITTEN_HOURS for path in half)):
        writing = f", {len(half)} of them still being written" if half else ""
        yield Finding("inbox", "ok", f"{len(files)} files wait{writing}")


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
