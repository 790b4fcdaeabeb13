"""Plan: say what tonight would take in and cost, and whether it fits into memory, before anything is begun."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path

from flows.console import say
from flows.nightly import plans
from flows.settings import Settings
from tasks.memory import GB, offered
from tasks.plan import Plan, PlannedStep, plan
from tasks.refusals import StorageError
from tasks.workspace import Workspace

UNKNOWN = "?"

UNITS = {"GB": GB, "MB": 10**6, "kB": 10**3, "B": 1}


def show_plan(root: Path, run_date: date | None, settings: Settings, at: datetime, as_json: bool) -> int:
    """Print what a night would be like; returns 6 where it would not fit into memory."""
    made = plan(Workspace(root.resolve()), run_date or at.date(), at, settings.source, plans(settings), offered(settings.compute))
    if as_json:
        told = asdict(made) | {"memory": made.memory._asdict(), "too_large": made.too_large._asdict() if made.too_large else None}
        told |= {"sizes": made.sizes.model_dump() if made.sizes else None}
        told |= {"fits": None if made.peak_bytes is None else made.too_large is None, "verdict": made.verdict}
        say(json.dumps(told | {"seconds": made.seconds, "peak_bytes": made.peak_bytes}, sort_keys=True, default=str))
    else:
        for line in _lines(made):
            say(line)
    return StorageError.exit_code if made.too_large else 0


def _lines(made: Plan) -> list[str]:
    lines = [f"plan of the night {made.run_date}"]
    lines += [f"  takes in {file.source}/{file.name}: {_count(file.rows)} rows, {_size(file.bytes)}" for file in made.waiting]
    lines += [] if made.waiting else ["  nothing new was delivered"]
    lines.append(f"  {_known(made)}")
    lines += [f"  trains {', '.join(made.models)}"] if made.models else []
    lines.append(f"{'step':<10}{'rows':>14}{'bytes':>12}{'seconds':>10}{'memory':>12}")
    lines += [_row(step) for step in made.steps]
    costs = f"seconds as on {made.based_on}, scaled by the events" if made.based_on else "seconds are not known before a first night"
    total = "" if made.seconds is None else f"about {made.seconds:,.0f} s in all; "
    lines.append(f"{total}{costs}")
    if made.last_peak_bytes:
        lines.append(f"that night held {_size(made.last_peak_bytes)} at most")
    lines.append(made.verdict)
    if made.too_large:
        lines.append(f"next: {made.too_large.advice}")
    return lines


def _known(made: Plan) -> str:
    if made.sizes is None:
        return f"about {made.events:,} events"
    return f"about {made.events:,} events of {made.sizes.n_users:,} users and {made.sizes.n_items:,} items"


def _row(step: PlannedStep) -> str:
    seconds = UNKNOWN if step.seconds is None else f"{step.seconds:,.1f}"
    return f"{step.step:<10}{_count(step.rows):>14}{_size(step.bytes):>12}{seconds:>10}{_size(step.memory_bytes):>12}"


def _count(rows: int | None) -> str:
    return UNKNOWN if rows is None else f"{rows:,}"


def _size(n_bytes: int | None) -> str:
    if n_bytes is None:
        return UNKNOWN
    return next(f"{n_bytes / unit:,.{1 if unit > 1 else 0}f} {name}" for name, unit in UNITS.items() if n_bytes >= unit or unit == 1)
