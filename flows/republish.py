"""Republish: score tonight's users with a set of models of an earlier night."""

from __future__ import annotations

from datetime import date
from functools import partial, update_wrapper
from pathlib import Path

from flows.attempt import Ending, Options, attempted
from flows.nightly import take_in
from flows.settings import Settings
from tasks.adopt import adopt
from tasks.check import check
from tasks.derive import derive
from tasks.night import Night, Runner, plain
from tasks.publish import publish
from tasks.score import score


def republish(at: Night, settings: Settings, options: Options, step: Runner, *, model_version: str) -> None:
    """Serve lists of an earlier set of models: tonight's users, histories and catalogue, its weights and vectors."""
    delivered, prepared = take_in(at, settings, options, step)
    adopted = step(adopt, at, prepared, model_version)
    fading, policies, experiment = settings.train.popularity, settings.policies, settings.experiment
    scored = step(score, at, prepared, adopted, settings.score, fading, delivered.id_types, policies, experiment, None)
    derived = step(derive, at, prepared, scored, settings.score, settings.gate, settings.warehouse, delivered.id_types, policies.seen)
    checked = step(check, at, delivered, scored, derived, settings.warehouse, None, None, policies, experiment)
    step(publish, at, prepared, None, None, adopted, checked)


def run_republish(
    root: Path, run_date: date | None, model_version: str, settings: Settings, options: Options, runner: Runner = plain, command: str = ""
) -> Ending:
    """Score and publish a date with an earlier set of models, and say how it ended."""
    composition = update_wrapper(partial(republish, model_version=model_version), republish)
    return attempted(composition, root, run_date, settings, options, runner, command=command, detail=model_version)
