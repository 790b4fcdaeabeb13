"""Which nights there were, and which of them were made from less than is known today; read from small files alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Literal

from tasks.deliveries import accepted, set_aside_on
from tasks.workspace import Workspace

Word = Literal["published", "held", "failed", "skipped", "missed", "not yet"]

LETTERS: dict[Word, str] = {"published": "P", "held": "h", "failed": "f", "skipped": "s", "missed": "-", "not yet": "."}
"""How a calendar in text shows what became of a date."""

ENDINGS: dict[str, Word] = {"kept_last_good": "held", "failed": "failed", "skipped": "skipped"}

DAYS = 28


@dataclass(frozen=True)
class Calendar:
    """What became of dates: those published, and what the last attempt at each other one came to."""

    published: frozenset[date]
    tried: Mapping[date, Word]
    today: date

    @cached_property
    def first(self) -> date:
        """The first night there was; today where there was none."""
        return min(self.published | self.tried.keys(), default=self.today)

    def became(self, day: date) -> Word:
        """Say what became of a date; one between the first night and today for which nothing was tried was missed.

        Dates before that, and today, are not yet.
        """
        if day in self.published:
            return "published"
        return self.tried.get(day, "missed" if self.first < day < self.today else "not yet")


def calendar(manifests: Iterable[Mapping[str, Any]], attempts: Iterable[Mapping[str, Any]], today: date) -> Calendar:
    """Gather what became of every date from the manifests of published nights and the lines of runs.jsonl, whatever those hold."""
    tried: dict[date, Word] = {}
    for attempt in attempts:
        with suppress(KeyError, TypeError, ValueError):
            tried[date.fromisoformat(attempt["run_date"])] = ENDINGS[attempt["ending"]]
    return Calendar(frozenset(date.fromisoformat(manifest["run_date"]) for manifest in manifests), tried, today)


def nights(workspace: Workspace, today: date) -> dict[date, Word]:
    """Return what became of each of the last 28 dates, today included, oldest first."""
    known = calendar(workspace.remembered(), workspace.attempts(), today)
    return {day: known.became(day) for day in (today - timedelta(days=back) for back in reversed(range(DAYS)))}


def built_on_older_input(workspace: Workspace) -> list[date]:
    """Return the published dates that would be made from other deliveries today than they were, oldest first.

    Raises ValueError where a note under raw/ is damaged: nobody can tell then.
    """
    deliveries, dates = accepted(workspace), []
    for manifest in workspace.published():
        day = date.fromisoformat(manifest["run_date"])
        now = {delivery.sha256 for delivery in deliveries if delivery.counts_on(day)}
        now |= {file.sha256 for file in set_aside_on(workspace, day)}
        if now != set(manifest.get("inputs", {})):
            dates.append(day)
    return dates


def stretches(days: Iterable[date]) -> list[tuple[date, date]]:
    """Group dates, given oldest first, into stretches without a gap: the first and the last date of each."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and day == found[-1][1] + timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
