"""Two sets of lists on a page: what both `nightly diff` and `nightly simulate` say of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flows.columns import columns, wrapped
from tasks.lists_compared import Beside, ChangedUser, Mover, Summary

NUMBERS = "rank before after change places kept moved users lists"
"""Columns of numbers."""


def summary_lines(found: Summary) -> Iterator[str]:
    """Say how many users and places of lists are the same, and how many are not."""
    new, gone = found.n_users_after - found.n_users_both, found.n_users_before - found.n_users_both
    yield f"  users     {found.n_users_before:,} before, {found.n_users_after:,} after; {new:,} new, {gone:,} gone"
    if found.overlap is None:
        yield "  lists     nobody has a list on both sides"
        return
    moved = found.n_changed - found.n_other_items
    same = found.n_users_both - found.n_changed
    yield f"  lists     {found.n_other_items:,} with other items, {moved:,} with the same in another order, {same:,} unchanged"
    yield f"  places    {found.n_entered:,} entered, {found.n_left:,} left, {found.n_moved:,} moved"
    yield f"  overlap   {found.overlap:.1%} of a list stands in the other, a mean over users"
    yield f"  items     {found.n_items_before:,} shown before, {found.n_items_after:,} after; {found.n_new:,} new, {found.n_gone:,} gone"


def mover_lines(movers: Sequence[Mover]) -> Iterator[str]:
    """List the items that more or fewer users are shown; nothing where there are none."""
    if movers:
        yield "\nitems whose number of lists changed most"
        rows = [
            (row.item_id, row.title, f"{row.lists_before:,}", f"{row.lists_after:,}", f"{row.lists_after - row.lists_before:+,}")
            for row in movers
        ]
        yield from columns(("item", "title", "before", "after", "change"), rows, NUMBERS)


def user_lines(most_changed: Sequence[ChangedUser]) -> Iterator[str]:
    """List the users whose lists changed most; nothing where none did."""
    if most_changed:
        yield "\nusers of whose lists least is left"
        rows = [(row.user_id, row.places, row.n_kept, row.n_moved) for row in most_changed]
        yield from columns(("user", "places", "kept", "moved"), rows, NUMBERS)


def beside_lines(found: Beside, before: str, after: str, why: str = "cause") -> Iterator[str]:
    """Show both lists side by side under their names; `why` heads what is told of items that were not there before.

    Behind an item of the later one stands where it came from, behind one that left a minus.
    """
    was, now = ({place.item_id: place.rank for place in places} for places in (found.before, found.after))
    causes = {change.item_id: f"{change.cause} {change.detail}".rstrip() for change in found.changes or ()}
    rows: list[tuple[Any, ...]] = []
    for place in range(max(len(was), len(now))):
        old = found.before[place] if place < len(found.before) else None
        new = found.after[place] if place < len(found.after) else None
        left = (old.item_id, old.title, "" if old.item_id in now else "-") if old else (None, None, "")
        right = (new.item_id, new.title, _moved(was.get(new.item_id), new.rank), causes.get(new.item_id)) if new else (None,) * 4
        rows.append((place + 1, *left, *right))
    yield from columns(("rank", before, "title", "", after, "title", "was", why), rows, NUMBERS)
    for change in found.changes or ():
        if change.change == "left":
            yield from wrapped(f"{change.item_id} left (it was in place {change.rank_before}): {causes[change.item_id]}")


def _moved(before: int | None, rank: int) -> str:
    return "+" if before is None else "" if before == rank else str(before)
