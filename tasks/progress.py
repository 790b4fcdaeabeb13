"""How far a run is: small facts on a logger of their own, for whoever shows them.

A terminal draws them (`flows.terminal`), `--verbose` has them as lines; where nobody listens, nothing is done with them. They reach no file
and no receipt.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.night import Night

PROGRESS = logging.getLogger("nightly.progress")


@dataclass(frozen=True)
class StepBegun:
    """A step of a night is at work."""

    step: str
    night: Night

    def __str__(self) -> str:
        return f"{self.step}: begins, attempt {self.night.attempt_id}"


@dataclass(frozen=True)
class StepEnded:
    """A step is done, by this attempt or an earlier one, or has failed."""

    step: str

    def __str__(self) -> str:
        return f"{self.step}: ends"


@dataclass(frozen=True)
class Reached:
    """So many are done of all there are, where these are known: of the step at work, or of the command where none is."""

    what: str
    done: int
    total: int | None = None

    def __str__(self) -> str:
        return f"{self.done:,} {self.what}" if self.total is None else f"{self.done:,} of {self.total:,} {self.what}"


@contextmanager
def step_told(step: str, night: Night) -> Iterator[None]:
    """Tell that a step begins, and that it has ended, however it does."""
    PROGRESS.debug(StepBegun(step, night))
    try:
        yield
    finally:
        PROGRESS.debug(StepEnded(step))


def reached(what: str, done: int, total: int | None = None) -> None:
    """Tell how many are done, and of how many where that is known; `what` names them in the plural."""
    PROGRESS.debug(Reached(what, done, total))
