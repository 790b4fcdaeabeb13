"""What a simulation says, on one page: the published night is what was before, the simulated one what is after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flows.columns import columns, wrapped
from flows.console import say
from flows.difference_lines import setting_lines
from flows.lists_page import beside_lines, mover_lines, summary_lines, user_lines
from flows.simulate import run_simulation
from tasks.simulation import BELOW_CANDIDATES, RuleCount, Simulated

NUMBERS = "published simulated change users places candidates"
"""Columns of numbers."""


def show_simulation(root: Path, policy: Path, user: str | None, most: int, as_json: bool) -> int:
    """Simulate the policies of a file and print what they would have changed; with a user, both lists side by side."""
    told = run_simulation(root, policy, user, most)
    if as_json:
        say(told.model_dump_json())
    else:
        for line in simulation_page(told):
            say(line)
    return 0


def simulation_page(told: Simulated) -> Iterator[str]:
    """Yield the lines of a page, none wider than one."""
    if told.beside:
        yield f"user {told.beside.user_id}: the list of {told.run_date} as published, and as simulated"
        yield from beside_lines(told.beside, "published", "simulated", "left out before")
        if any(change.cause == BELOW_CANDIDATES for change in told.beside.changes or ()):
            yield from wrapped(f"{BELOW_CANDIDATES}: not among the best 3 K candidates, of which alone reasons are told, or unavailable")
    if told.lists:
        yield f"recommendations of {told.run_date}: before as published, after as simulated"
        yield from summary_lines(told.lists.summary)
        yield from _catalogue(told)
        yield from _left_out(told.left_out)
        yield from mover_lines(told.lists.movers)
        yield from user_lines(told.lists.most_changed)
        yield from _short_lists(told)
    yield "\npolicies that were simulated and not published"
    for line in setting_lines(told.policies) or ["none: these are the policies of the night"]:
        yield from wrapped(line, "  ", "    ")
    for head, lines in (("findings", told.findings), ("to bear in mind", told.notes)):
        if lines:
            yield f"\n{head}"
            for line in lines:
                yield from wrapped(line, "  ", "    ")


def _catalogue(told: Simulated) -> Iterator[str]:
    if told.before and told.after:
        was, now = ((f"{one.n_shown:,} of {one.n_recommendable:,}", f"{one.share:.1%}") for one in (told.before, told.after))
        yield f"  catalogue {was[0]} items shown ({was[1]}) before, {now[0]} ({now[1]}) after"
        yield f"  short     {told.before.n_short:,} lists before, {told.after.n_short:,} after"


def _left_out(counts: tuple[RuleCount, ...]) -> Iterator[str]:
    if counts:
        yield "\ncandidates that are left out, by rule"
        rows = [
            (
                row.cause,
                row.rule,
                "not known" if row.n_before is None else f"{row.n_before:,}",
                f"{row.n_after:,}",
                None if row.n_before is None else f"{row.n_after - row.n_before:+,}",
                f"{row.n_users_after:,}",
            )
            for row in counts
        ]
        yield from columns(("cause", "rule", "published", "simulated", "change", "users"), rows, NUMBERS)


def _short_lists(told: Simulated) -> Iterator[str]:
    if told.short_lists:
        n_short = told.after.n_short if told.after else len(told.short_lists)
        yield f"\nsimulated lists that are short, {len(told.short_lists):,} of {n_short:,}"
        rows = [
            (
                row.user_id,
                row.places_before,
                row.places_after,
                row.rule or row.cause,
                row.n_candidates or None,
                row.reason,
            )
            for row in told.short_lists
        ]
        yield from columns(("user", "published", "simulated", "most left out by", "candidates", "reason"), rows, NUMBERS)
