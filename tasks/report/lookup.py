"""The look-up: what some users did, what they are shown and why, and what nearly made it into their list."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow.parquet as pq

from tasks.explain.answers import PARTS, Place
from tasks.in_memory import in_memory
from tasks.raw_facts import Event, Id, events_of_users
from tasks.refusals import NightError
from tasks.report.changes import CAUSES
from tasks.report.drawing import Piece, Scale, signed_bar
from tasks.report.sample import Chosen
from tasks.report.telling import Telling

log = logging.getLogger("nightly")

BAR_WIDTH = 120
HISTORY, PLACES, NEARLY, LEFT = 8, 20, 6, 6
"""What is told of one user at most: events, places of the list, candidates that are not in it, and items that left it."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Did:
    """One thing the user did."""

    item_id: Id
    title: str | None
    occurred_at: datetime | None
    event_type: str | None
    value: float | None


@dataclass(frozen=True)
class Listed:
    """One place of the list: what its score is made of, in words and as a bar, and how it got there since the night before."""

    place: Place
    pieces: list[Piece]
    zero: float
    says: str
    moved: str


@dataclass(frozen=True)
class Nearly:
    """A candidate that is not in the list, and the cause and the rule that say why."""

    item_id: Id
    title: str | None
    candidate_rank: int
    score: float
    cause: str
    rule: str


@dataclass(frozen=True)
class Left:
    """An item that left the list since the night before."""

    item_id: Id
    title: str | None
    rank_before: int
    why: str


@dataclass(frozen=True)
class Person:
    """One user who can be looked up; `n_more` places and `n_events` are counted where fewer are told, `n_met` were left out as met."""

    user_id: Id
    segment: str
    served_by: str
    variant: str | None
    n_entered: int
    n_events: int
    history: list[Did]
    listed: list[Listed]
    n_more: int
    nearly: list[Nearly]
    n_met: int
    left: list[Left]


def people(telling: Telling) -> list[Person]:
    """Look up the users who were chosen when the night ended; nobody where it made no lists."""
    chosen = {user.user_id: user for user in telling.account.sample}
    lists = _by_user(telling, "recommendations", chosen)
    if not lists:
        return []
    others, changed = _by_user(telling, "why_not", chosen), _by_user(telling, "changes", chosen)
    events = _events(telling, list(chosen))
    told = {
        user: _Known(one, lists[user], others.get(user, []), changed.get(user, []), events.get(user, []))
        for user, one in chosen.items()
        if user in lists
    }
    titles = telling.titles(item for known in told.values() for item in known.items())
    return [known.told(titles) for known in told.values()]


@dataclass(frozen=True)
class _Known:
    """The rows of one user, as the tables have them, and the user's events, the newest first."""

    chosen: Chosen
    places: Sequence[Row]
    others: Sequence[Row]
    changed: Sequence[Row]
    events: Sequence[Event]

    def items(self) -> Iterable[Id]:
        """Return the items whose titles are told."""
        rows = [*self.places[:PLACES], *self.nearly, *self.left]
        because = [row["because_item_id"] for row in self.places[:PLACES] if row["because_item_id"] is not None]
        return [*(row["item_id"] for row in rows), *because, *(event.item_id for event in self.events[:HISTORY])]

    @property
    def nearly(self) -> list[Row]:
        """The best candidates that are not in the list; those that the user has met only where there are no others."""
        return sorted(self.others, key=lambda row: (row["cause"] == "seen", row["candidate_rank"]))[:NEARLY]

    @property
    def left(self) -> list[Row]:
        return sorted((row for row in self.changed if row["change"] == "left"), key=lambda row: row["rank_before"])[:LEFT]

    def told(self, titles: Mapping[Id, str]) -> Person:
        first = self.places[0]
        return Person(
            user_id=self.chosen.user_id,
            segment=self.chosen.segment,
            served_by=first["served_by"],
            variant=first["variant"],
            n_entered=self.chosen.n_entered,
            n_events=len(self.events),
            history=[Did(title=titles.get(event.item_id), **event.model_dump()) for event in self.events[:HISTORY]],
            listed=_listed(self.places, self.changed, titles),
            n_more=max(0, len(self.places) - PLACES),
            nearly=[_nearly(row, titles) for row in self.nearly],
            n_met=sum(row["cause"] == "seen" for row in self.others),
            left=[
                Left(row["item_id"], titles.get(row["item_id"]), row["rank_before"], CAUSES.get(row["cause"], str(row["cause"])))
                for row in self.left
            ],
        )


def _by_user(telling: Telling, table: str, users: Iterable[Id]) -> dict[Id, list[dict[str, Any]]]:
    """Read the rows of some users of one of tonight's tables, in the order of its key; parts of the file without them are not read."""
    path, asked = telling.table(table), list(users)
    rows: dict[Id, list[dict[str, Any]]] = {}
    if path is not None and asked:
        for row in pq.read_table(path, filters=[("user_id", "in", asked)]).to_pylist():
            rows.setdefault(row["user_id"], []).append(row)
    return rows


def _events(telling: Telling, users: Sequence[Id]) -> dict[Id, list[Event]]:
    """Read what the users did from raw/, which may be gone when a night is told again."""
    try:
        with in_memory(telling.workspace.root, telling.id_types) as store:
            return events_of_users(store, telling.night, users)
    except NightError as error:
        log.warning("report: users are told without their history: %s", error)
        return {}


def _listed(places: Sequence[Row], changed: Sequence[Row], titles: Mapping[Id, str]) -> list[Listed]:
    told = [Place(**{name: row[name] for name in row.keys() & Place.model_fields.keys()}) for row in places[:PLACES]]
    added = [sum(part for part in place.parts.values() if part and part > 0) for place in told]
    taken = [-sum(part for part in place.parts.values() if part and part < 0) for place in told]
    scale = Scale(-max(taken), max(max(added), 1e-9), BAR_WIDTH)
    moves = {row["item_id"]: row for row in changed}
    named = [
        place.model_copy(update={"title": titles.get(place.item_id), "because_title": titles.get(place.because_item_id or "")})
        for place in told
    ]
    return [
        Listed(place, signed_bar(place.parts, scale), scale(0.0), _in_words(place), _moved(moves.get(place.item_id))) for place in named
    ]


def _in_words(place: Place) -> str:
    """Name what the score is made of, the largest part first."""
    parts = sorted(((name, part) for name, part in place.parts.items() if part), key=lambda part: -abs(part[1]))
    return ", ".join(f"{name} {part:+.2f}" for name, part in parts)


def _moved(change: Row | None) -> str:
    """Say in a few signs what became of a place since the night before."""
    if change is None:
        return ""
    return "new" if change["change"] == "entered" else f"was {change['rank_before']}"


def _nearly(row: Row, titles: Mapping[Id, str]) -> Nearly:
    told = {name: row[name] for name in ("item_id", "candidate_rank", "score", "cause", "rule")}
    return Nearly(title=titles.get(row["item_id"]), **told)


COLOURS = {name: place for place, name in enumerate(PARTS)}
"""Part of a score -> the number of its colour."""
