"""Diff: what differs between the recommendations of two published dates, and between what they were made from; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel

from tasks.explain.answers import Changed
from tasks.in_memory import in_memory
from tasks.lists_compared import Beside, ChangedUser, Mover, Summary, compare_lists, side_by_side
from tasks.refusals import UsageError
from tasks.served_night import ServedNight, served_night
from tasks.warehouse import Warehouse
from tasks.workspace import Workspace

FACTS = ("run_id", "model_version", "data_through", "contract_version", "code", "composition")
"""What manifests tell of a night beside its settings, versions and deliveries."""


class Difference(BaseModel, frozen=True):
    """One thing that is not the same on both dates: a setting by its path, a library, a fact of the manifest; None where it is absent."""

    what: str
    before: Any = None
    after: Any = None


class Made(BaseModel, frozen=True):
    """What the two nights were made from, as far as it differs; deliveries as source/name."""

    facts: tuple[Difference, ...]
    settings: tuple[Difference, ...]
    versions: tuple[Difference, ...]
    more_delivered: tuple[str, ...]
    fewer_delivered: tuple[str, ...]


class Cause(BaseModel, frozen=True):
    """Why so many places of lists changed, as the later date's `changes` tells it."""

    change: str
    cause: str
    detail: str
    n_places: int
    n_users: int


class Differences(BaseModel, frozen=True):
    """All that differs; `causes` is None where the later date's changes were not made against the earlier one, and `why_no_causes` says so.

    With a user, only `beside` and `made` are told.
    """

    before: date
    after: date
    made: Made
    summary: Summary | None = None
    causes: tuple[Cause, ...] | None = None
    why_no_causes: str | None = None
    movers: tuple[Mover, ...] = ()
    most_changed: tuple[ChangedUser, ...] = ()
    beside: Beside | None = None


def diff(workspace: Workspace, before: date, after: date, user: str | None = None, most: int = 10) -> Differences:
    """Compare two published dates, or what both say to one user; at most so many items and users are listed.

    Published files are checked for presence and number of rows, not hashed. Raises UsageError for a date that is not published and for a
    user without a list on either, StorageError where a file is missing.
    """
    nights = served_night(workspace, before), served_night(workspace, after)
    why_not = _why_no_causes(*nights)
    told = {"before": before, "after": after, "made": made_from(nights[0].manifest, nights[1].manifest), "why_no_causes": why_not}
    with in_memory(workspace.root, nights[1].id_types) as store:
        if user is not None:
            return Differences(**told, beside=_beside(store, *nights, user, has_causes=why_not is None))
        then, now = (night.table("recommendations") for night in nights)
        compared = compare_lists(store, then, now, nights[1], most)
        causes = None if why_not else store.rows("diff.causes", changes=str(nights[1].table("changes")))
        return Differences(**told, **dict(compared), causes=None if causes is None else tuple(Cause(**row) for row in causes))


def made_from(before: Mapping[str, Any], after: Mapping[str, Any]) -> Made:
    """Compare what two manifests say their nights were made from."""
    then, now = before.get("inputs", {}), after.get("inputs", {})
    return Made(
        facts=tuple(_differing({name: before.get(name) for name in FACTS}, {name: after.get(name) for name in FACTS})),
        settings=tuple(_differing(before.get("settings", {}), after.get("settings", {}))),
        versions=tuple(_differing(before.get("versions", {}), after.get("versions", {}))),
        more_delivered=tuple(sorted(f"{file['source']}/{file['name']}" for sha256, file in now.items() if sha256 not in then)),
        fewer_delivered=tuple(sorted(f"{file['source']}/{file['name']}" for sha256, file in then.items() if sha256 not in now)),
    )


def by_path(part: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting of sections within sections by its path, such as `score.k`; an empty section by its own."""
    for name, value in part.items():
        if isinstance(value, dict) and value:
            yield from by_path(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    then, now = dict(by_path(before)), dict(by_path(after))
    for name in sorted({**then, **now}):
        if then.get(name) != now.get(name):
            yield Difference(what=name, before=then.get(name), after=now.get(name))


def _why_no_causes(before: ServedNight, after: ServedNight) -> str | None:
    """Say why the later date's `changes` does not tell of the earlier one, None where it does."""
    if not after.has("changes"):
        return f"{after.run_date} was published without the table changes"
    against = after.manifest.get("champion")
    if against == before.run_id:
        return None
    known = next((night for night in after.workspace.remembered() if night["run_id"] == against), None)
    other = f"the night of {known['run_date']}" if known else "a night that is no longer served" if against else "no night"
    return f"the changes of {after.run_date} are told against {other}"


def _beside(store: Warehouse, before: ServedNight, after: ServedNight, user: str, *, has_causes: bool) -> Beside:
    asked = after.user(user)
    changes = [Changed(**row) for row in after.rows("changes", ("user_id", asked))] if has_causes and asked is not None else None
    found = None if asked is None else side_by_side(store, before, after, asked, changes)
    if found is None:
        none, next_step = "no list on either", f"nightly explain {user} says what is known"
        raise UsageError(f"user {user}", f"a list of {before.run_date} or {after.run_date}", none, next_step)
    return found
