"""Retrain: train and judge tonight's models and keep them under models/, without publishing tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from flows.attempt import Ending, Options, attempted
from flows.nightly import learn
from flows.settings import Settings
from tasks.night import Night, Runner, plain
from tasks.publish import keep_models


def retrain(at: Night, settings: Settings, options: Options, step: Runner) -> None:
    """Train on everything known and keep the set of models, if the gate lets it pass."""
    learned = learn(at, settings, options, step)
    step(keep_models, at, learned.refitted)


def run_retrain(
    root: Path, run_date: date | None, settings: Settings, options: Options, runner: Runner = plain, command: str = ""
) -> Ending:
    """Retrain a workspace's models and say how it ended."""
    return attempted(retrain, root, run_date, settings, options, runner, command=command, publishes=False)
