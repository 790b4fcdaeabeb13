"""The whole night on one screen: read this file first.

What surrounds it (the lock, the identity of the run, its ending and its record) is `flows.attempt`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from flows.attempt import Ending, Options, attempted
from flows.settings import Settings
from tasks.blend import blend
from tasks.check import check
from tasks.course import last_sizes
from tasks.derive import derive
from tasks.evaluate import Evaluated, evaluate
from tasks.experiment.config import ExperimentConfig
from tasks.gate import Gated, gate
from tasks.ingest import Delivered, Kept, ingest, keep
from tasks.needs import Plans, require_room
from tasks.night import Night, Receipt, Runner, plain
from tasks.policies.declare import declare
from tasks.prepare import Prepared, prepare
from tasks.publish import publish
from tasks.refit import Refitted, refit
from tasks.refusals import NightHeldError
from tasks.score import score
from tasks.stage import stage
from tasks.train import train
from tasks.validate import validate
from tasks.warehouse import sharing_warehouse


def night(at: Night, settings: Settings, options: Options, step: Runner) -> None:
    """Turn the interactions known on the night's date into that night's tables."""
    learned = learn(at, settings, options, step)
    # A gate that lets one model speak alone leaves nothing to compare.
    experiment = ExperimentConfig() if learned.gated.speaker else settings.experiment
    policies, popularity = settings.policies, settings.train.popularity
    id_types, calibration = learned.delivered.id_types, learned.evaluated.calibration
    scored = step(score, at, learned.prepared, learned.refitted, settings.score, popularity, id_types, policies, experiment, calibration)
    derived = step(derive, at, learned.prepared, scored, settings.score, settings.gate, settings.warehouse, id_types, policies.seen)
    checked = step(check, at, learned.delivered, scored, derived, settings.warehouse, settings.gate, learned.gated, policies, experiment)
    step(publish, at, learned.prepared, learned.evaluated, learned.gated, learned.refitted, checked)


@dataclass(frozen=True)
class Learned:
    """The receipts of a night up to the models that may be published."""

    delivered: Delivered
    prepared: Prepared
    evaluated: Evaluated
    gated: Gated
    refitted: Refitted


def learn(at: Night, settings: Settings, options: Options, step: Runner) -> Learned:
    """Train and judge tonight's models; raises NightHeldError where the gate says HOLD.

    Raises StorageError before anything is taken in where a night as large as the last does not fit into memory, and before anything is
    trained where tonight's does not.
    """
    earlier = last_sizes(at.workspace, at.run_date)
    if earlier and earlier.sizes:
        require_room(earlier.sizes, plans(settings), at.memory)
    delivered, prepared = take_in(at, settings, options, step)
    require_room(prepared.sizes, plans(settings), at.memory)
    trained = step(train, at, prepared, settings.train)
    blended = step(blend, at, prepared, trained, settings.blend, settings.judging)
    judged_by = settings.evaluate, settings.judging, settings.gate
    evaluated = step(evaluate, at, prepared, trained, blended, *judged_by, settings.policies, settings.experiment)
    gated = step(gate, at, evaluated, settings.gate)
    if not gated.publish:
        next_step = "read the report; the last good table stays served"
        raise NightHeldError("the gate", "models fit to replace what is served", gated.reason, next_step)
    refitted = step(refit, at, prepared, trained, blended, gated, settings.train)
    return Learned(delivered, prepared, evaluated, gated, refitted)


def plans(settings: Settings) -> Plans:
    """Return the settings that decide how much memory a night takes."""
    return Plans(settings.train, settings.blend, settings.judging, settings.score, settings.warehouse)


def take_in(at: Night, settings: Settings, options: Options, step: Runner) -> tuple[Delivered, Prepared]:
    """Take in what was delivered, prove it fit, and bring everything known into the form models learn from.

    Raises UsageError where declared policies cannot be carried out on it.
    """
    with sharing_warehouse():
        delivered, kept = accept(at, settings, options, step)
        prepared = prepared_from(at, delivered, kept, settings, step)
    if settings.has_policies:
        step(declare, at, prepared, settings.policies, settings.experiment, settings.features, settings.score)
    return delivered, prepared


def prepared_from(at: Night, delivered: Delivered, staged: Receipt, settings: Settings, step: Runner) -> Prepared:
    """Bring what is staged into the form models learn from."""
    return step(
        prepare,
        at,
        delivered,
        staged,
        settings.events,
        settings.holdout,
        settings.segments,
        settings.features,
        settings.warehouse,
        settings.named_attributes(),
        settings.policies.seen,
        settings.policies.fatigue,
    )


def accept(at: Night, settings: Settings, options: Options, step: Runner) -> tuple[Delivered, Kept]:
    """Take in what was delivered and bring it into raw/ once it is found fit."""
    delivered = step(ingest, at, settings.source, settings.volume, options.allow_volume, settings.warehouse)
    staged = step(stage, at, delivered, settings.source, settings.events, settings.warehouse)
    validated = step(validate, at, delivered, staged, settings.validation, settings.warehouse)
    return delivered, step(keep, at, delivered, validated, settings.warehouse)


def run_night(root: Path, run_date: date | None, settings: Settings, options: Options, runner: Runner = plain, command: str = "") -> Ending:
    """Run one night in a workspace and say how it ended; foreseen refusals are endings, not exceptions."""
    return attempted(night, root, run_date, settings, options, runner, command=command)
