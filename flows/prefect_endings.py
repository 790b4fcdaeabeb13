"""How a run's end reads in Prefect's list of runs: its state, and the tags that tell its date and its ending."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.states import Cancelled, Completed, Failed, State

from flows.attempt import Ending
from tasks.refusals import LockHeldError, NightError

KEPT_LAST_GOOD = "KeptLastGood"
"""The name of a failed state: nothing was published, and what was served before is served still."""

LOCK_HELD = "LockHeld"
"""The name of a cancelled state: another run was at it."""


def state_of(endings: Sequence[Ending]) -> State[Any]:
    """Return the state a flow run ends in: that of the worst of its nights, every word of it readable in Prefect's list of runs."""
    worst = worst_of(endings)
    message = sentence(worst) if len(endings) == 1 else f"{counted(endings)}. {sentence(worst)}"
    if worst.exit_code == 0:
        return Completed(message=message)
    return Failed(name=KEPT_LAST_GOOD if worst.ending == "kept_last_good" else "Failed", message=message)


def refused_state(refusal: NightError) -> State[Any]:
    """Return the state of a run that ended before it touched anything.

    A held lock is no failure of the night, another run is at it: the run ends cancelled.
    """
    if isinstance(refusal, LockHeldError):
        return Cancelled(name=LOCK_HELD, message=str(refusal))
    return Failed(message=str(refusal))


def tags_of(endings: Sequence[Ending]) -> set[str]:
    """Return the tags that a run gets in the end; of a range of nights, its first and its last date and every ending there was."""
    dates = sorted({ending.run_date for ending in endings})
    return {f"ending:{ending.ending}" for ending in endings} | {f"run_date:{day}" for day in (dates[0], dates[-1])}


def worst_of(endings: Sequence[Ending]) -> Ending:
    """Return the night that decides how the run as a whole ends."""
    return max(endings, key=lambda ending: (ending.ending == "failed", ending.exit_code != 0))


def sentence(ending: Ending) -> str:
    """Say in one line how a night ended, why, and what to type next."""
    said = f"{ending.ending}: {ending.reason}" if ending.reason else ending.ending
    return f"{said}. Next: {ending.next_step}" if ending.next_step else said


def counted(endings: Sequence[Ending]) -> str:
    """Say in one line how many nights ended how."""
    words = [ending.ending for ending in endings]
    return f"{len(words)} nights: " + ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
