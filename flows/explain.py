"""Explain: why somebody is shown what they are shown, on one calm page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flows.columns import columns, wrapped
from flows.console import say
from tasks.explain import Explanation, explain
from tasks.explain.answers import CLOSE, PARTS, ItemAnswer, Place
from tasks.inspection import command
from tasks.raw_facts import Event
from tasks.refusals import StorageError, UsageError
from tasks.workspace import Workspace

NUMBERS = "rank at score coll sequ cont know policy value before now"
"""Columns of numbers."""

HEADS = {"collaborative": "coll", "sequential": "sequ", "content": "cont", "knowledge": "know", "policy": "policy"}
"""What a score is the sum of, and how the columns are called that hold it: the names are wider than the numbers."""


def show_explanation(root: Path, user: str, item: str | None, day: date | None, as_json: bool) -> int:
    """Print what a published night says to a user, and why; with an item, where that one stands.

    Raises UsageError, after it has said what strangers get, for a user nobody has heard of, and StorageError, after everything else,
    where a score is not the sum of its parts.
    """
    workspace = Workspace(root.resolve())
    workspace.require()
    told = explain(workspace, user, item, day)
    if as_json:
        say(told.model_dump_json())
    else:
        for line in _stranger(told) if not told.is_known else _item(told, told.item) if told.item else _page(told):
            say(line)
    if not told.is_known:
        closest = f", such as {', '.join(map(str, told.alike))}" if told.alike else ""
        next_step = command(workspace.root, "explain", told.alike[0] if told.alike else "USER", "--date", told.run_date)
        raise UsageError(f"user {user}", f"a user of the night of {told.run_date}{closest}", "nothing about that id", next_step)
    if not told.sums_hold:
        where = f"the recommendations of {told.run_date}"
        found = f"one that is {told.largest_gap:.2g} away"
        next_step = f"{command(workspace.root, 'verify')}, and keep the output of this command"
        raise StorageError(where, f"scores that are the sum of their parts within {CLOSE:g}", found, next_step)
    return 0


def _page(told: Explanation) -> Iterator[str]:
    yield from _head(told)
    yield from _list(told)
    yield from _why_not(told)
    yield from _changes(told)
    shown = f", the latest {len(told.history)}" if told.n_events > len(told.history) else ""
    yield f"\nwhat the user did before {told.known_until:%Y-%m-%d %H:%M} UTC: {_count(told.n_events, 'interaction')}{shown}"
    yield from _events(told.history)


def _head(told: Explanation) -> Iterator[str]:
    first = told.recommendations[0] if told.recommendations else None
    served = f", served by {first.served_by}" if first else ""
    variant = f", variant {first.variant}" if first and first.variant else ""
    yield from wrapped(
        f"user {told.user_id}, night of {told.run_date}: {_count(len(told.recommendations), 'recommendation')}{served}{variant}"
    )
    yield f"run {told.run_id}, models {told.model_version}, data through {told.data_through or 'unknown (no times)'}"
    if told.short_because:
        yield from wrapped(f"the list is short: {told.short_because}")


def _list(told: Explanation) -> Iterator[str]:
    if not told.recommendations:
        return
    yield "\nrecommended (coll, sequ, cont and know are what the four families add; * adds most)"
    parts = [name for name in PARTS if name != "policy" or any(place.policy for place in told.recommendations)]
    heads = ("rank", "item", "title", "score", *(HEADS[name] for name in parts), "because of")
    rows = [
        (place.rank, place.item_id, place.title, f"{place.score:.3f}", *_parts(place, parts), _because(place))
        for place in told.recommendations
    ]
    yield from columns(heads, rows, NUMBERS)
    word = "every score is the sum of its parts" if told.sums_hold else "SCORES ARE NOT THE SUM OF THEIR PARTS"
    yield f"{word} (largest difference {told.largest_gap:.1e})"


def _parts(place: Place, names: list[str]) -> Iterator[str]:
    for name in names:
        part = place.parts[name]
        yield "- " if part is None else f"{part:z.3f}{'*' if name == place.reason else ' '}"


def _because(place: Place) -> str:
    return "" if place.because_item_id is None else f"{place.because_item_id} {place.because_title or ''}".rstrip()


def _why_not(told: Explanation) -> Iterator[str]:
    if told.why_not is None:
        yield "\nwhy other candidates are missing is not known: that date was published without the table why_not"
        return
    best = f" {3 * told.k}" if told.k else ""
    yield f"\ncandidates that are left out, of the best{best}: {_counts(row.cause for row in told.why_not)}"
    rows = [(row.candidate_rank, row.item_id, row.title, f"{row.score:.3f}", row.cause, row.rule) for row in told.why_not]
    yield from columns(("at", "item", "title", "score", "cause", "rule"), rows, NUMBERS) if rows else ()


def _changes(told: Explanation) -> Iterator[str]:
    if told.changes is None:
        yield "\nwhat changed is not known: that date was published without the table changes"
        return
    since = f"the night of {told.changed_since}" if told.changed_since else "the night before"
    yield f"\nchanged since {since}: {_counts(row.change for row in told.changes)}"
    rows = [(row.item_id, row.title, row.change, row.rank_before, row.rank, row.cause, row.detail) for row in told.changes]
    yield from columns(("item", "title", "change", "before", "now", "cause", "rule"), rows, NUMBERS) if rows else ()


def _events(events: tuple[Any, ...]) -> Iterator[str]:
    rows = [(_time(event), event.event_type, _value(event), event.item_id, getattr(event, "title", None)) for event in events]
    yield from columns(("time (UTC)", "type", "value", "item", "title"), rows, NUMBERS) if rows else ()


def _item(told: Explanation, answer: ItemAnswer) -> Iterator[str]:
    title = f" ({answer.item.title})" if answer.item.title else ""
    head = f"user {told.user_id}, item {answer.item.item_id}{title}, night of {told.run_date}: {answer.standing.replace('_', ' ')}"
    yield from wrapped(head)
    for sentence in answer.because:
        yield from wrapped(sentence, "  ", "    ")
    if answer.would_have_to_change:
        yield "what would have to change"
    for sentence in answer.would_have_to_change:
        yield from wrapped(sentence, "  ", "    ")
    if answer.place:
        yield f"its score {answer.place.score:.4f} is the sum of"
        for name, part in answer.contributions:
            yield f"  {name:<14}{part:>10.4f}"
    if answer.shown is not None:
        yield f"that night it was in {answer.shown.n_lists:,} lists, {answer.shown.share:.1%} of all, and headed {answer.shown.n_first:,}"
    if answer.changed:
        change = answer.changed
        places = f"place {change.rank_before or '-'} before, {change.rank or '-'} now"
        yield f"since the night before: {change.change} ({places}), because of {change.cause} {change.detail}".rstrip()
    if answer.did:
        yield f"what the user did with it: {_count(len(answer.did), 'interaction')}"
        yield from _events(answer.did[:20])


def _stranger(told: Explanation) -> Iterator[str]:
    yield from wrapped(f"user {told.user_id}, night of {told.run_date}: nothing is known, neither a list nor an interaction")
    yield "somebody nobody has heard of would be shown what is popular with everybody (popular_items)"
    rows = [(place.rank, place.item_id, place.title, f"{place.score:.3f}") for place in told.popular]
    yield from columns(("rank", "item", "title", "score"), rows, NUMBERS)


def _counts(words: Any) -> str:
    found = Counter(words)
    return ", ".join(f"{count} {word}" for word, count in sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))) or "none"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _time(event: Event) -> str:
    at: datetime | None = event.occurred_at
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _value(event: Event) -> str:
    return "" if event.value is None else f"{event.value:g}"
