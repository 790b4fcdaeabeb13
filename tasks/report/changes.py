"""What has changed in the lists since those served before, why, and which items gained or lost by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from tasks.in_memory import in_memory
from tasks.raw_facts import Id
from tasks.report.drawing import Bar, bars
from tasks.report.telling import Telling, table_of
from tasks.served_night import ServedNight
from tasks.tables import EVERYBODY

EXAMPLES = 3
MOVERS = 5

CAUSES = {
    "seen": "the user has met it",
    "unavailable": "it is not available",
    "policy": "a rule",
    "new_user": "the user is new",
    "user_gone": "the user has no list any more",
    "new_item": "the item is new",
    "new_event": "the user did something",
    "variant": "the user changed variants",
    "models": "the models see it otherwise",
}
"""Cause in the table of changes -> what it says."""


@dataclass(frozen=True)
class Example:
    """One place that changed."""

    user_id: Id
    item_id: Id
    title: str | None
    rank_before: int | None
    rank: int | None


@dataclass(frozen=True)
class Change:
    """One kind of change with its cause: places and users, and the first examples."""

    change: str
    cause: str
    detail: str
    n_places: int
    n_users: int
    bar: Bar
    examples: list[Example]


@dataclass(frozen=True)
class Mover:
    """An item that more or fewer users are shown than before."""

    item_id: Id
    title: str | None
    before: int
    after: int


@dataclass(frozen=True)
class Changes:
    """All that changed since a date; None where that night is not served any more."""

    since: str | None
    kinds: list[Change]
    risen: list[Mover]
    fallen: list[Mover]


def changes(telling: Telling) -> Changes | None:
    """Tell what changed in the lists; None where there was nothing to compare them with."""
    path = telling.table("changes")
    if path is None or telling.account.champion is None or not pq.read_metadata(path).num_rows:
        return None
    with in_memory(telling.workspace.root, telling.id_types) as store:
        kinds = store.rows("report.change_examples", changes=str(path), most=EXAMPLES)
    risen, fallen = _movers(telling)
    asked = [row["item_id"] for kind in kinds for row in kind["examples"]] + [item for item, *_ in (*risen, *fallen)]
    titles = telling.titles(asked)
    drawn = bars([kind["n_places"] for kind in kinds])
    return Changes(
        telling.before.manifest["run_date"] if telling.before else None,
        [_change(kind, bar, titles) for kind, bar in zip(kinds, drawn, strict=True)],
        *([Mover(item, titles.get(item), before, after) for item, before, after in moved] for moved in (risen, fallen)),
    )


def _change(kind: Mapping[str, Any], bar: Bar, titles: Mapping[Id, str]) -> Change:
    told = {name: kind[name] for name in ("change", "detail", "n_places", "n_users")}
    examples = [Example(title=titles.get(row["item_id"]), **row) for row in kind["examples"]]
    return Change(cause=CAUSES.get(kind["cause"], kind["cause"]), bar=bar, examples=examples, **told)


def _movers(telling: Telling) -> tuple[list[tuple[Id, int, int]], list[tuple[Id, int, int]]]:
    """Return the items that gained most lists and those that lost most, with the lists that held them before and that hold them now."""
    if telling.before is None:
        return [], []
    before, after = _lists_of(telling.before), _lists_of(telling.night)
    moved = [(item, before.get(item, 0), after.get(item, 0)) for item in before.keys() | after.keys()]
    moved = sorted((one for one in moved if one[1] != one[2]), key=lambda one: (-abs(one[2] - one[1]), str(one[0])))
    return [one for one in moved if one[2] > one[1]][:MOVERS], [one for one in moved if one[2] < one[1]][:MOVERS]


def _lists_of(night: ServedNight) -> dict[Id, int]:
    path = table_of(night, "exposure")
    found = pq.read_table(path, columns=["item_id", "n_lists"], filters=[("segment", "=", EVERYBODY)]) if path else None
    return dict(zip(found["item_id"].to_pylist(), found["n_lists"].to_pylist(), strict=True)) if found else {}
