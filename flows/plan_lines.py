"""The lines in which `nightly plan` tells people what a verb would do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.memory import spelled_bytes
from tasks.plan import Plan, PlannedStep
from tasks.preview import Changes, Part

UNKNOWN = "?"

SHOWN = 12
"""Files of one kind that are shown; the rest is counted."""


def night_lines(made: Plan, outcome: str, changes: Changes, notes: Sequence[str], *, is_early: bool) -> list[str]:
    """Return what is told of a night: what it takes in and touches, what each step costs, and whether it fits, last."""
    lines = [f"plan of the night {made.run_date}", f"  {outcome}", *(f"  {note}" for note in notes)]
    lines += [f"  takes in {file.source}/{file.name}: {_count(file.rows)} rows, {_size(file.bytes)}" for file in made.waiting]
    lines += [] if made.waiting else ["  nothing new was delivered"]
    lines += [line for line in _changes(changes) if not line.lstrip().startswith("reads")]
    if is_early:
        return lines
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
    return [*lines, f"next: {made.too_large.advice}"] if made.too_large else lines


def change_lines(
    verb: str, outcome: str, changes: Changes, notes: Sequence[str], seconds: float | None, peak_bytes: int | None
) -> list[str]:
    """Return what is told of a verb that computes nothing."""
    cost = "what it costs is not known" if seconds is None else f"about {seconds:,.1f} s, {_size(peak_bytes)} of memory"
    lines = [f"plan of {verb}", f"  {outcome}", *(f"  {note}" for note in notes), *_changes(changes)]
    return [*lines, f"  {cost}; nothing was written"]


def _changes(changes: Changes) -> Iterator[str]:
    kinds = {"reads": changes.reads, "writes": changes.writes, "replaces": changes.replaces, "deletes": changes.deletes}
    for kind, parts in kinds.items():
        for part in parts[:SHOWN]:
            yield f"  {kind:<9} {_part(part)}"
        if len(parts) > SHOWN:
            yield f"  {kind:<9} {len(parts) - SHOWN} more, {_size(sum(part.bytes or 0 for part in parts[SHOWN:]))}"


def _part(part: Part) -> str:
    told = ", ".join(filter(None, (part.what, _size(part.bytes) if part.bytes is not None else "")))
    return f"{part.path} ({told})" if told else part.path


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
    return UNKNOWN if n_bytes is None else spelled_bytes(n_bytes)
