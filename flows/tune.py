"""Tune: search for better settings on what nights have accepted so far, beside the workspace's files, and propose them."""

from __future__ import annotations

import logging
import shlex
import uuid
from datetime import date
from functools import reduce
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel

from flows.clock import now
from flows.console import say
from flows.identity import code_version
from flows.nightly import prepared_from
from flows.settings import Settings, load_settings, set_in_file
from tasks.apart import set_apart
from tasks.deliveries import accepted
from tasks.ingest import ingest
from tasks.lock import locked
from tasks.night import Night, plain
from tasks.publish import LIBRARIES
from tasks.refusals import InputRefusedError, UsageError
from tasks.stage import stage
from tasks.storage import canonical_json, remove, text_hash, write_bytes
from tasks.tune import Judging, tune
from tasks.tune.proposal import Found, proposal_text, read_proposal
from tasks.workspace import Workspace

log = logging.getLogger("nightly")


class Tuned(BaseModel, frozen=True, extra="forbid"):
    """How a search ended: one of `proposed` and `nothing_better`, what was found for each model, and the proposal as written."""

    ending: str
    run_date: date
    seconds: float
    found: tuple[Found, ...]
    proposal: str
    file: str
    next_step: str = ""


class Applied(BaseModel, frozen=True, extra="forbid"):
    """What changed in nightly.toml: setting -> the value it had and the one it has now."""

    changed: dict[str, tuple[object, object]]
    file: str


def run_tune(root: Path, run_date: date | None, settings: Settings, fresh: bool = False) -> Tuned:
    """Search settings as of a date and write `tuning/proposal.toml`; nothing outside `tuning/` changes.

    A search that was cut off goes on, unless it shall be fresh. Raises InputRefusedError where nothing was accepted yet.
    """
    started_at = now()
    workspace = Workspace(root.resolve())
    workspace.require()
    day = run_date or started_at.date()
    folder = workspace.root / "tuning"
    with locked(workspace, f"tune for {day}", started_at):
        deliveries = [delivery for delivery in accepted(workspace) if delivery.counts_on(day)]
        inputs = sorted(delivery.sha256 for delivery in deliveries)
        if not any(delivery.source == "interactions" for delivery in deliveries):
            hint = f"nightly run --workspace {shlex.quote(str(workspace.root))}"
            raise InputRefusedError(str(workspace.raw), "interactions that a night has accepted", "none", hint)
        if fresh:
            remove(folder / "trials")
        code = code_version()
        apart = set_apart(workspace, folder / "at_work")
        identity = {"run_date": day, "inputs": inputs, "settings": settings.fingerprint(), "code": code}
        libraries = {name: metadata.version(name) for name in (*LIBRARIES, "optuna")}
        run_id = text_hash(canonical_json({**identity, "libraries": libraries}))[:16]
        night = Night(apart, day, run_id, uuid.uuid4().hex[:12], started_at, None, settings.seed, settings.compute)
        for path in apart.staging.glob("*"):
            if path != night.staging:
                remove(path)
        source = settings.source.model_copy(update={"files": {}})
        delivered = plain(ingest, night, source, settings.volume, True, settings.warehouse)
        staged = plain(stage, night, delivered, source, settings.events, settings.warehouse)
        prepared = prepared_from(night, delivered, staged, settings, plain)
        judging = Judging(
            k=settings.evaluate.ks[0], holdout=settings.holdout, users=settings.judging, intervals=settings.evaluate.intervals
        )
        version = text_hash(canonical_json({"code": code, "libraries": libraries}))
        found = tune(night, prepared, settings.train, settings.tune, judging, folder / "trials", version)
        text = proposal_text(day, found)
        write_bytes(folder / "proposal.toml", text.encode())
        remove(folder / "at_work")
    better = any(model.proposed for model in found)
    return Tuned(
        ending="proposed" if better else "nothing_better",
        run_date=day,
        seconds=round(night.elapsed.total_seconds(), 3),
        found=found,
        proposal=text,
        file=str(folder / "proposal.toml"),
        next_step=f"nightly tune --apply --workspace {shlex.quote(str(workspace.root))}" if better else "",
    )


def apply_proposal(root: Path) -> Applied:
    """Write the last proposal into nightly.toml; where the settings do not read as proposed afterwards, all is put back."""
    workspace = Workspace(root.resolve())
    workspace.require()
    file = workspace.settings_file
    with locked(workspace, "tune --apply", now()):
        proposed = read_proposal(workspace.root / "tuning" / "proposal.toml")
        before, text = load_settings(workspace.root), file.read_bytes()
        changed: dict[str, tuple[object, object]] = {}
        try:
            for key, value in proposed.items():
                if (was := _value(before, key)) != value:
                    section, _, name = key.rpartition(".")
                    set_in_file(file, section, name, value)
                    changed[key] = (was, value)
            after = load_settings(workspace.root)
            for key, (_, wanted) in changed.items():
                if _value(after, key) != wanted:
                    hint = "remove it from the environment and apply again"
                    raise UsageError(f"setting {key}", f"{wanted}, as proposed", "another value, set elsewhere", hint)
        except UsageError:
            write_bytes(file, text)
            raise
    return Applied(changed=changed, file=str(file))


def show_tuned(tuned: Tuned, as_json: bool) -> int:
    """Print how a search ended and the proposal it wrote."""
    if as_json:
        say(tuned.model_dump_json())
        return 0
    say(f"{tuned.ending} · {tuned.run_date} · {tuned.seconds:.1f} s\n\n{tuned.proposal}\nproposal: {tuned.file}")
    if tuned.next_step:
        say(f"next: {tuned.next_step}")
    return 0


def show_applied(applied: Applied, as_json: bool) -> int:
    """Print what changed in nightly.toml."""
    if as_json:
        say(applied.model_dump_json())
        return 0
    if not applied.changed:
        say(f"unchanged: {applied.file} says all that is proposed already")
        return 0
    say("\n".join([f"applied to {applied.file}", *(f"{key}: {was} -> {became}" for key, (was, became) in applied.changed.items())]))
    say(f"next: nightly run --workspace {shlex.quote(str(Path(applied.file).parent))}")
    return 0


def _value(settings: Settings, key: str) -> object:
    """Return the value of a setting, None where there is no such setting (any more)."""
    return reduce(lambda section, name: getattr(section, name, None), key.split("."), settings)  # type: ignore[arg-type, return-value]
