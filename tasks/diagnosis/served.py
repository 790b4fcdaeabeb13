"""What is served: the pointer, the tables it leads to, the models behind them, how old all that is, and what is told of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import date
from typing import Any

from tasks.calendar import nights, stretches
from tasks.diagnosis.finding import SHOWN, Finding, Scene, some
from tasks.inspection import UNPIN, dates_of_runs, reference_fault, unreadable_manifests
from tasks.workspace import read_json

AHEAD_DAYS = 1
"""How far a date may lie ahead of the clock: somewhere on earth it has begun."""


def pointer(scene: Scene) -> Iterator[Finding]:
    """Follow current.json to its manifest, and compare the sizes in latest/ with what that says."""
    at, current = scene.workspace, scene.current
    if current is None:
        yield from _lost_pointer(scene)
        return
    filled = (read_json(at.latest_note) or {}).get("run_id")
    files = {name: at.latest / f"{name}.parquet" for name in current["tables"]}
    unlike = [name for name, path in files.items() if not path.is_file() or path.stat().st_size != current["tables"][name]["bytes"]]
    if unlike or filled != current["run_id"]:
        names = f" ({some(unlike)})" if unlike else ""
        step = f"{scene.command('rollback', '--to', current['run_date'])}; it fills latest/ again"
        yield Finding("pointer", "warn", f"latest/ is not what current.json names{names}", step)
    else:
        yield Finding("pointer", "ok", f"current.json and latest/ serve {current['run_date']}")


def _lost_pointer(scene: Scene) -> Iterator[Finding]:
    at = scene.workspace
    named = str((read_json(at.pointer) or {}).get("run_id"))
    if at.manifest_file(named) in unreadable_manifests(at):
        yield Finding("pointer", "bad", f"current.json names manifests/{named}.json, which is damaged", _remake(scene, named))
    elif scene.published:
        step = f"{scene.command('rollback', '--to', scene.published[-1]['run_date'])}; or any run: it points where the pointer was last"
        yield Finding("pointer", "bad", "current.json, or the manifest it names, is damaged or gone", step)
    elif at.pointer.exists() or any(at.tables.glob("*/*/*")):
        step = f"restore manifests/ from a backup; or make every date again: {scene.command('backfill', '--from', 'DATE', '--to', 'DATE')}"
        yield Finding("pointer", "bad", "there are tables, and no manifest that can be read tells of them", step)
    else:
        yield Finding("pointer", "ok", "nothing is published yet")


def _remake(scene: Scene, run_id: str) -> str:
    """Return what makes the night again whose manifest is damaged."""
    at = scene.workspace
    pointed = read_json(at.pointer) or {}
    day = dates_of_runs(at).get(run_id) or (str(pointed.get("run_date")) if pointed.get("run_id") == run_id else "DATE")
    file = shlex.quote(str(at.manifest_file(run_id)))
    return f"rm {file} && {scene.command('run', '--run-date', day)}; or restore it from a backup"


def tables(scene: Scene) -> Iterator[Finding]:
    """Find manifests that cannot be read, and served files that are missing or of another size."""
    damaged = unreadable_manifests(scene.workspace)
    for path in damaged[:SHOWN]:
        yield Finding("tables", "bad", f"{scene.workspace.relative(path)} cannot be read", _remake(scene, path.stem))
    unlike = {night["run_date"]: files for night in scene.published if (files := _unlike(scene, night))}
    for day, files in list(unlike.items())[:SHOWN]:
        step = f"{scene.command('run', '--run-date', day)}; it finds the damage and makes the same bytes again"
        yield Finding("tables", "bad", f"missing, or not of the size its manifest says: {some(files)}", step)
    if max(len(damaged), len(unlike)) > SHOWN:
        step = f"{scene.command('verify')}; so many at once may be a disk that dies: copy the workspace elsewhere first"
        yield Finding("tables", "bad", f"{len(damaged)} manifests and the tables of {len(unlike)} dates are damaged in all", step)
    if not damaged and not unlike:
        looked = "every byte is compared below" if scene.hashes else "only sizes were compared; with --hashes every byte is"
        yield Finding(
            "tables",
            "ok",
            f"{len(scene.published)} date{'' if len(scene.published) == 1 else 's'} published, every file in its place ({looked})",
        )


def _unlike(scene: Scene, night: dict[str, Any]) -> list[str]:
    files = {str(table["path"]): scene.workspace.root / table["path"] for table in night["tables"].values()}
    sizes = {str(table["path"]): table["bytes"] for table in night["tables"].values()}
    return [name for name, path in files.items() if not path.is_file() or path.stat().st_size != sizes[name]]


def reference(scene: Scene) -> Iterator[Finding]:
    """Find out whether the models that slow rot is measured against are still there."""
    at = scene.workspace
    pinned = str((read_json(at.reference) or {}).get("model_version"))
    if reference_fault(at):
        sentence = "reference.json is damaged: no night is compared with the pinned models, and `gc` removes no models"
        yield Finding("reference", "bad", sentence, UNPIN)
    elif at.reference.exists() and not (at.models / pinned / "card.json").is_file():
        step = (
            f"rm {shlex.quote(str(at.reference))}; the next published night pins its own models; or restore models/{pinned} from a backup"
        )
        yield Finding("reference", "warn", f"the models that reference.json names are gone: models/{pinned}", step)


def models(scene: Scene) -> Iterator[Finding]:
    """Find out whether the models of the served night are there; its tables do without them, the next night starts cold."""
    version = scene.current["model_version"] if scene.current else None
    if version and not isinstance(read_json(scene.workspace.models / version / "card.json"), dict):
        step = f"{scene.command('run')}; the next published night keeps its own models; or restore models/{version} from a backup"
        sentence = f"models/{version}, of the served night, is gone or damaged: the next night starts cold and is compared with none"
        yield Finding("models", "warn", sentence, step)


def freshness(scene: Scene) -> Iterator[Finding]:
    """Say how old the served date is, and how the last attempt at a later one ended."""
    current, today = scene.current, scene.now.date()
    if current is None:
        return
    age = (today - date.fromisoformat(current["run_date"])).days
    if age < -AHEAD_DAYS:
        come = [night["run_date"] for night in scene.published if night["run_date"] <= str(today)]
        step = f"{scene.command('rollback', '--to', come[-1] if come else 'DATE')}; or set the clock right"
        yield Finding("freshness", "warn", f"what is served is of {current['run_date']}, a date to come", step)
    elif age < scene.keeping.stale_after_days:
        yield Finding("freshness", "ok", f"what is served is of {current['run_date']}, {age} days ago")
    else:
        last: dict[str, Any] = next((entry for entry in reversed(scene.workspace.attempts()) if entry.get("exit_code")), {})
        later = str(last.get("run_date", "")) > current["run_date"]
        why = f"; the last attempt, at {last['run_date']}, ended {last.get('ending')}: {last.get('reason')}" if later else ""
        step = f"{scene.command('run')}; and see why no schedule did so: docs/operations.md#scheduling"
        yield Finding("freshness", "warn", f"what is served is of {current['run_date']}, {age} days ago{why}", step)


def missed_nights(scene: Scene) -> Iterator[Finding]:
    """Find the dates of the last four weeks for which nothing was tried."""
    missed = [day for day, word in nights(scene.workspace, scene.now.date()).items() if word == "missed"]
    for first, last in stretches(missed):
        told = str(first) if first == last else f"{first} to {last}"
        yield Finding("nights", "warn", f"missed: {told}", scene.command("backfill", "--from", first, "--to", last))
    if not missed:
        yield Finding("nights", "ok", "none of the last four weeks was missed")


def record(scene: Scene) -> Iterator[Finding]:
    """Find out whether the record of attempts can be read; without it nobody knows what a night costs."""
    at = scene.workspace
    lines = at.runs.read_text(errors="replace").splitlines() if at.runs.is_file() else []
    readable = len(at.attempts())
    if scene.published and not readable:
        step = "restore runs.jsonl from a backup; or nothing: the next night begins a new record"
        yield Finding("record", "warn", "runs.jsonl is gone, empty or damaged: how earlier nights went, and what they cost, is lost", step)
    else:
        # A crash may tear a line, and an attempt that was stopped while it published has two.
        yield Finding("record", "ok", f"{readable} attempts in {len(lines)} lines of runs.jsonl")


def reports(scene: Scene) -> Iterator[Finding]:
    """Find published dates whose page is gone; where its story is kept it can be written again."""
    at = scene.workspace
    folders = {night["run_date"]: at.report(date.fromisoformat(night["run_date"])) for night in scene.published}
    gone = [day for day, folder in folders.items() if not (folder / "index.html").is_file()]
    again = [day for day in gone if (folders[day] / "story.json").is_file()]
    for day in again[:SHOWN]:
        yield Finding("reports", "warn", f"the page of {day} is gone", scene.command("report", "--date", day))
    if not again:
        lost = f"; those of {some(gone)} are gone and nobody needs them but readers" if gone else ""
        yield Finding("reports", "ok", f"{len(folders) - len(gone)} pages of published dates{lost}")
