"""Backfill: run the nights of a range of dates, in order, each as of its own date."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from flows.attempt import Ending, Options
from flows.nightly import run_night
from flows.settings import Settings
from tasks.calendar import built_on_older_input, stretches
from tasks.inspection import command as command_for
from tasks.night import Runner, plain
from tasks.progress import reached
from tasks.refusals import UsageError
from tasks.workspace import Workspace

log = logging.getLogger("nightly")


def run_backfill(
    root: Path, first: date, last: date, settings: Settings, options: Options, runner: Runner = plain, command: str = ""
) -> list[Ending]:
    """Run every date from `first` to `last`, both included, oldest first.

    Dates that are published already end `unchanged`, so an interrupted backfill continues where it was when started again. A night
    that is refused or held, or would change a published date unasked, keeps its table and the next date goes on; an unexpected
    failure ends the backfill. The pointer never moves backwards. In the end the dates are named that were built on older input than is
    known by then.
    """
    endings: list[Ending] = []
    dates = list(dates_from(first, last))
    for day in dates:
        reached("nights", len(endings), len(dates))
        log.info("backfill: %s", day)
        try:
            endings.append(run_night(root, day, settings, options, runner, command))
        except UsageError as refusal:
            unasked = {"exit_code": refusal.exit_code, "reason": str(refusal), "next_step": refusal.next_step}
            endings.append(Ending(ending="kept_last_good", run_date=day, **unasked))
        if endings[-1].ending == "failed":
            break
    for earliest, latest in stretches(built_on_older_input(Workspace(root.resolve()))):
        again = command_for(root, "backfill", "--from", earliest, "--to", latest, "--replace")
        log.warning("built on older input: %s to %s; to make them again: %s", earliest, latest, again)
    return endings


def dates_from(first: date, last: date) -> Iterator[date]:
    """Yield the dates of a range, both ends included; raises UsageError where the first comes after the last."""
    if last < first:
        raise UsageError("--from and --to", "a first date not after the last", f"{first} to {last}", "swap them")
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
