"""Backfill: run the nights of a range of dates, in order, each as of its own date."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from flows.attempt import Ending, Options
from flows.nightly import run_night
from flows.settings import Settings
from tasks.night import Runner, plain
from tasks.refusals import UsageError

log = logging.getLogger("nightly")


def run_backfill(
    root: Path, first: date, last: date, settings: Settings, options: Options, runner: Runner = plain, command: str = ""
) -> list[Ending]:
    """Run every date from `first` to `last`, both included, oldest first.

    Dates that are published already end `unchanged`, so an interrupted backfill continues where it was when started again. A night
    that is refused or held, or would change a published date unasked, keeps its table and the next date goes on; an unexpected
    failure ends the backfill. The pointer never moves backwards.
    """
    endings = []
    for day in _days(first, last):
        log.info("backfill: %s", day)
        try:
            endings.append(run_night(root, day, settings, options, runner, command))
        except UsageError as refusal:
            unasked = {"exit_code": refusal.exit_code, "reason": str(refusal), "next_step": refusal.next_step}
            endings.append(Ending(ending="kept_last_good", run_date=day, **unasked))
        if endings[-1].ending == "failed":
            break
    return endings


def _days(first: date, last: date) -> Iterator[date]:
    if last < first:
        raise UsageError("--from and --to", "a first date not after the last", f"{first} to {last}", "swap them")
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
