"""A night that is only played, for tests of what a terminal shows: real steps under the real command line, which do nothing but wait."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.cli import app
from flows.cli_app import Flag, Json
from flows.console import guarded, say
from models.compute import ComputeConfig
from tasks.night import Night, Receipt, plain
from tasks.progress import reached
from tasks.refusals import StorageError
from tasks.workspace import Workspace

log = logging.getLogger("nightly")
LONG = "a line of a step that is longer than the terminal is wide, as those that name files in deep folders often are: " + "/deep" * 12


def stage(night: Night) -> Receipt:
    """Say something long, and let a library warn."""
    log.info(LONG)
    warnings.warn("a library warns", stacklevel=1)
    time.sleep(0.3)
    return Receipt()


def train(night: Night) -> Receipt:
    """Count."""
    for number in range(3):
        reached("models", number, 3)
        time.sleep(0.3)
    log.warning("something is odd")
    return Receipt()


def score(night: Night) -> Receipt:
    """Wait to be interrupted."""
    log.info("score: waiting")
    time.sleep(30)
    return Receipt()


def play(
    root: Path,
    *,
    hang: Annotated[bool, Flag, Parameter(help="")] = False,
    fail: Annotated[bool, Flag, Parameter(help="")] = False,
    refuse: Annotated[bool, Flag, Parameter(help="")] = False,
    json: Json = False,
) -> int:
    """Play a night."""
    night = Night(
        Workspace(root), date(2026, 1, 6), "run", "attempt", datetime.fromisoformat("2026-01-07T12:00:00"), None, 0, ComputeConfig()
    )
    for step in (stage, train, *([score] if hang else [])):
        plain(step, night)
    if fail:
        raise ZeroDivisionError("nobody thought of this")
    if refuse:
        raise StorageError("a disk", "room", "none", "make room")
    say('{"ending": "played"}' if json else "played · 2026-01-06")
    return 0


if __name__ == "__main__":  # a verb in this process alone, not where a test imports what is here
    app.command(play)
    sys.exit(guarded(app.meta))
