"""One attempt at a night: the lock, what identifies the run, how it ends and what is recorded of it."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from flows.afterwards import afterwards
from flows.clock import now
from flows.identity import differences, identify
from flows.pulling import pull_if_due
from flows.settings import Settings
from tasks.ingest.delivery import delivered_again
from tasks.intact import faults_of
from tasks.lock import locked
from tasks.night import Night, Receipt, Runner, plain, step_records
from tasks.prepare import Prepared
from tasks.publication import Publication, close
from tasks.publish import attempt_entry
from tasks.recovery import recover
from tasks.refusals import NightError, UsageError, WarehouseDamagedError
from tasks.self_test import require_fit
from tasks.storage import append_line, canonical_json, remove, write_json
from tasks.storage_faults import named_faults
from tasks.workspace import Workspace, is_whole, read_json

log = logging.getLogger("nightly")


class Options(BaseModel, frozen=True, extra="forbid"):
    """What can be asked of one run; none of it changes what equal inputs give."""

    replace: bool = False
    """Replace the tables of a date that is published already and would change."""

    if_new: bool = False
    """End `skipped` when nothing new was delivered since the last published night."""

    allow_volume: bool = False
    """Accept a delivery far smaller or larger than usual."""

    wait: bool = False
    """Wait for another run to end instead of ending at once."""


class Ending(BaseModel, frozen=True, extra="forbid"):
    """How an attempt ended: one of the five words, the exit code and what there is to tell."""

    ending: str
    exit_code: int
    run_date: date
    run_id: str | None = None
    reason: str = ""
    next_step: str = ""
    model_version: str | None = None
    rows: dict[str, int] = {}
    ndcg: dict[str, float | None] = {}
    k: int | None = None
    report: str | None = None
    seconds: float = Field(0.0, ge=0)


@dataclass
class _Told:
    """Carries out steps with the given runner and remembers their receipts for the report."""

    runner: Runner
    receipts: dict[str, Receipt] = field(default_factory=dict)

    def __call__(self, step: Callable[..., Any], night: Night, *inputs: Any) -> Any:
        receipt = self.runner(step, night, *inputs)
        self.receipts[step.__name__] = receipt
        return receipt


Composition = Callable[[Night, Settings, Options, Runner], None]
"""Puts steps in order; its name is part of the run's identity."""


def attempted(
    compose: Composition,
    root: Path,
    run_date: date | None,
    settings: Settings,
    options: Options,
    runner: Runner = plain,
    *,
    command: str = "",
    publishes: bool = True,
    detail: str = "",
) -> Ending:
    """Carry out a composition of steps under the workspace's lock, after finishing what a killed run had decided.

    Foreseen refusals become endings. What is unforeseen, and signals, are recorded and raised again. Raises LockHeldError, StorageError
    and UsageError before anything is touched.
    """
    started_at = now()
    workspace = Workspace(root.resolve())
    workspace.require()
    day = run_date or started_at.date()
    with locked(workspace, f"{compose.__name__} for {day}", started_at, wait=options.wait), named_faults(workspace):
        require_fit(workspace, trusted=settings.keeping.trust_disk)
        finished = recover(workspace, started_at)
        _close_killed_attempt(workspace)
        not_pulled = pull_if_due(workspace, day, settings, started_at, again=options.replace or not publishes)
        night = identify(workspace, day, settings, f"{compose.__name__} {detail}".strip(), started_at)
        again = command or _again(night)
        require_date(workspace, day, started_at, again)
        early = nothing_to_do(night, settings, options, again) if publishes and not_pulled is None else None
        if early is not None:
            if early.ending == "unchanged":
                for path in delivered_again(workspace):
                    remove(path)
            early = _as_finished(early, finished)
            append_line(workspace.runs, canonical_json(attempt_entry(night, early.ending, early.exit_code, early.reason)))
            if early.ending == "published":
                afterwards(night, early, settings)  # the attempt that was killed while publishing had not come to this
            if early.ending == "unchanged":
                _sweep(night)
                close(night.staging)  # an attempt killed after it was recorded leaves what it had staged
            return early
        _sweep(night)
        write_json(workspace.open_attempt, attempt_entry(night, "failed", 1, "killed, or the machine stopped"))
        told = _Told(runner)
        ending = Ending(ending="failed", exit_code=1, run_date=day, run_id=night.run_id, reason="unexpected error; see the log")
        try:
            with named_faults(workspace):
                if not_pulled is not None:
                    raise not_pulled
                _composed(compose, night, settings, options, told)
            ending = _success(night, told, publishes)
        except NightError as refusal:
            ending = _refused(night, refusal)
        except KeyboardInterrupt:
            ending = ending.model_copy(update={"exit_code": 130, "reason": "interrupted"})
            raise
        except SystemExit as stop:
            ending = ending.model_copy(update={"exit_code": int(stop.code or 143), "reason": "terminated"})
            raise
        finally:
            ending = _record(night, told, ending, command)
            afterwards(night, ending, settings)
        # What could not be recorded is recorded by the next start, from the note that stays.
        if ending.exit_code == 0 and not workspace.open_attempt.is_file():
            close(night.staging)
        return ending


def require_date(workspace: Workspace, day: date, started_at: datetime, again: str) -> None:
    """Raise UsageError for a date that neither the clock nor the data have come to: published, it would hide all nights before it."""
    known = [night["data_through"][:10] for night in workspace.published() if night["data_through"]]
    latest = max([started_at.date(), *map(date.fromisoformat, known)]) + timedelta(days=1)
    if day > latest and known:
        found = f"a night {(day - started_at.date()).days} days after today, {started_at:%Y-%m-%d} by this machine's clock"
        raise UsageError(str(day), f"a date up to {latest}", found, f"correct the date of: {again}; or set the clock right")


def _composed(compose: Composition, night: Night, settings: Settings, options: Options, told: _Told) -> None:
    """Carry the steps out; where the warehouse turns out damaged, once more with a new one: steps that need nothing of it stand."""
    try:
        compose(night, settings, options, told)
    except WarehouseDamagedError as damage:
        log.warning("%s", damage)
        compose(night, settings, options, told)


def _as_finished(early: Ending, finished: list[Publication]) -> Ending:
    """Call a night published that an earlier attempt had decided to publish and this one carried out to its end."""
    for publication in finished:
        if publication.manifest["run_id"] == early.run_id:
            reason = f"attempt {publication.attempt['attempt_id']} was killed while publishing; this one carried it out to its end"
            return early.model_copy(update={"ending": "published", "reason": reason})
    return early


def nothing_to_do(night: Night, settings: Settings, options: Options, again: str) -> Ending | None:
    """Recognise a night that is published already, or has nothing new; touches nothing.

    Raises UsageError for a date that would change unasked.
    """
    known = Ending(ending="unchanged", exit_code=0, run_date=night.run_date, run_id=night.run_id)
    served = next(iter(night.workspace.manifests_of(str(night.run_date))), None)
    is_same = served is not None and served["inputs_id"] == night.inputs_id
    if served is not None and is_same:
        damaged = list(faults_of(night.workspace, served))
        if not damaged:
            rows = {name: table["rows"] for name, table in served["tables"].items()}
            reason = "the same inputs, settings and code are published for this date already"
            return known.model_copy(
                update={"run_id": served["run_id"], "reason": reason, "rows": rows, "model_version": served["model_version"]}
            )
        log.warning("%s of %s is made again: %s", damaged[0].file, night.run_date, damaged[0].found)
        return None
    current = night.workspace.current()
    if options.if_new and current is not None and night.origin["inputs"].keys() <= current.get("inputs", {}).keys():
        return known.model_copy(update={"ending": "skipped", "reason": "nothing new was delivered"})
    if served is not None and not options.replace:
        found = f"run {served['run_id']}, which would change: {'; '.join(differences(night, served, settings))}"
        next_step = f"{again} --replace, if the served tables shall change"
        raise UsageError(str(night.run_date), "a date that is not published yet, or the same inputs", found, next_step)
    return None


def _again(night: Night) -> str:
    return f"nightly run --workspace {shlex.quote(str(night.workspace.root))} --run-date {night.run_date}"


def _sweep(night: Night) -> None:
    """Remove what other runs left staged; this run's own receipts stay, it resumes from them."""
    if night.workspace.staging.is_dir():
        for path in night.workspace.staging.iterdir():
            if path != night.staging:
                remove(path)


def _close_killed_attempt(workspace: Workspace) -> None:
    """Record an attempt that never came to its end: nobody else can, and status must tell the truth."""
    entry = read_json(workspace.open_attempt)
    if entry is not None and is_whole(entry):
        log.warning("the attempt of %s was killed (memory? a shutdown?); its finished steps are kept", entry["started_at"])
        append_line(workspace.runs, canonical_json(entry))
    remove(workspace.open_attempt)


def _success(night: Night, told: _Told, publishes: bool) -> Ending:
    known = {"exit_code": 0, "run_date": night.run_date, "run_id": night.run_id}
    if not publishes:
        return Ending(ending="unchanged", reason="done; nothing is published by this flow", **known)
    published, evaluated, gated = (told.receipts.get(name) for name in ("publish", "evaluate", "gate"))
    ladder = {rung.ranking: rung.ndcg.value for rung in evaluated.ladder} if evaluated else {}  # type: ignore[attr-defined]
    return Ending(
        ending="published",
        reason=gated.reason if gated else "",  # type: ignore[attr-defined]
        model_version=published.model_version,  # type: ignore[union-attr]
        rows=published.rows,  # type: ignore[union-attr]
        ndcg=ladder,
        k=evaluated.k if evaluated else None,  # type: ignore[attr-defined]
        **known,
    )


def _refused(night: Night, refusal: NightError) -> Ending:
    log.error("%s", refusal)
    return Ending(
        ending=refusal.ending,
        exit_code=refusal.exit_code,
        run_date=night.run_date,
        run_id=night.run_id,
        reason=f"{refusal.where}: expected {refusal.expected}; found {refusal.found}",
        # Whoever reads this may sit in another folder, on another day.
        next_step=refusal.next_step.replace("nightly run ", f"{_again(night)} "),
    )


def _course(night: Night, told: _Told) -> dict[str, Any]:
    """Return how the steps went and on what sizes: what `nightly plan` expects the next night to be like."""
    prepared = told.receipts.get("prepare")
    steps = [{name: getattr(record, name) for name in ("step", "seconds", "peak_bytes", "rows", "bytes")} for record in step_records(night)]
    return {"steps": steps, "sizes": prepared.sizes.model_dump() if isinstance(prepared, Prepared) else None}


def _record(night: Night, told: _Told, ending: Ending, command: str) -> Ending:
    """Write the attempt's line and its report; a report that fails is a warning, never the end of a night."""
    from tasks.report import Story, report

    entry = attempt_entry(night, ending.ending, ending.exit_code, ending.reason, told.receipts.get("gate"))  # type: ignore[arg-type]
    try:
        append_line(night.workspace.runs, canonical_json(entry | {"model_version": ending.model_version} | _course(night, told)))
        remove(night.workspace.open_attempt)
    except OSError as error:
        log.warning("runs.jsonl: this attempt is not recorded before the next start: %s", error)
    ending = ending.model_copy(update={"seconds": entry["seconds"]})
    try:
        story = Story.of(
            told.receipts,
            ending=ending.ending,
            reason=ending.reason,
            next_step=ending.next_step,
            command=command or _again(night),
        )
        report(night, story)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong here must not undo a publication
        log.warning("report: not written: %s", error)
        return ending
    return ending.model_copy(update={"report": str(night.workspace.report(night.run_date) / "index.html")})
