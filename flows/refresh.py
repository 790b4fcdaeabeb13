"""Refresh: take in and validate what was delivered, without training or publishing anything."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from flows.attempt import Ending, Options, attempted
from flows.nightly import accept
from flows.settings import Settings
from tasks.night import Night, Runner, plain
from tasks.warehouse import sharing_warehouse


def refresh(at: Night, settings: Settings, options: Options, step: Runner) -> None:
    """Bring new deliveries into raw/ once they are found fit."""
    with sharing_warehouse():
        accept(at, settings, options, step)


def run_refresh(
    root: Path, run_date: date | None, settings: Settings, options: Options, runner: Runner = plain, command: str = ""
) -> Ending:
    """Refresh a workspace and say how it ended."""
    return attempted(refresh, root, run_date, settings, options, runner, command=command, publishes=False)
