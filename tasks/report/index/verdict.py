"""The verdict over all nights: what is served, how old it is, how the last attempt ended, and what to type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from tasks.inspection import command
from tasks.report.drawing import Figure
from tasks.report.index.ledger import Attempt, Ledger, is_date, number
from tasks.report.index.months import missed
from tasks.retention import KeepingConfig

WORDS = {"kept_last_good": "was held", "killed": "was killed"}

AGAIN = {"failed": "Run that night again; its finished steps are kept", "killed": "Go on with the night that was killed"}

DAYS = 28
"""How far back missed nights are spoken of, as `nightly status` does."""


@dataclass(frozen=True)
class Step:
    """Something to do: why, and the command to type."""

    why: str
    command: str


@dataclass(frozen=True)
class Verdict:
    """One headline, what is served in figures and in sentences, and what to do, most pressing first."""

    tone: Literal["published", "kept_last_good", "failed"]
    """The ending that a night's page would have this colour for."""
    headline: str
    figures: list[Figure]
    sentences: list[str]
    steps: list[Step]
    last: Attempt | None


def verdict(ledger: Ledger) -> Verdict:
    """Say how things stand, the worst first."""
    last = ledger.attempts[-1] if ledger.attempts else None
    steps, sentences = list(_steps(ledger, last)), list(_sentences(ledger))
    if ledger.current is None:
        is_young = not _is_damaged(ledger) and not (last and last.is_bad)
        return Verdict("kept_last_good" if is_young else "failed", _nothing_served(ledger), [], sentences, steps, last)
    headline, age = f"Serving the tables of {ledger.current['run_date']}", _age(ledger)
    tone: Literal["published", "kept_last_good", "failed"] = "published"
    if is_stale(ledger):
        tone = "failed"
        headline += f", which are {_days(age)} old" if age >= 0 else ", a date to come"
    elif last is not None and last.is_bad:
        tone = "kept_last_good"
        headline += f"; the last attempt, of {last.run_date}, {WORDS.get(last.ending, last.ending)}"
    return Verdict(tone, headline, list(_figures(ledger.current, age)), sentences, steps, last)


def stale_after_days(ledger: Ledger) -> int:
    """Return the age in days from which what is served is too old, as the night that is served was told."""
    days = number(_part(_part(ledger.current, "settings"), "keeping").get("stale_after_days"))
    return int(days) if days else KeepingConfig().stale_after_days


def is_stale(ledger: Ledger) -> bool:
    """Tell whether what is served is too old, or of a date that has begun nowhere on earth."""
    return ledger.current is not None and not -1 <= _age(ledger) < stale_after_days(ledger)


def _age(ledger: Ledger) -> int:
    return (ledger.now.date() - date.fromisoformat(ledger.current["run_date"])).days if ledger.current else 0


def _is_damaged(ledger: Ledger) -> bool:
    """Tell whether something was published, and nobody can say which of it is served."""
    return ledger.current is None and bool(ledger.serving or ledger.workspace.pointer.exists())


def _nothing_served(ledger: Ledger) -> str:
    if _is_damaged(ledger):
        return "Nobody can tell what is served: current.json, or the manifest it names, is damaged or gone"
    return "Nothing is published yet" if ledger.attempts else "No night has run yet"


def _figures(current: dict[str, Any], age: int) -> Iterator[Figure]:
    yield Figure("Served", current["run_date"], "today" if age == 0 else f"{_days(age)} old" if age > 0 else "a date to come")
    rows, quality = number(_part(current["tables"], "recommendations").get("rows")), _part(current, "quality")
    ndcg, k = number(quality.get("ndcg")), number(quality.get("k"))
    if rows is not None:
        yield Figure("Recommendations", f"{rows:,.0f}")
    if ndcg is not None and k:
        yield Figure(f"NDCG@{k:.0f}", f"{ndcg:.4f}")
    yield Figure("Published", *_moment(current["published_at"]))
    yield Figure("Data through", *(_moment(current["data_through"]) if current["data_through"] else ("-", "without times")))


def _sentences(ledger: Ledger) -> Iterator[str]:
    newer = [run_date for run_date in ledger.serving if ledger.current and run_date > ledger.current["run_date"]]
    if newer:
        yield f"Rolled back: newer and not served {'is' if len(newer) == 1 else 'are'} {_some(newer)}."
    if ledger.under_way:
        yield f"At work: {ledger.under_way}."


def _steps(ledger: Ledger, last: Attempt | None) -> Iterator[Step]:
    root = ledger.workspace.root
    if _is_damaged(ledger) and ledger.serving:
        newest = next(reversed(ledger.serving))
        yield Step("Serve the newest published date again", command(root, "rollback", "--to", newest))
    elif _is_damaged(ledger):
        yield Step("See which files are damaged", command(root, "verify"))
    elif ledger.current is None and not (last and last.is_bad):
        yield Step("Put a file of interactions into inbox/interactions, then", command(root, "run"))
    if last is not None and last.is_bad and is_date(last.run_date):
        why = AGAIN.get(last.ending, f"Mend what kept {last.run_date} from being published, then")
        yield Step(why, command(root, "run", "--run-date", last.run_date))
    elif is_stale(ledger) and _age(ledger) >= 0:
        yield Step("Make tonight's tables", command(root, "run"))
    elif is_stale(ledger):
        yield Step("Set the clock right; or serve a date that has come", command(root, "rollback", "--to", "DATE"))
    for first, until in missed(ledger, DAYS):
        why = f"Make up for {_span(first, until)}, {'which was' if first == until else 'which were'} missed"
        yield Step(why, command(root, "backfill", "--from", first, "--to", until))


def _part(whole: Any, name: str) -> dict[str, Any]:
    """Return a part of what was read, empty where it is missing or something else."""
    part = whole.get(name) if isinstance(whole, dict) else None
    return part if isinstance(part, dict) else {}


def _moment(text: Any) -> tuple[str, str]:
    """Write a time of ours as a date and a time of day; anything else as it is."""
    written = str(text)
    return (written[:10], f"{written[11:16]} UTC") if written.endswith("Z") and written[10:11] == "T" else (written, "")


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'}"


def _span(first: date, last: date) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
