"""Claims about `tasks.simulation`: simulated lists beside published ones, against known answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa
import pytest

from tasks.refusals import UsageError
from tasks.served_night import ServedNight, served_night
from tasks.simulation import BELOW_CANDIDATES, Catalogue, RuleCount, ShortList, Told, compare_with_published, simulated_night
from tasks.tables import TABLES
from tasks.tables.writing import write_table
from tasks.workspace import Workspace
from tests.published_nights import INTEGERS, Rows, everything, filled, list_of, publish_by_hand

MONDAY = date(2026, 1, 5)


def absent(user: int, item: int, place: int, cause: str, rule: str) -> dict[str, object]:
    return {"user_id": user, "item_id": item, "candidate_rank": place, "cause": cause, "rule": rule}


def short(user: int, places: int) -> dict[str, object]:
    return {"fact": "short_list", "subject": str(user), "value": float(places), "reason": f"only {places}"}


def facts(recommendable: int, shown: int) -> list[dict[str, object]]:
    return [{"fact": "items_recommendable", "value": float(recommendable)}, {"fact": "items_shown", "value": float(shown)}]


PUBLISHED = everything(
    recommendations=list_of(1, 10, 11) + list_of(2, 10),
    why_not=[absent(1, 12, 3, "seen", "seen"), absent(2, 12, 2, "seen", "seen"), absent(2, 11, 3, "capped", "caps.old")],
    coverage=[*facts(4, 2), short(2, 1)],
)
MADE = {
    "recommendations": list_of(1, 11, 13) + list_of(2, 11),
    "why_not": [
        absent(1, 10, 1, "capped", "caps.new"),
        absent(1, 12, 3, "seen", "seen"),
        absent(2, 10, 1, "capped", "caps.new"),
        absent(2, 12, 2, "capped", "caps.new"),
        absent(2, 14, 4, "seen", "seen"),
    ],
    "coverage": [*facts(4, 3), short(2, 1), short(3, 0)],
}


def simulate(workspace: Workspace, published: Mapping[str, Rows] = PUBLISHED) -> tuple[ServedNight, ServedNight]:
    """Publish tables by hand and write simulated ones beside them."""
    publish_by_hand(workspace, MONDAY, published)
    folder = workspace.root / "simulation" / "tables"
    for name, rows in MADE.items():
        schema = TABLES[name].schema(INTEGERS)
        plain = pa.schema([field.remove_metadata() for field in schema])
        write_table(folder / f"{name}.parquet", pa.Table.from_pylist([filled(name, row) for row in rows], schema=plain), schema)
    served = served_night(workspace)
    return served, simulated_night(served, folder, "simulated")


def test_rules_lists_and_the_catalogue_are_counted_on_both_sides(workspace):
    told = compare_with_published(*simulate(workspace), Told(notes=("a note",)))
    assert told.left_out == (
        RuleCount(cause="capped", rule="caps.new", n_before=0, n_after=3, n_users_before=0, n_users_after=2),
        RuleCount(cause="capped", rule="caps.old", n_before=1, n_after=0, n_users_before=1, n_users_after=0),
        RuleCount(cause="seen", rule="seen", n_before=2, n_after=2, n_users_before=2, n_users_after=2),
    )
    assert (told.before, told.after) == (
        Catalogue(n_recommendable=4, n_shown=2, n_short=1),
        Catalogue(n_recommendable=4, n_shown=3, n_short=2),
    )
    assert told.after.share == 0.75
    summary = told.lists.summary
    assert (summary.n_entered, summary.n_left, summary.n_moved, summary.n_new, summary.n_gone) == (2, 2, 1, 1, 1)
    assert (told.run_date, told.notes) == (MONDAY, ("a note",))


def test_short_lists_come_shortest_first_with_what_leaves_out_most(workspace):
    """A user whom nobody served either way has nothing that could be left out."""
    nights = simulate(workspace)
    told = compare_with_published(*nights, Told()).short_lists
    assert told == (
        ShortList(user_id="3", places_before=0, places_after=0, reason="only 0", cause=None, rule=None, n_candidates=0),
        ShortList(user_id="2", places_before=1, places_after=1, reason="only 1", cause="capped", rule="caps.new", n_candidates=2),
    )
    assert compare_with_published(*nights, Told(), most=1).short_lists == told[:1]


def test_a_night_without_why_not_has_counts_of_the_simulation_only(workspace):
    """Earlier versions of the contract had no such table."""
    tables = {name: rows for name, rows in PUBLISHED.items() if name != "why_not"}
    told = compare_with_published(*simulate(workspace, tables), Told())
    assert [(rule.rule, rule.n_before, rule.n_after) for rule in told.left_out] == [("caps.new", None, 3), ("seen", None, 2)]


@pytest.mark.parametrize(
    ("user", "changes"),
    [
        ("1", [("left", 10, "capped", "caps.new"), ("entered", 13, BELOW_CANDIDATES, "")]),
        ("2", [("left", 10, "capped", "caps.new"), ("entered", 11, "capped", "caps.old")]),
    ],
)
def test_a_user_is_told_why_items_left_and_why_others_had_not_been_there(workspace, user, changes):
    beside = compare_with_published(*simulate(workspace), Told(), user).beside
    assert [(each.change, each.item_id, each.cause, each.detail) for each in beside.changes] == changes


@pytest.mark.parametrize("user", ["9", "nine"])
def test_a_user_without_a_list_is_refused(workspace, user):
    with pytest.raises(UsageError, match=f"nightly explain {user}"):
        compare_with_published(*simulate(workspace), Told(), user)
