"""Status: what is served, how old it is and which nights are missing, read from small files that work when everything else is broken."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flows.console import say
from flows.keeping import load_keeping
from tasks.calendar import LETTERS, Word, built_on_older_input, nights, stretches
from tasks.inspection import command
from tasks.lock import at_work
from tasks.moments import moment
from tasks.pointer import pointer_moves
from tasks.refusals import StorageError
from tasks.workspace import SOURCES, Workspace, read_json

SHOWN = 7

STALE = 7
"""Exit code when what is served is too old."""

EARLIEST = -1
"""Age in days of a night that has begun somewhere on earth; a younger one is of a date to come."""


def show_status(root: Path, at: datetime, as_json: bool) -> int:
    """Print what a workspace serves, its nights and last attempts, and what waits in its inbox.

    Returns 7 where what is served is older than [keeping] allows, 6 where nobody can tell what is served, 0 otherwise.
    """
    workspace = Workspace(root.resolve())
    workspace.require()
    told = _gathered(workspace, at)
    if as_json:
        say(json.dumps(told, sort_keys=True, default=str))
    else:
        for line in _lines(workspace, told):
            say(line)
    if told["serving"] is None:
        return StorageError.exit_code if told["published"] or workspace.pointer.exists() else 0
    return STALE if told["stale"] else 0


def _gathered(workspace: Workspace, at: datetime) -> dict[str, Any]:
    keeping, fault = load_keeping(workspace.root)
    current = workspace.current()
    published = [night["run_date"] for night in workspace.published()]
    calendar = nights(workspace, at.date())
    age = (at.date() - date.fromisoformat(current["run_date"])).days if current else None
    return {
        "serving": current,
        "published": published,
        "age_days": age,
        "hours_since_published": _hours_since(current, at) if current else None,
        "stale_after_days": keeping.stale_after_days,
        "stale": age is not None and (age >= keeping.stale_after_days or age < EARLIEST),
        "settings_fault": fault,
        "rolled_back": _rolled_back(workspace, current, published),
        "at_work": at_work(workspace),
        "killed_attempt": None if at_work(workspace) else read_json(workspace.open_attempt),
        "calendar": {str(day): word for day, word in calendar.items()},
        "missed": _ranges(calendar, "missed"),
        "built_on_older_input": _older(workspace),
        "waiting": {source: sum(path.is_file() for path in workspace.inbox(source).glob("[!.]*")) for source in SOURCES},
        "attempts": workspace.attempts()[-SHOWN:],
    }


def _hours_since(current: dict[str, Any], at: datetime) -> float | None:
    try:
        return round((at - moment(str(current["published_at"]))).total_seconds() / 3600, 1)
    except ValueError:
        return None


def _rolled_back(workspace: Workspace, current: dict[str, Any] | None, published: list[str]) -> dict[str, Any] | None:
    """Tell whether an earlier date than the newest is served, and since when."""
    newer = [run_date for run_date in published if current and run_date > current["run_date"]]
    if current is None or not newer:
        return None
    since = [move.at for move in pointer_moves(workspace) if move.run_id == current["run_id"]]
    return {"to": current["run_date"], "at": f"{since[-1]:%Y-%m-%dT%H:%M:%SZ}" if since else None, "newer": newer}


def _ranges(calendar: dict[date, Word], word: Word) -> list[tuple[str, str]]:
    return [(str(first), str(last)) for first, last in stretches(day for day, became in calendar.items() if became == word)]


def _older(workspace: Workspace) -> list[tuple[str, str]] | None:
    """Return the stretches of dates that were made from other input than is known today; None where nobody can tell."""
    try:
        return [(str(first), str(last)) for first, last in stretches(built_on_older_input(workspace))]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _lines(workspace: Workspace, told: dict[str, Any]) -> list[str]:
    lines = _serving(workspace, told)
    if told["rolled_back"]:
        back = told["rolled_back"]
        since = back["at"] or "an unknown time"
        lines.append(f"  rolled back to {back['to']} at {since}; newer and not served: {', '.join(back['newer'])}")
    if told["settings_fault"]:
        lines.append(f"WARN {told['settings_fault']}: the defaults of [keeping] are used")
    if told["at_work"]:
        lines.append(f"at work: {told['at_work']}")
    if told["killed_attempt"]:
        started_at = told["killed_attempt"].get("started_at")
        lines.append(f"WARN the attempt of {started_at} was killed; the next run goes on from its finished steps")
    lines += _calendar(told)
    for first, last in told["missed"]:
        lines.append(f"WARN missed: {_span(first, last)}; next: {command(workspace.root, 'backfill', '--from', first, '--to', last)}")
    if told["built_on_older_input"] is None:
        lines.append(f"WARN a note under raw/ is damaged; next: {command(workspace.root, 'verify')}")
    for first, last in told["built_on_older_input"] or ():
        again = command(workspace.root, "backfill", "--from", first, "--to", last, "--replace")
        lines.append(f"built on older input: {_span(first, last)}; to make them again: {again}")
    lines.append("inbox: " + ", ".join(f"{count} {source}" for source, count in told["waiting"].items()))
    for attempt in reversed(told["attempts"]):
        known = {name: str(attempt.get(name, "?")) for name in ("started_at", "run_date", "ending", "reason")}
        lines.append(f"  {known['started_at']}  {known['run_date']}  {known['ending']:<15} {known['reason']}")
    return lines


def _serving(workspace: Workspace, told: dict[str, Any]) -> list[str]:
    current = told["serving"]
    if current is None and told["published"]:
        again = command(workspace.root, "rollback", "--to", told["published"][-1])
        return [f"WARN current.json, or the manifest it names, is damaged or gone; next: {again}, or any run"]
    if current is None and workspace.pointer.exists():
        return [f"WARN no manifest can be read; next: {command(workspace.root, 'verify')}, then make the date again"]
    if current is None:
        return ["nothing is published yet"]
    rows = current["tables"].get("recommendations", {}).get("rows", 0)
    published = "at an unknown time" if told["hours_since_published"] is None else f"{told['hours_since_published']:.1f} h ago"
    through = current["data_through"] or "unknown (no times)"
    facts = f"{rows:,} recommendations, {told['age_days']} days old, published {published}, data through {through}"
    lines = [f"serving {current['run_date']}: {facts}", f"  {current.get('verdict', '')}"]
    if told["stale"] and told["age_days"] < 0:
        back = command(workspace.root, "rollback", "--to", "DATE")
        lines.append(f"WARN a date to come is served, or the clock is behind; next: {back}, to one of {', '.join(told['published'][-3:])}")
    elif told["stale"]:
        why = f"{told['age_days']} days old, and {told['stale_after_days']} are too many; the last attempts below say why"
        lines.append(f"WARN stale: {why}; next: {command(workspace.root, 'run')}")
    return lines


def _calendar(told: dict[str, Any]) -> list[str]:
    """Draw the nights, one letter a date, in weeks."""
    days = list(told["calendar"].items())
    letters = "".join(LETTERS[word] for _, word in days)
    weeks = " ".join(letters[start : start + 7] for start in range(0, len(letters), 7))
    legend = ", ".join(f"{letter} {word}" for word, letter in LETTERS.items())
    return [f"nights {days[0][0]} to {days[-1][0]}: {weeks}", f"  {legend}"]


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"
