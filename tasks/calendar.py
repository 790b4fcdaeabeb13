"""Which nights there were, and which of them were made from less than is known today; read from small files alone."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta
from typing import Literal

from tasks.deliveries import accepted, set_aside_on
from tasks.workspace import Workspace

Word = Literal["published", "held", "failed", "skipped", "missed", "not yet"]

LETTERS: dict[Word, str] = {"published": "P", "held": "h", "failed": "f", "skipped": "s", "missed": "-", "not yet": "."}
"""How a calendar in text shows what became of a date."""

ENDINGS: dict[str, Word] = {"kept_last_good": "held", "failed": "failed", "skipped": "skipped"}

DAYS = 28


def nights(workspace: Workspace, today: date) -> dict[date, Word]:
    """Return what became of each of the last 28 dates, today included, oldest first.

    A date between the first night and today for which nothing was tried was missed; dates before that, and today, are not yet.
    """
    published = {date.fromisoformat(manifest["run_date"]) for manifest in workspace.remembered()}
    tried: dict[date, Word] = {}
    for attempt in workspace.attempts():
        with suppress(KeyError, TypeError, ValueError):
            tried[date.fromisoformat(attempt["run_date"])] = ENDINGS[attempt["ending"]]
    first = min(published | tried.keys(), default=today)

    def became(day: date) -> Word:
        if day in published:
            return "published"
        return tried.get(day, "missed" if first < day < today else "not yet")

    return {day: became(day) for day in (today - timedelta(days=back) for back in reversed(range(DAYS)))}


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
