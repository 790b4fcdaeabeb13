"""Report: where the page of a night is; a page that is missing is written anew, and so is the index over all nights."""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

from flows.console import say, warn
from tasks.calendar import calendar
from tasks.inspection import command
from tasks.refusals import UsageError
from tasks.workspace import Workspace

NEAREST = 3
"""Dates that are named where somebody asks for one that is not there."""


def show_report(root: Path, day: date | None, at: datetime, as_json: bool, *, again: bool, open_it: bool) -> int:
    """Say where the page of a night is, the newest unless told, and open it where that is asked for; returns 0.

    Writes the index anew, and the page where it is missing or asked for again. Raises UsageError where there is no such night, and where
    nothing has run yet; what `tasks.report.render_again` raises where the page cannot be written.
    """
    workspace = Workspace(root.resolve())
    workspace.require()
    known = _nights(workspace, at)
    chosen = _chosen(workspace, list(known), day)
    page = workspace.report(chosen) / "index.html"
    is_written = again or not page.is_file()
    try:
        if is_written:
            from tasks.report import render_again

            page = render_again(workspace, chosen)
    finally:
        index = _index(workspace, at)
    why_not = _opened(page) if open_it else ""
    if as_json:
        told = {"run_date": str(chosen), "became": known[chosen], "page": str(page), "written": is_written, "index": index}
        say(json.dumps(told | {"opened": open_it and not why_not}, sort_keys=True))
        return 0
    say(f"night of {chosen}: {known[chosen]}")
    say(f"  page        {page}{' (written anew)' if is_written else ''}")
    say(f"  all nights  {index or 'not written'}")
    if why_not:
        say(f"  not opened  {why_not}; open the page by hand, or copy its one file to where there is a browser")
    return 0


def _nights(workspace: Workspace, at: datetime) -> dict[date, str]:
    """Return what became of each date for which something was tried, or of which there is a page; oldest first."""
    became = calendar(workspace.remembered(), workspace.attempts(), at.date())
    days = {*became.published, *became.tried}
    for folder in (workspace.root / "reports").glob("run_date=*"):
        with suppress(ValueError):
            days.add(date.fromisoformat(folder.name.removeprefix("run_date=")))
    return {day: became.became(day) for day in sorted(days)}


def _chosen(workspace: Workspace, known: list[date], day: date | None) -> date:
    """Return the night that is asked for."""
    if not known:
        raise UsageError(str(workspace.root), "a night that has run", "none yet", command(workspace.root, "run"))
    if day is None or day in known:
        return day or known[-1]
    nearest = sorted(sorted(known, key=lambda other: (abs(other - day), other))[:NEAREST])
    found = f"none of that date; nearest: {', '.join(map(str, nearest))}; there are {len(known):,}, {known[0]} to {known[-1]}"
    closest = min(nearest, key=lambda other: abs(other - day))
    raise UsageError(str(day), "a date for which a night has run", found, command(workspace.root, "report", "--date", closest))


def _index(workspace: Workspace, at: datetime) -> str | None:
    """Write the index; a disk that cannot be written to must not hide where the page is."""
    from tasks.report.index import write_index

    try:
        return str(write_index(workspace, at))
    except OSError as error:
        warn(f"reports/index.html is not written: {error}")
        return None


def _opened(page: Path) -> str:
    """Open a page in the browser of whoever sits here; returns why not where that cannot be."""
    on_screen = sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    if not on_screen and not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "there is no display and no terminal here"
    try:
        return "" if webbrowser.open(page.as_uri()) else "no browser was found here"
    except (webbrowser.Error, OSError) as error:
        return f"the browser could not be started ({error})"
