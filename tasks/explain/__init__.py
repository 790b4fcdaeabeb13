"""Explain: what a published night says to one user, and what lies behind it, from its tables and from raw/; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, TypeVar

from pydantic import BaseModel

from tasks.explain.answers import Changed, Did, Explanation, ItemAnswer, LeftOut, Place, Popular, Resemblance, Shown
from tasks.explain.item import Known, answer
from tasks.in_memory import in_memory
from tasks.raw_facts import Id, Item, described, events_of, titled
from tasks.served_night import ServedNight, served_night
from tasks.tables import EVERYBODY
from tasks.warehouse import Warehouse
from tasks.workspace import Workspace

__all__ = ["Explanation", "explain"]

LATEST = 20
"""Events of the user that are told."""

SHOWN_POPULAR, ALIKE = 10, 5
"""What is told of a user nobody has heard of: popular items, and ids written almost like the one asked for."""

Row = TypeVar("Row", bound=BaseModel)


def explain(workspace: Workspace, user: str, item: str | None = None, day: date | None = None) -> Explanation:
    """Gather what the night of a date, else the one that is served, published for a user, and why.

    With an item, also where that one stands. Published files are checked for presence and number of rows, not hashed. Raises UsageError
    where the date is not published, StorageError where a file is missing.
    """
    night = served_night(workspace, day)
    with in_memory(workspace.root, night.id_types) as store:
        asked = night.user(user)
        known = None if asked is None else _known(store, night, asked)
        if asked is None or known is None:
            return _stranger(store, night, user)
        return _told(store, known, asked, item)


def _known(store: Warehouse, night: ServedNight, user: Id) -> Known | None:
    """Read the user's rows and past; None of somebody who has neither."""
    known = Known(
        night=night,
        places=_rows(night, "recommendations", user, Place),
        why_not=_rows(night, "why_not", user, LeftOut) if night.has("why_not") else None,
        changes=_rows(night, "changes", user, Changed) if night.has("changes") else None,
        events=events_of(store, night, user),
        items={},
    )
    heard_of = known.places or known.why_not or known.changes or known.events or _short(night, user)
    return known if heard_of else None


def _told(store: Warehouse, known: Known, user: Id, item: str | None) -> Explanation:
    night, asked = known.night, None if item is None else known.night.item(item)
    ids = [row.item_id for rows in (known.places, known.why_not or (), known.changes or (), known.events[:LATEST]) for row in rows]
    because = [place.because_item_id for place in known.places if place.because_item_id is not None]
    items = described(store, night, [*ids, *because, *([] if asked is None else [asked])])
    named = Known(
        night=night,
        places=[place.model_copy(update={"because_title": _title(items, place.because_item_id)}) for place in titled(known.places, items)],
        why_not=None if known.why_not is None else titled(known.why_not, items),
        changes=None if known.changes is None else titled(known.changes, items),
        events=known.events,
        items=items,
    )
    latest = [Did(**event.model_dump()) for event in known.events[:LATEST]]
    return Explanation(
        **_facts(night),
        user_id=user,
        is_known=True,
        recommendations=tuple(named.places),
        short_because=_short(night, user),
        why_not=None if named.why_not is None else tuple(named.why_not),
        changes=None if named.changes is None else tuple(named.changes),
        history=tuple(titled(latest, items)),
        n_events=len(known.events),
        item=_item(named, item, asked),
    )


def _item(known: Known, item: str | None, asked: Id | None) -> ItemAnswer | None:
    if item is None:
        return None
    if asked is None:
        kind = known.night.id_types["item_id"]
        why = f"ids of items are of type {kind} in this workspace, and this is none"
        return ItemAnswer(item=Item(item_id=item, is_known=False), standing="unknown", because=(why,))
    because = next((place.because_item_id for place in known.places if place.item_id == asked), None)
    resemblances = [] if because is None else list(_resemblances(known.night, asked, because))
    everywhere = known.night.rows("exposure", ("item_id", asked), ("segment", EVERYBODY)) if known.night.has("exposure") else []
    return answer(known, asked, resemblances, next((Shown(**row) for row in everywhere), None))


def _resemblances(night: ServedNight, one: Id, other: Id) -> Iterator[Resemblance]:
    """Look up how strongly each of two items speaks for the other, as far as that was published."""
    if night.has("similar_items"):
        for item, similar in ((one, other), (other, one)):
            yield from (Resemblance(**row) for row in night.rows("similar_items", ("item_id", item), ("similar_item_id", similar)))


def _stranger(store: Warehouse, night: ServedNight, user: str) -> Explanation:
    """Tell what somebody would get of whom nothing is known, and whose ids are written almost like the one asked for."""
    popular = [Popular(**row) for row in night.rows("popular_items", ("segment", EVERYBODY))[:SHOWN_POPULAR]]
    items = described(store, night, [place.item_id for place in popular])
    alike = store.rows("explain.alike_users", recommendations=str(night.table("recommendations")), asked=user, most=ALIKE)
    return Explanation(
        **_facts(night),
        user_id=user,
        is_known=False,
        popular=tuple(titled(popular, items)),
        alike=tuple(row["user_id"] for row in alike),
    )


def _facts(night: ServedNight) -> dict[str, Any]:
    before = night.workspace.manifest(str(night.manifest.get("champion")))
    told = {name: night.manifest[name] for name in ("model_version", "data_through")}
    known = {"run_date": night.run_date, "run_id": night.run_id, "known_until": night.known_until, "k": night.k}
    return {**told, **known, "changed_since": before["run_date"] if before else None}


def _rows(night: ServedNight, table: str, user: Id, kind: type[Row]) -> list[Row]:
    return [kind(**row) for row in night.rows(table, ("user_id", user))]


def _short(night: ServedNight, user: Id) -> str | None:
    """Return why the user's list is short, None where it is not."""
    return next((row["reason"] for row in night.rows("coverage", ("fact", "short_list"), ("subject", str(user)))), None)


def _title(items: Mapping[Id, Item], item: Id | None) -> str | None:
    return items[item].title if item is not None and item in items else None
