"""Refresh: take in and validate what was delivered, without training or publishing anything."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from flows.attempt import Ending, Options, attempted
from flows.settings import Settings
from tasks.ingest import ingest, keep
from tasks.night import Night, Runner, plain
from tasks.stage import stage
from tasks.validate import validate


def refresh(at: Night, settings: Settings, options: Options, step: Runner) -> None:
    """Bring new deliveries into raw/ once they are found fit."""
    delivered = step(ingest, at, settings.source, settings.volume, options.allow_volume, settings.warehouse)
    staged = step(stage, at, delivered, settings.source, settings.events, settings.warehouse)
    validated = step(validate, at, delivered, staged, settings.validation, settings.warehouse)
    step(keep, at, delivered, validated, settings.warehouse)


def run_refresh(
    root: Path, run_date: date | None, settings: Settings, options: Options, runner: Runner = plain, command: str = ""
) -> Ending:
    """Refresh a workspace and say how it ended."""
    return attempted(refresh, root, run_date, settings, options, runner, command=command, publishes=False)
