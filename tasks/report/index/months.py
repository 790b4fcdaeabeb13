"""The calendar: a month a table, a week a row, and in each cell what became of a date."""

from __future__ import annotations

from calendar import Calendar as Weeks
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from tasks.calendar import LETTERS, Word, stretches
from tasks.report.index.ledger import Ledger, is_date

MONTHS = 12
"""Months that are drawn, of those with a night; a shop of many years has hundreds of them."""

OPEN = 3
"""Months that are seen at once; the earlier ones unfold."""

LONGEST_REASON = 160


@dataclass(frozen=True)
class Day:
    """One cell: what became of the date in a word, in a sentence and on which page; None is a page that is not there."""

    day: date
    word: Word
    told: str
    page: str | None
    is_served: bool


@dataclass(frozen=True)
class Month:
    """One month; a cell of a week is None where its date belongs to another month."""

    name: str
    weeks: list[list[Day | None]]


@dataclass(frozen=True)
class Months:
    """The months, newest first, and in words what they leave out."""

    shown: list[Month]
    folded: list[Month]
    counts: dict[Word, int]
    """How many dates of these months became what; dates that have not come yet are not counted."""
    gaps: list[str]
    earlier: int
    """Nights before the months that are drawn."""


def months(ledger: Ledger) -> Months:
    """Draw the newest months that have a night."""
    known = sorted(ledger.calendar.published | ledger.calendar.tried.keys())
    firsts = sorted({day.replace(day=1) for day in known})[-MONTHS:]
    reasons = {attempt.run_date: attempt.reason for attempt in ledger.attempts if is_date(attempt.run_date)}
    drawn = [_month(ledger, first, reasons) for first in reversed(firsts)]
    days = [day for month in drawn for week in month.weeks for day in week if day is not None]
    return Months(
        drawn[:OPEN],
        drawn[OPEN:],
        {word: count for word in LETTERS if word != "not yet" and (count := sum(day.word == word for day in days))},
        _gaps(firsts, ledger.now.date()),
        sum(day < firsts[0] for day in known) if firsts else 0,
    )


def missed(ledger: Ledger, days: int) -> list[tuple[date, date]]:
    """Return the stretches of dates among the last so many for which nothing was tried, oldest first."""
    today = ledger.now.date()
    recent = (today - timedelta(days=back) for back in reversed(range(days)))
    return stretches(day for day in recent if ledger.calendar.became(day) == "missed")


def _month(ledger: Ledger, first: date, reasons: dict[str, str]) -> Month:
    weeks = Weeks().monthdatescalendar(first.year, first.month)
    return Month(f"{first:%B %Y}", [[_day(ledger, day, reasons) if day.month == first.month else None for day in week] for week in weeks])


def _day(ledger: Ledger, day: date, reasons: dict[str, str]) -> Day:
    word = ledger.calendar.became(day)
    is_served = ledger.current is not None and ledger.current["run_date"] == str(day)
    reason = reasons.get(str(day), "") if word in ("held", "failed") else ""
    shortened = reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]} ..."
    told = f"{day}: {word}{', served now' if is_served else ''}{f': {shortened}' if shortened else ''}"
    return Day(day, word, told, ledger.page(str(day)) if word not in ("missed", "not yet") else None, is_served)


def _gaps(firsts: list[date], today: date) -> list[str]:
    """Name the months between those drawn, and up to today, in which there was no night, newest first."""
    if not firsts:
        return []
    ends = [*firsts, _next(today.replace(day=1))] if firsts[-1] <= today else firsts
    empty = [(_next(before), after - timedelta(days=1)) for before, after in pairwise(ends) if _next(before) < after]
    return [f"{first:%B %Y}" if _next(first) > last else f"{first:%B %Y} to {last:%B %Y}" for first, last in reversed(empty)]


def _next(first: date) -> date:
    """Return the first day of the following month."""
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1)
