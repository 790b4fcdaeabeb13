"""One attempt at a night: the lock, what identifies the run, how it ends and what is recorded of it."""

from __future__ import annotations

import errno
import json
import logging
import shlex
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from flows.settings import Settings
from tasks.ingest.delivery import accepted, delivered_again, set_aside_before, waiting
from tasks.night import Night, Receipt, Runner, plain
from tasks.publish import LIBRARIES, attempt_entry, is_intact, serving
from tasks.refusals import InputRefusedError, NightError, StorageError, UsageError
from tasks.storage import append_line, canonical_json, file_hash, remove, text_hash, write_json
from tasks.workspace import Workspace

log = logging.getLogger("nightly")


def now() -> datetime:
    """Read the clock, as UTC without zone; once, at the top of a run."""
    return datetime.now(UTC).replace(tzinfo=None)


class Options(BaseModel, frozen=True, extra="forbid"):
    """What can be asked of one run; none of it changes what equal inputs give."""

    replace: bool = False
    """Replace the tables of a date that is published already and would change."""

    if_new: bool = False
    """End `skipped` when nothing new was delivered since the last published night."""

    allow_volume: bool = False
    """Accept a delivery far smaller or larger than usual."""


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
    """Carry out a composition of steps under the workspace's lock.

    Foreseen refusals become endings. What is unforeseen, and signals, are recorded and raised again. Raises LockHeldError and
    UsageError before anything is touched.
    """
    started_at = now()
    workspace = Workspace(root.resolve())
    workspace.require()
    day = run_date or started_at.date()
    with workspace.lock(f"{compose.__name__} for {day}", started_at):
        _close_killed_attempt(workspace)
        night = _identify(workspace, day, settings, f"{compose.__name__} {detail}".strip(), started_at)
        early = _nothing_to_do(night, settings, options) if publishes else None
        if early is not None:
            append_line(workspace.runs, canonical_json(attempt_entry(night, early.ending, early.exit_code, early.reason)))
            return early
        _sweep(night)
        write_json(_open_attempt(workspace), attempt_entry(night, "failed", 1, "killed or the machine stopped"))
        told = _Told(runner)
        ending = Ending(ending="failed", exit_code=1, run_date=day, run_id=night.run_id, reason="unexpected error; see the log")
        try:
            compose(night, settings, options, told)
            ending = _success(night, told, publishes)
        except NightError as refusal:
            ending = _refused(night, refusal)
        except KeyboardInterrupt:
            ending = ending.model_copy(update={"exit_code": 130, "reason": "interrupted"})
            raise
        except SystemExit as stop:
            ending = ending.model_copy(update={"exit_code": int(stop.code or 143), "reason": "terminated"})
            raise
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT):
                raise
            storage = StorageError(
                str(error.filename or workspace.root), "a disk to write to", str(error), "free space or repair it, then run again"
            )
            ending = _refused(night, storage)
        finally:
            ending = _record(night, told, ending, command)
        if ending.exit_code == 0:
            remove(night.staging)
        return ending


def _identify(workspace: Workspace, day: date, settings: Settings, composition: str, started_at: Any) -> Night:
    """Hash everything that decides tonight's bytes into the run's id."""
    inputs = {delivery.sha256 for delivery in accepted(workspace)} | set_aside_before(workspace)
    # Files that contradict each other have no identity; ingest meets the same refusal and the attempt is recorded with it.
    with suppress(InputRefusedError):
        inputs |= {delivery.sha256 for delivery in waiting(workspace, settings.source, day)}
    served = workspace.last_published_before(day)
    champion = str(served["run_id"]) if served else None
    identity = {
        "run_date": day,
        "inputs": sorted(inputs),
        "settings": settings.fingerprint(),
        "code": code_version(),
        "composition": composition,
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
    }
    return Night(
        workspace=workspace,
        run_date=day,
        run_id=text_hash(canonical_json({**identity, "champion": champion}))[:16],
        attempt_id=uuid.uuid4().hex[:12],
        started_at=started_at,
        champion=champion,
        seed=settings.seed,
        compute=settings.compute,
        inputs_id=text_hash(canonical_json(identity))[:16],
    )


def code_version() -> str:
    """Hash the source of this program, so that a night made by other code is another night."""
    digest = sha256()
    # From this file, not from the imported packages: run from inside a workspace, `models` may be found as its folder of models.
    root = Path(__file__).parent.parent
    for package in ("flows", "models", "sql", "tasks"):
        folder = root / package
        for path in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".sql", ".jinja")):
            digest.update(f"{path.relative_to(root).as_posix()} {file_hash(path)}\n".encode())
    return digest.hexdigest()


def _nothing_to_do(night: Night, settings: Settings, options: Options) -> Ending | None:
    """Recognise a night that is published already, or has nothing new; raises UsageError for a date that would change unasked."""
    known = Ending(ending="unchanged", exit_code=0, run_date=night.run_date, run_id=night.run_id)
    served = serving(night)
    if served is not None and served["inputs_id"] == night.inputs_id and is_intact(night, served):
        for path in delivered_again(night.workspace):
            remove(path)
        rows = {name: table["rows"] for name, table in served["tables"].items()}
        reason = "the same inputs, settings and code are published for this date already"
        return known.model_copy(
            update={"run_id": served["run_id"], "reason": reason, "rows": rows, "model_version": served["model_version"]}
        )
    if options.if_new and night.workspace.current() and not waiting(night.workspace, settings.source, night.run_date):
        return known.model_copy(update={"ending": "skipped", "reason": "nothing new was delivered"})
    if served is not None and served["inputs_id"] != night.inputs_id and not options.replace:
        found = f"run {served['run_id']}, made from other inputs, settings or code"
        next_step = f"{_again(night)} --replace, if the served tables shall change"
        raise UsageError(str(night.run_date), "a date that is not published yet", found, next_step)
    return None


def _again(night: Night) -> str:
    return f"nightly run --workspace {shlex.quote(str(night.workspace.root))} --run-date {night.run_date}"


def _sweep(night: Night) -> None:
    """Remove what other runs left staged; this run's own receipts stay, it resumes from them."""
    if night.workspace.staging.is_dir():
        for path in night.workspace.staging.iterdir():
            if path != night.staging:
                remove(path)


def _open_attempt(workspace: Workspace) -> Path:
    return workspace.root / ".attempt.json"


def _close_killed_attempt(workspace: Workspace) -> None:
    """Record an attempt that never came to its end: nobody else can, and status must tell the truth."""
    path = _open_attempt(workspace)
    if path.is_file():
        entry = json.loads(path.read_text())
        log.warning("the attempt of %s was killed; its finished steps are kept", entry["started_at"])
        append_line(workspace.runs, canonical_json(entry))
        remove(path)


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


def _record(night: Night, told: _Told, ending: Ending, command: str) -> Ending:
    """Write the attempt's line and its report; a report that fails is a warning, never the end of a night."""
    from tasks.report import Story, report

    entry = attempt_entry(night, ending.ending, ending.exit_code, ending.reason)
    append_line(night.workspace.runs, canonical_json(entry | {"model_version": ending.model_version}))
    remove(_open_attempt(night.workspace))
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
