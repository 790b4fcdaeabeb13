"""Plan: say what a verb that writes would read, write, replace, delete and cost, before anything is begun.

What the verb itself would refuse is refused here, in the same words. Nothing is written, and nobody is waited for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from flows.attempt import Options, nothing_to_do, require_date
from flows.backfill import dates_from
from flows.console import say
from flows.gc import going
from flows.identity import identify
from flows.nightly import plans
from flows.plan_lines import change_lines, night_lines
from flows.rollback import destination
from flows.settings import Settings
from tasks.adopt import require_set
from tasks.ingest.delivery import delivered_again
from tasks.inspection import command
from tasks.memory import offered
from tasks.plan import Plan, only, plan
from tasks.preview import LIGHT_BYTES, Changes, early_changes, gc_changes, import_changes, in_the_way, night_changes, rollback_changes
from tasks.refusals import StorageError, UsageError, spelled_out
from tasks.workspace import Workspace

Flow = Literal["night", "refresh", "retrain", "republish"]

NIGHT = "night"
"""What a whole night is called in its identity."""

TAKING_IN = ("ingest", "stage", "validate", "keep")

STEPS: dict[Flow, tuple[str, ...]] = {
    "refresh": TAKING_IN,
    "retrain": (*TAKING_IN, "prepare", "train", "blend", "evaluate", "gate", "refit"),
    "republish": (*TAKING_IN, "prepare", "score", "derive", "check", "publish"),
}
"""The steps of the flows that are shorter than a night."""

PUBLISHES = ("night", "republish")

SENTENCES: dict[Flow, str] = {
    "night": "publishes {day}, if what is delivered, the models and the tables pass every check",
    "refresh": "takes in what waits, if it is found fit; trains and publishes nothing",
    "retrain": "trains and judges models, and keeps them if they pass; publishes nothing",
    "republish": "publishes {day} with the models {version}, which nobody judges again",
}


@dataclass(frozen=True)
class Preview:
    """What a verb would do: one sentence, what it touches, and about what it costs; `night` is told of nights alone."""

    verb: str
    outcome: str
    changes: Changes
    seconds: float | None
    peak_bytes: int | None
    notes: Sequence[str]
    next_step: str
    night: Plan | None = None
    is_early: bool = False
    """Whether the night would find nothing to do."""

    @property
    def exit_code(self) -> int:
        """Return 6 where it does not fit into memory."""
        return StorageError.exit_code if self.night and self.night.too_large else 0


def preview_night(
    root: Path,
    run_date: date | None,
    settings: Settings,
    at: datetime,
    options: Options | None = None,
    flow: Flow = "night",
    version: str = "",
) -> Preview:
    """Look at what a night, or a flow that is shorter, would do. Raises what that would raise before its first step."""
    workspace, options = Workspace(root.resolve()), options or Options()
    day = run_date or at.date()
    typed = command(workspace.root, "run", "--run-date", day)
    if flow == "republish":
        require_set(workspace, version)
    made = plan(workspace, day, at, settings.source, plans(settings), offered(settings.compute))
    night = identify(workspace, day, settings, f"{NIGHT if flow == 'night' else flow} {version}".strip(), at)
    require_date(workspace, day, at, typed)
    early = nothing_to_do(night, settings, options, typed) if flow in PUBLISHES else None
    notes = [*in_the_way(workspace), *_refused_files(made, settings)]
    verb, to_do = ("run", typed) if flow == "night" else (flow, f"prefect deployment run {flow}/{flow} --param run_date={day}")
    if early is not None:
        again = delivered_again(workspace) if early.ending == "unchanged" else ()
        nothing = replace(made, steps=(), too_large=None)
        outcome = f"ends `{early.ending}`: {early.reason}"
        return Preview(verb, outcome, early_changes(again, workspace), 0.0, LIGHT_BYTES, notes, to_do, nothing, is_early=True)
    if flow in STEPS:
        made = only(made, STEPS[flow], is_refused=flow == "retrain")
    changes = night_changes(workspace, str(day), made.waiting, keeps_models=flow in ("night", "retrain"), publishes=flow in PUBLISHES)
    outcome = SENTENCES[flow].format(day=day, version=version)
    return Preview(verb, outcome, changes, made.seconds, made.peak_bytes, notes, to_do, made)


def _refused_files(made: Plan, settings: Settings) -> list[str]:
    unreadable = [f"{file.source}/{file.name}" for file in made.waiting if file.rows is None]
    ending = "set aside" if settings.source.on_bad_file == "set_aside" else "the end of it, with exit 3"
    told = [f"cannot be read, which would be {ending}: {', '.join(unreadable)}"] if unreadable else []
    return told if made.events or unreadable else ["no interactions were ever delivered, which would be the end of it, with exit 3"]


def preview_rollback(root: Path, to: date) -> Preview:
    """Look at what serving an earlier date again would do; raises what `nightly rollback` raises."""
    workspace = _workspace(root)
    night = destination(workspace, to)
    changes, before = rollback_changes(workspace, night), workspace.current()
    outcome = f"serves {to} (run {night['run_id']}); now: {before['run_date'] if before else 'nothing that can be read'}"
    return _light("rollback", outcome, changes, workspace, "--to", to)


def preview_gc(root: Path, at: datetime, *, with_orphans: bool) -> Preview:
    """Look at what a collection would remove; raises what `nightly gc` raises."""
    workspace = _workspace(root)
    found = going(workspace, at, with_orphans=with_orphans)
    outcome = f"frees {sum(size for _, size in found) / 1e6:,.1f} MB, {len(found)} things"
    return _light("gc", outcome, gc_changes(workspace, found), workspace, *(["--orphans"] if with_orphans else []))


def preview_import(root: Path, path: Path) -> Preview:
    """Look at what importing a MovieLens data set would do; raises LayoutError for anything else."""
    workspace = _workspace(root)
    layout, changes = import_changes(workspace, path)
    found = _light("import movielens", f"brings the MovieLens data set (layout {layout}) into the inbox", changes, workspace)
    # Ratings are parsed, which bytes alone do not time.
    return replace(found, seconds=None, peak_bytes=None, next_step=command(workspace.root, "import movielens", path))


def _workspace(root: Path) -> Workspace:
    workspace = Workspace(root.resolve())
    workspace.require()
    return workspace


def _light(verb: str, outcome: str, changes: Changes, workspace: Workspace, *arguments: Any) -> Preview:
    typed = command(workspace.root, verb, *arguments)
    return Preview(verb, outcome, changes, changes.seconds, LIGHT_BYTES, in_the_way(workspace), typed)


def show_preview(found: Preview, as_json: bool) -> int:
    """Print what a verb would do; returns 6 where it would not fit into memory."""
    if as_json:
        say(json.dumps(told(found), sort_keys=True, default=str))
    elif found.night:
        for line in night_lines(found.night, found.outcome, found.changes, found.notes, is_early=found.is_early):
            say(spelled_out(line))
    else:
        for line in change_lines(found.verb, found.outcome, found.changes, found.notes, found.seconds, found.peak_bytes):
            say(spelled_out(line))
        say(f"to do it: {found.next_step}")
    return found.exit_code


def told(found: Preview) -> dict[str, Any]:
    """Return a preview as --json tells it; of nights with all that is expected of their steps."""
    common = {"verb": found.verb, "outcome": found.outcome, "notes": list(found.notes), "command": found.next_step, **asdict(found.changes)}
    made = found.night
    if made is None:
        return common | {"seconds": found.seconds, "peak_bytes": found.peak_bytes}
    more = asdict(made) | {"memory": made.memory._asdict(), "too_large": made.too_large._asdict() if made.too_large else None}
    more |= {"sizes": made.sizes.model_dump() if made.sizes else None}
    more |= {"fits": None if made.peak_bytes is None else made.too_large is None, "verdict": made.verdict}
    return common | more | {"seconds": found.seconds, "peak_bytes": found.peak_bytes}


def show_backfill(root: Path, first: date, last: date, settings: Settings, at: datetime, options: Options, as_json: bool) -> int:
    """Print what each night of a range would do; returns the exit code of the first that would be refused.

    What waits in the inbox is taken in by the first of them; what a night changes for those after it nobody knows before.
    """
    found: list[dict[str, Any]] = []
    for day in dates_from(first, last):
        try:
            night = preview_night(root, day, settings, at, options)
            found.append({"run_date": str(day), "outcome": night.outcome, "seconds": night.seconds, "exit_code": night.exit_code})
        except UsageError as refusal:
            found.append({"run_date": str(day), "outcome": f"refused: {refusal}", "seconds": 0.0, "exit_code": refusal.exit_code})
    seconds = None if any(night["seconds"] is None for night in found) else round(sum(night["seconds"] for night in found), 1)
    notes = in_the_way(Workspace(root.resolve()))
    typed = command(root.resolve(), "backfill", "--from", first, "--to", last)
    if as_json:
        whole = {"verb": "backfill", "nights": found, "seconds": seconds, "notes": notes, "command": typed}
        say(json.dumps(whole, sort_keys=True, default=str))
    else:
        for each in found:
            say(spelled_out(f"{each['run_date']}  {each['outcome']}"))
        say(f"{len(found)} nights, {'at an unknown cost' if seconds is None else f'about {seconds:,.0f} s in all'}")
        for note in notes:
            say(spelled_out(f"  {note}"))
        say(f"to do it: {typed}")
    return next((night["exit_code"] for night in found if night["exit_code"]), 0)
