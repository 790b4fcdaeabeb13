"""The index: one page over all nights, written from small files that can be read when everything else is broken."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tasks.inspection import command
from tasks.report.index import trends
from tasks.report.index.ledger import Attempt, Ledger, read_ledger
from tasks.report.index.months import months
from tasks.report.index.verdict import verdict
from tasks.report.page import environment, style_and_script
from tasks.storage import write_bytes
from tasks.workspace import Workspace

__all__ = ["write_index"]

ATTEMPTS = 20
"""The latest attempts that are listed."""

LONGEST_REASON = 1000


def write_index(workspace: Workspace, now: datetime) -> Path:
    """Write reports/index.html, as things stand at `now` (UTC, without zone), and return where it is.

    What is damaged or missing is told, or passed over; only a disk that cannot be written to raises, an OSError.
    """
    path = workspace.root / "reports" / "index.html"
    write_bytes(path, _render(read_ledger(workspace, now)).encode(), without_lock=True)
    return path


def _render(ledger: Ledger) -> str:
    return (
        environment()
        .get_template("index/index.html.jinja")
        .render(
            **style_and_script("index/style.css.jinja", "index/age.js.jinja"),
            verdict=verdict(ledger),
            months=months(ledger),
            trends=trends.trends(ledger),
            drawing=trends,
            attempts=_latest(ledger),
            ledger=ledger,
            status=command(ledger.workspace.root, "status"),
            again=command(ledger.workspace.root, "report"),
        )
    )


def _latest(ledger: Ledger) -> list[tuple[Attempt, str, str | None]]:
    """Return the latest attempts, newest first, each with its reason at a length that can be read, and the page of its night."""
    newest = ledger.attempts[: -ATTEMPTS - 1 : -1]
    return [(attempt, _shortened(attempt.reason), ledger.page(attempt.run_date)) for attempt in newest]


def _shortened(reason: str) -> str:
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]} ... ({len(reason):,} characters)"
