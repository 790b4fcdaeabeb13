"""Simulation: lists made under other policies beside those that were published; nothing of either is changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
from pydantic import BaseModel

from tasks.diff import Difference
from tasks.explain.answers import Changed
from tasks.in_memory import in_memory
from tasks.lists_compared import Beside, Compared, compare_lists, side_by_side
from tasks.refusals import UsageError
from tasks.served_night import ServedNight
from tasks.warehouse import Warehouse

BELOW_CANDIDATES = "below_candidates"
"""Why an item is not in a list where `why_not` does not tell of it: too much scored higher, or it is unavailable and was not scored."""


class RuleCount(BaseModel, frozen=True):
    """How many candidates a rule left out, and of how many users; `before` is None where the night was published without why_not."""

    cause: str
    rule: str
    n_before: int | None
    n_after: int
    n_users_before: int | None
    n_users_after: int


class Catalogue(BaseModel, frozen=True):
    """How many items could be recommended, how many were shown to anybody, and how many lists are short."""

    n_recommendable: int
    n_shown: int
    n_short: int

    @property
    def share(self) -> float:
        """The share of the recommendable items that is shown, 0 where there are none."""
        return self.n_shown / self.n_recommendable if self.n_recommendable else 0.0


class ShortList(BaseModel, frozen=True):
    """A simulated list that is short: its length beside the published one's, why, and what left out most of the user's candidates."""

    user_id: str
    places_before: int
    places_after: int
    reason: str
    cause: str | None
    rule: str | None
    n_candidates: int


class Told(BaseModel, frozen=True):
    """What is to be said before lists are compared: the policies that differ, what is odd about the new ones, what to bear in mind."""

    policies: tuple[Difference, ...] = ()
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Simulated(Told, frozen=True):
    """What other policies would have made of a published night: before is as published, after as simulated.

    With a user, only `beside`, `policies`, `findings` and `notes` are told. Of the changes in `beside`, those of items that left have the
    cause for which the simulation leaves them out, those of items that entered the one for which the published night did.
    """

    run_date: date
    run_id: str
    model_version: str
    lists: Compared | None = None
    left_out: tuple[RuleCount, ...] = ()
    before: Catalogue | None = None
    after: Catalogue | None = None
    short_lists: tuple[ShortList, ...] = ()
    beside: Beside | None = None


def simulated_night(served: ServedNight, folder: Path, run_id: str) -> ServedNight:
    """Describe tables that were made anew for a published night, in a folder of its workspace, as one describes a night."""
    files = sorted(folder.glob("*.parquet"))
    tables = {path.stem: {"path": served.workspace.relative(path), "rows": pq.read_metadata(path).num_rows} for path in files}
    return ServedNight(served.workspace, served.manifest | {"run_id": run_id, "tables": tables})


def compare_with_published(served: ServedNight, made: ServedNight, told: Told, user: str | None = None, most: int = 10) -> Simulated:
    """Put simulated lists beside the published ones, or both lists of one user; at most so many items and users are listed.

    Raises UsageError for a user without a list in either, StorageError where a published file is missing.
    """
    known = {"run_date": served.run_date, "run_id": served.run_id, "model_version": str(served.manifest["model_version"]), **dict(told)}
    with in_memory(served.workspace.root, served.id_types) as store:
        if user is not None:
            return Simulated(**known, beside=_beside(store, served, made, user))
        lists = {"before": served.table("recommendations"), "after": made.table("recommendations")}
        coverage = {"coverage": str(made.table("coverage"))}
        asked = {**coverage, "recommendations": str(lists["before"]), "why_not": str(made.table("why_not")), "most": most}
        return Simulated(
            **known,
            lists=compare_lists(store, **lists, night=served, most=most),
            left_out=tuple(_left_out(store, served, made)),
            before=Catalogue(**store.rows("simulation.facts", coverage=str(served.table("coverage")))[0]),
            after=Catalogue(**store.rows("simulation.facts", **coverage)[0]),
            short_lists=tuple(ShortList(**row) for row in store.rows("simulation.short_lists", **asked)),
        )


def _left_out(store: Warehouse, served: ServedNight, made: ServedNight) -> Iterator[RuleCount]:
    has_before = served.has("why_not")
    before, after = (_counts(store, night) if night.has("why_not") else {} for night in (served, made))
    for cause, rule in sorted({**before, **after}):
        was, now = (counts.get((cause, rule), (0, 0)) for counts in (before, after))
        then = {"n_before": was[0], "n_users_before": was[1]} if has_before else {"n_before": None, "n_users_before": None}
        yield RuleCount(cause=cause, rule=rule, n_after=now[0], n_users_after=now[1], **then)


def _counts(store: Warehouse, night: ServedNight) -> dict[tuple[str, str], tuple[int, int]]:
    rows = store.rows("simulation.left_out", why_not=str(night.table("why_not")))
    return {(row["cause"], row["rule"]): (row["n_candidates"], row["n_users"]) for row in rows}


def _beside(store: Warehouse, served: ServedNight, made: ServedNight, user: str) -> Beside:
    asked = served.user(user)
    changes = [] if asked is None else list(_changes(served, made, asked))
    found = None if asked is None else side_by_side(store, served, made, asked, changes)
    if found is None:
        none, next_step = "no list, published or simulated", f"nightly explain {user} says what is known"
        raise UsageError(f"user {user}", f"a list of {served.run_date}", none, next_step)
    return found


def _changes(served: ServedNight, made: ServedNight, user: int | str) -> Iterator[Changed]:
    """Yield what left the list, with the reason of the simulation, and what entered it, with the reason it had not been there."""
    places = [{row["item_id"]: row["rank"] for row in night.rows("recommendations", ("user_id", user))} for night in (served, made)]
    reasons = [_reasons(night, user) for night in (served, made)]
    for item, rank in places[0].items():
        if item not in places[1]:
            cause, rule = reasons[1].get(item, (BELOW_CANDIDATES, ""))
            yield Changed(item_id=item, change="left", rank_before=rank, cause=cause, detail=rule)
    for item, rank in places[1].items():
        if item not in places[0]:
            cause, rule = reasons[0].get(item, (BELOW_CANDIDATES, ""))
            yield Changed(item_id=item, change="entered", rank=rank, cause=cause, detail=rule)


def _reasons(night: ServedNight, user: int | str) -> dict[int | str, tuple[str, str]]:
    rows = night.rows("why_not", ("user_id", user)) if night.has("why_not") else []
    return {row["item_id"]: (row["cause"], row["rule"]) for row in rows}
