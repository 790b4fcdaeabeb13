"""Two sets of lists beside each other: what entered, left and moved, whose lists changed most, and which items are shown to whom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from tasks.explain.answers import Changed, Place
from tasks.raw_facts import Id, described, titled
from tasks.served_night import ServedNight
from tasks.warehouse import Warehouse


class Summary(BaseModel, frozen=True):
    """Counts of users and of places in lists; entered, left, moved and changed are about users with a list on both dates.

    `overlap` is the mean over these users of the share of the longer list's items that both hold, None where there are no such users.
    """

    n_users_before: int
    n_users_after: int
    n_users_both: int
    n_changed: int
    n_other_items: int
    n_entered: int
    n_left: int
    n_moved: int
    overlap: float | None
    n_items_before: int
    n_items_after: int
    n_new: int
    n_gone: int


class Mover(BaseModel, frozen=True):
    """An item that is shown to more or fewer users than before: the lists that hold it, and those that it heads."""

    item_id: Id
    title: str | None = None
    lists_before: int
    lists_after: int
    first_before: int
    first_after: int


class ChangedUser(BaseModel, frozen=True):
    """A user of whose list least is left."""

    user_id: Id
    places: int
    n_kept: int
    n_moved: int


class Compared(BaseModel, frozen=True):
    """What differs between two sets of lists."""

    summary: Summary
    movers: tuple[Mover, ...] = ()
    most_changed: tuple[ChangedUser, ...] = ()


class Beside(BaseModel, frozen=True):
    """The two lists of one user, and why they differ where that was published."""

    user_id: Id
    before: tuple[Place, ...]
    after: tuple[Place, ...]
    changes: tuple[Changed, ...] | None


def compare_lists(store: Warehouse, before: Path, after: Path, night: ServedNight, most: int) -> Compared:
    """Compare two Parquet files of recommendations; titles are those that a night knew, and at most so many items and users are listed.

    Raises StorageError where rows of a catalogue that tells titles are gone.
    """
    files = {"before": str(before), "after": str(after)}
    store.replace("diff_users", store.arrow("diff.users", **files))
    return Compared(
        summary=Summary(**store.rows("diff.summary")[0], **store.rows("diff.items", **files)[0], overlap=_overlap(store)),
        movers=tuple(_movers(store, night, files, most)),
        most_changed=tuple(ChangedUser(**row) for row in store.rows("diff.most_changed", most=most)),
    )


def side_by_side(store: Warehouse, before: ServedNight, after: ServedNight, user: Id, changes: Sequence[Changed] | None) -> Beside | None:
    """Return the two lists of a user, with titles as the later night knew them; None where neither has one and nothing changed."""
    was, now = ([Place(**row) for row in night.rows("recommendations", ("user_id", user))] for night in (before, after))
    if not (was or now or changes):
        return None
    items = described(store, after, [*(place.item_id for place in (*was, *now)), *(change.item_id for change in changes or ())])
    return Beside(
        user_id=user,
        before=tuple(titled(was, items)),
        after=tuple(titled(now, items)),
        changes=None if changes is None else tuple(titled(changes, items)),
    )


def _overlap(store: Warehouse) -> float | None:
    """Return the mean share of the longer list's items that both lists of a user hold."""
    rows = store.rows("diff.overlaps")
    n_users = sum(row["n_users"] for row in rows)
    return sum(row["n_users"] * row["n_kept"] / row["deepest"] for row in rows) / n_users if n_users else None


def _movers(store: Warehouse, night: ServedNight, files: dict[str, str], most: int) -> list[Mover]:
    rows = store.rows("diff.movers", **files, most=most)
    items = described(store, night, [row["item_id"] for row in rows])
    return [Mover(**row, title=items[row["item_id"]].title) for row in rows]
