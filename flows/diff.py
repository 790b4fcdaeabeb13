"""Diff: what two published dates say otherwise, and what they were made from, on one page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from flows.columns import columns, wrapped
from flows.console import say
from flows.difference_lines import setting_lines, values
from flows.lists_page import NUMBERS, beside_lines, mover_lines, summary_lines, user_lines
from tasks.diff import Differences, diff
from tasks.workspace import Workspace

FACTS = {"model_version": "models", "data_through": "data through", "contract_version": "contract", "composition": "made by"}
"""What a page tells of two manifests beside their settings; ids and hashes of code stand in the JSON."""

SHOWN_DELIVERIES = 5
"""Deliveries that a page names."""


def show_diff(root: Path, before: date, after: date, user: str | None, most: int, as_json: bool) -> int:
    """Print what differs between the recommendations of two published dates; with a user, both lists side by side."""
    workspace = Workspace(root.resolve())
    workspace.require()
    told = diff(workspace, before, after, user, most)
    if as_json:
        say(told.model_dump_json())
    else:
        for line in _page(told):
            say(line)
    return 0


def _page(told: Differences) -> Iterator[str]:
    if told.beside:
        yield f"user {told.beside.user_id}: the list of {told.before} and that of {told.after}"
        yield from beside_lines(told.beside, str(told.before), str(told.after))
        if told.beside.changes is None:
            yield from wrapped(f"why they differ is not known: {told.why_no_causes}")
    if told.summary:
        yield f"recommendations of {told.before} and of {told.after}"
        yield from summary_lines(told.summary)
        yield from _causes(told)
        yield from mover_lines(told.movers)
        yield from user_lines(told.most_changed)
    yield from _made(told)


def _causes(told: Differences) -> Iterator[str]:
    yield "\nwhy places changed"
    if told.causes is None:
        yield from wrapped(f"not known: {told.why_no_causes}", "  ", "  ")
    elif told.causes:
        rows = [(row.change, row.cause, row.detail, f"{row.n_places:,}", f"{row.n_users:,}") for row in told.causes]
        yield from columns(("what", "cause", "rule", "places", "users"), rows, NUMBERS)
    else:
        yield "  nothing changed"


def _made(told: Differences) -> Iterator[str]:
    made = told.made
    yield f"\nwhat {told.after} was made from and {told.before} was not"
    lines = [f"{FACTS[each.what]}: {values(each)}" for each in made.facts if each.what in FACTS]
    lines += setting_lines(made.settings)
    lines += [f"{each.what} {values(each)}" for each in made.versions]
    lines += ["the code of nightly-recs"] if any(each.what == "code" for each in made.facts) else []
    for word, names in (("more", made.more_delivered), ("fewer", made.fewer_delivered)):
        others = f" and {len(names) - SHOWN_DELIVERIES} others" if len(names) > SHOWN_DELIVERIES else ""
        lines += [f"{len(names)} {word} delivered: {', '.join(names[:SHOWN_DELIVERIES])}{others}"] if names else []
    for line in lines or ["nothing that manifests tell of"]:
        yield from wrapped(line, "  ", "    ")
