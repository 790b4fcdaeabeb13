"""Why an item is not in a list and what would have to change, in sentences: from the cause, the settings and what is known of the item."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tasks.explain.answers import LeftOut, Place
from tasks.prepare.vectors import json_list
from tasks.raw_facts import Event, Item

LISTED = frozenset({"boosts", "caps", "eligibility", "quotas"})
"""Policies of which there may be several, told apart by their names."""

LONGEST = 60
"""Characters of a value of a setting that are shown."""

LONG_AGO = datetime.fromisoformat("0001-01-01")
"""The end of what never began."""


@dataclass(frozen=True)
class Case:
    """All that is known of one item that a user is not shown: its candidate row where it has one, and what surrounds it.

    `events` are what the user did with it, newest first, `holders` the items of the list.
    """

    item: Item
    candidate: LeftOut | None
    places: Sequence[Place]
    events: Sequence[Event]
    holders: Mapping[Any, Item]
    settings: Mapping[str, Any]
    known_until: datetime

    @property
    def rule(self) -> str:
        return self.candidate.rule if self.candidate else ""

    @property
    def missing(self) -> float | None:
        """How much it scored below the last place of the list; negative where it scored above it."""
        return self.places[-1].score - self.candidate.score if self.candidate and self.places else None

    @property
    def most_there(self) -> str | None:
        """The part of the score that adds most to the last place of the list."""
        parts = {name: part for name, part in self.places[-1].parts.items() if part is not None} if self.places else {}
        return max(parts, key=lambda name: parts[name]) if parts else None


def advice(case: Case, cause: str) -> tuple[list[str], list[str]]:
    """Say why an item is not shown, and what would have to change, a sentence each."""
    return CAUSES[cause](case) if cause in CAUSES else ([f"{cause} ({case.rule})"], [_set_otherwise(case)])


def is_unavailable(case: Case) -> bool:
    """Tell whether the catalogue says that the item could not be had at the end of the night's date."""
    item = case.item
    too_early = item.available_from is not None and item.available_from >= case.known_until
    too_late = item.available_until is not None and item.available_until < case.known_until
    return too_early or too_late or bool(_out_of_stock(case))


def setting_of(rule: str, settings: Mapping[str, Any]) -> str:
    """Spell what a rule's name stands for as nightly.toml does, with the values of the night where it wrote them down."""
    kind, _, name = rule.partition(".")
    policies = settings.get("policies", {})
    if kind in LISTED:
        entry: dict[str, Any] = next((entry for entry in policies.get(kind, ()) if entry.get("name") == name), {})
        told = ", ".join(f"{key} = {_toml(value)}" for key, value in entry.items() if key != "name" and value is not None)
        return f'[[policies.{kind}]] name = "{name}"' + (f", {told}" if told else "")
    value = policies.get(kind, {} if name else None)
    if isinstance(value, Mapping):
        chosen = {key: part for key, part in value.items() if key == name} if name else value
        told = ", ".join(f"{key} = {_toml(part)}" for key, part in chosen.items() if part is not None)
        return f"[policies.{kind}] {told or name}".strip()
    return f"[policies] {kind}" + ("" if value is None else f" = {_toml(value)}")


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return _cut("{" + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + "}")
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _set_otherwise(case: Case) -> str:
    return f"the rule would have to be set otherwise: {setting_of(case.rule, case.settings)}"


def _rank(case: Case) -> tuple[list[str], list[str]]:
    if case.candidate is None or case.missing is None:
        return ["others scored higher"], []
    last = case.places[-1]
    if case.missing < 0:
        why = f"it scored {-case.missing:.4f} more than the last place, but the rules of the list put others before it"
        return [why], ["the rules that arrange lists would have to be set otherwise: [policies]"]
    there = f"; there {case.most_there} adds most ({last.parts[case.most_there]:.4f})" if case.most_there else ""
    why = f"others scored higher: it is {case.missing:.4f} below the last place of the list (place {last.rank}){there}"
    return [why], [f"its score would have to rise by more than {case.missing:.4f}, for example by points of a rule in [[policies.boosts]]"]


def _seen(case: Case) -> tuple[list[str], list[str]]:
    if not case.events:
        return ["the user has seen it"], ["what counts as seen would have to be set otherwise: [policies.seen]"]
    rules = case.settings.get("policies", {}).get("seen", {})
    ends = [_end(rules, event) for event in case.events]
    times = [event.occurred_at for event in case.events if event.occurred_at is not None]
    first, last = (f"{found(times):%Y-%m-%d %H:%M}" if times else "" for found in (min, max))
    when = f", first {first}, last {last} UTC" if first != last else f", {first} UTC" if times else ""
    types = ", ".join(sorted({event.event_type or "no type" for event in case.events}))
    why = f"the user has seen it: {len(case.events)} {'event' if len(case.events) == 1 else 'events'} ({types}){when}"
    if any(end is None for end in ends):
        return [why], ["by [policies.seen] it stays out of the list for ever; only another setting brings it back"]
    until = max(end for end in ends if end is not None)
    return [why], [f"by [policies.seen] it stays out until {until:%Y-%m-%d %H:%M} UTC, counted from the last event, unless met again"]


def seen_is_over(case: Case) -> bool:
    """Tell whether what the user did with the item no longer keeps it from the list, by the settings of the night."""
    rules = case.settings.get("policies", {}).get("seen", {})
    ends = [_end(rules, event) for event in case.events]
    return all(end is not None and end < case.known_until for end in ends)


def _end(rules: Mapping[str, Any], event: Event) -> datetime | None:
    """Return until when an event keeps its item from the list; None where it does so for ever."""
    term = rules.get("types", {}).get(event.event_type, rules.get("default", "forever"))
    if term == "never":
        return event.occurred_at or LONG_AGO
    return None if term == "forever" or event.occurred_at is None else event.occurred_at + timedelta(days=float(term))


def _unavailable(case: Case) -> tuple[list[str], list[str]]:
    item, why, change = case.item, [], []
    if item.available_from is not None and item.available_from >= case.known_until:
        why.append(f"it is available only from {item.available_from:%Y-%m-%d %H:%M} UTC")
        change.append("nothing: it can be recommended from then on; or deliver an earlier available_from")
    if item.available_until is not None and item.available_until < case.known_until:
        why.append(f"it was available until {item.available_until:%Y-%m-%d %H:%M} UTC")
        change.append("deliver it with a later available_until")
    for name, value in _out_of_stock(case).items():
        why.append(f"it is not available: {name} is {value}")
        change.append(f"deliver it with another {name}; the setting is {setting_of('unavailable_where', case.settings)}")
    return why or ["it was not available"], change or ["deliver the item with other dates of availability"]


def _out_of_stock(case: Case) -> dict[str, str]:
    """Return the attributes of the item whose values make it unavailable."""
    rules = case.settings.get("policies", {}).get("unavailable_where") or {}
    told = {name: _attribute(case.item, name) or "" for name in rules}
    return {name: value for name, value in told.items() if value.casefold() in {str(each).casefold() for each in rules[name]}}


def _attribute(item: Item | None, name: str) -> str | None:
    """Return what an item was delivered with under a name, whatever its case."""
    attributes = item.attributes if item else {}
    return next((value for their, value in attributes.items() if their.casefold() == name.casefold()), None)


def _capped(case: Case) -> tuple[list[str], list[str]]:
    name = case.rule.partition(".")[2]
    caps = {cap.get("name"): cap for cap in case.settings.get("policies", {}).get("caps", ())}
    by, most = caps.get(name, {}).get("by"), caps.get(name, {}).get("most")
    if by is None:
        return [f"the cap {name} is full"], [_set_otherwise(case)]
    why = []
    for value in sorted(_values(case.item, by, case.settings)):
        holding = [place for place in case.places if value in _values(case.holders.get(place.item_id), by, case.settings)]
        if len(holding) >= (most or 1):
            places = ", ".join(f"{place.item_id} (place {place.rank})" for place in holding)
            why.append(f"no more than {most} items of a list share {by} = {value}, and these do: {places}")
    change = "one of these would have to leave the list or score less than this item; or " if why else ""
    return why or [f"no more than {most} items of a list share a value of {by}"], [f"{change}{_set_otherwise(case)}"]


def _values(item: Item | None, by: str, settings: Mapping[str, Any]) -> set[str]:
    """Return the values that a cap compares: categories, or the band that a number lies in."""
    text, features = _attribute(item, by), settings.get("features", {})
    if not text:
        return set()
    bounds = next((bounds for name, bounds in features.get("bands", {}).items() if name.casefold() == by.casefold()), None)
    if bounds:
        between = [f"{low:g} to {high:g}" for low, high in pairwise(bounds)]
        try:
            return {(f"below {bounds[0]:g}", *between, f"from {bounds[-1]:g}")[bisect_right(bounds, float(text))]}
        except ValueError:
            return set()
    parts: Iterable[Any] | None = json_list(text)
    return {str(part).strip().lower() for part in (parts if parts is not None else text.split(features.get("separator", "|")))} - {""}


def _told(sentence: str) -> Callable[[Case], tuple[list[str], list[str]]]:
    return lambda case: ([sentence], [_set_otherwise(case)])


CAUSES: dict[str, Callable[[Case], tuple[list[str], list[str]]]] = {
    "rank": _rank,
    "seen": _seen,
    "unavailable": _unavailable,
    "blocked": _told("it is blocked, for everybody or for this user"),
    "own_item": _told("the user offers it"),
    "ineligible": _told("the user may not be shown it"),
    "tired_of": _told("it was shown on many nights lately, and the user did not take it up"),
    "below_minimum": _told("the chance that the user likes it is below the smallest one allowed"),
    "capped": _capped,
    "diversified": _told("it is much like items above it in the list, and others took its place"),
    "displaced": _told("its place is kept for items of a rule"),
}
"""Cause -> what is said of it."""
