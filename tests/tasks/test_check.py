"""Every promise of the published tables is broken once, and the check finds it."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sql
from tasks.check import _needed, ascends, promises
from tasks.policies.seen import SeenConfig
from tasks.tables import TABLES
from tasks.tables_page import SQL_TYPES

WORLD = {
    "training.users": "select * from (values (1), (2)) as t (user_id)",
    "training.items": "select * from (values (10, true, true), (20, true, true), (30, true, true), (40, true, false), (50, false, true)) "
    "as t (item_id, is_known, is_available)",
    "staging.interactions": "select * from (values (1, 30, timestamp '2026-01-01', 'purchase'), (2, 10, timestamp '2026-01-01', 'view'), "
    "(2, 10, timestamp '2026-01-05', 'view')) as t (user_id, item_id, occurred_at, event_type)",
}
KNOWN_UNTIL = datetime(2026, 1, 6)  # noqa: DTZ001  # UTC by contract
SOUND = {
    "recommendations": "(1, 1, 10, 2.0, 2.0, 1.5, null, 0.5, null, 0.0, 'a'), (1, 2, 20, 1.0, 1.0, 1.0, null, null, null, 0.0, 'a'), "
    "(2, 1, 20, 3.0, 2.5, 2.5, null, null, null, 0.5, null)",
    "similar_items": "(10, 1, 20, 0.5), (20, 1, 10, 0.5)",
    "popular_items": "('__all__', 1, 10, 2.0), ('__all__', 2, 20, 1.0)",
    "why_not": "(1, 1, 30, 3.0, 'seen', 'seen'), (1, 4, 50, 0.5, 'rank', '')",
    "item_audience": "(10, 1, 1, 2.0), (20, 1, 2, 3.0), (20, 2, 1, 1.0), (50, 1, 1, 0.5)",
    "coverage": "('short_list', '2', 1, 'nothing else is new to the user')",
    "weights": "('all', 'ease', 0.75), ('all', 'popularity', 0.25)",
}
RULES = (
    "('cap', 'caps.a', 'genre', null, null, null, null, 1, null), "
    "('blocked_item', 'blocks.items', null, '60', null, null, null, null, null), "
    "('users_of_item', 'own_items', 'seller', null, null, null, null, null, null), "
    "('items_of_user', 'blocks.users_attribute', null, null, 'hides', null, null, null, null), "
    "('eligibility', 'eligibility.a', 'ships_to', null, 'country', null, false, null, null), "
    "('eligibility', 'eligibility.b', 'age', '18', 'adult', 'yes', false, null, null), "
    "('cap', 'caps.c', 'genre', null, null, null, null, 0, 'other'), "
    "('blocked_item', 'blocks.items', null, '10', null, null, null, null, 'other'), "
    "('users_of_item', 'own_items', 'origin', null, null, null, null, null, 'other'), "
    "('eligibility', 'eligibility.a', 'ships_to', null, 'planet', null, true, null, 'other')"
)
"""Rules of everybody, and of a variant that nobody is in."""

SOUND |= {
    "policy_rules": RULES,
    "item_values": "(10, 'genre', 'Drama'), (10, 'genre', 'war'), (20, 'genre', 'Comedy'), (10, 'seller', '2.0'), (20, 'seller', '9'), "
    "(10, 'ships_to', 'CH'), (20, 'age', '18'), (10, 'origin', '1')",
    "user_values": "(1, 'country', 'ch'), (1, 'country', 'de'), (1, 'hides', '30'), (2, 'country', 'fr'), (1, 'adult', 'YES')",
}
COLUMNS = {
    "policy_rules": "kind, name, item_attribute, item_value, user_attribute, user_value, is_strict, most, variant",
    "item_values": "item_id, attribute, value",
    "user_values": "user_id, attribute, value",
    "recommendations": "user_id, rank, item_id, score, blended_score, collaborative, sequential, content, knowledge, policy, variant",
    "similar_items": "item_id, rank, similar_item_id, score",
    "popular_items": "segment, rank, item_id, score",
    "why_not": "user_id, candidate_rank, item_id, score, cause, rule",
    "item_audience": "item_id, rank, user_id, score",
    "coverage": "fact, subject, value, reason",
    "weights": "segment, model, weight",
}
K = 2


def _select(name: str, rows: str) -> str:
    """Return rows as a select; columns of the contract that they do not tell are null."""
    if rows.startswith("select"):
        return rows
    told = COLUMNS[name].split(", ")
    untold = [column for column in TABLES[name].columns if column.name not in told] if name in TABLES else []
    nulls = "".join(f", null::{SQL_TYPES[column.kind].split()[0]} as {column.name}" for column in untold)
    return f"select *{nulls} from (values {rows}) as t ({COLUMNS[name]})"  # noqa: S608


def broken_promises(folder, seen: SeenConfig | None = None, **changed: str) -> set[str]:
    """Return the promises that tables with these rows break, given how long what was met stays out of lists.

    Rows are values, or a select from the sound table, as in `recommendations="select * replace (1 as score) from recommendations"`.
    """
    connection = duckdb.connect()
    for relation, rows in WORLD.items():
        connection.execute(f"create schema if not exists {relation.partition('.')[0]}")
        connection.execute(f"create table {relation} as {rows}")
    available = {"k": K, **(seen or SeenConfig()).parameters(KNOWN_UNTIL)}
    for name, rows in SOUND.items():
        path = folder / f"{name}.parquet"
        connection.execute(f"create table {name} as {_select(name, rows)}")
        connection.execute(f"copy ({_select(name, changed.get(name, rows))}) to '{path}' (format parquet)")
        available[name] = str(path)
    found = set()
    for promise in promises():
        text = sql.read(f"promises.{promise}")
        if connection.execute(text, _needed(promise, available)).fetchall():
            found.add(promise)
    return found


def test_sound_tables_break_nothing(tmp_path):
    assert broken_promises(tmp_path) == set()


REST = SOUND["recommendations"].partition(", (1, 2")[2]


@pytest.mark.parametrize(
    ("promise", "table", "rows"),
    [
        ("contributions_sum_to_the_score", "recommendations", "(1, 1, 10, 2.0, 2.0, 1.4, null, 0.5, null, 0.0, 'a'), (1, 2" + REST),
        ("contributions_sum_to_the_score", "recommendations", SOUND["recommendations"].replace("3.0, 2.5", "3.0, 3.0")),
        ("everyone_is_served", "coverage", "('users_known', '', 2, '')"),
        ("exactly_k_rows_or_a_reason", "coverage", "('short_list', '2', 1, '')"),
        (
            "exactly_k_rows_or_a_reason",
            "recommendations",
            SOUND["recommendations"] + ", (1, 3, 40, 0.0, 0.0, 0.0, null, null, null, 0.0, 'a')",
        ),
        ("no_item_twice_in_a_list", "recommendations", SOUND["recommendations"].replace("(1, 2, 20", "(1, 2, 10")),
        ("nothing_seen_is_recommended", "recommendations", SOUND["recommendations"].replace("(1, 2, 20", "(1, 2, 30")),
        ("nothing_unavailable_or_unknown_is_recommended", "recommendations", SOUND["recommendations"].replace("(2, 1, 20", "(2, 1, 40")),
        ("nothing_unavailable_or_unknown_is_recommended", "similar_items", "(10, 1, 50, 0.5)"),
        ("nothing_unavailable_or_unknown_is_recommended", "popular_items", "('__all__', 1, 99, 2.0)"),
        ("popular_items_of_everybody_exist", "popular_items", "('20+ likes', 1, 10, 2.0)"),
        ("ranks_have_no_gaps", "recommendations", SOUND["recommendations"].replace("(1, 2, 20", "(1, 3, 20")),
        ("ranks_have_no_gaps", "similar_items", "(10, 2, 20, 0.5)"),
        ("scores_never_rise", "recommendations", SOUND["recommendations"].replace("20, 1.0, 1.0, 1.0", "20, 2.5, 2.5, 2.5")),
        ("scores_never_rise", "popular_items", "('__all__', 1, 10, 1.0), ('__all__', 2, 20, 2.0)"),
        ("ranks_have_no_gaps", "item_audience", "(10, 2, 1, 2.0)"),
        ("scores_never_rise", "item_audience", "(20, 1, 1, 1.0), (20, 2, 2, 3.0)"),
        ("audiences_may_be_shown_the_item", "item_audience", "(30, 1, 1, 3.0)"),
        ("audiences_may_be_shown_the_item", "item_audience", "(40, 1, 1, 3.0)"),
        (
            "what_is_absent_has_its_reason",
            "why_not",
            "(1, 1, 30, 3.0, 'seen', 'seen'), (1, 2, 10, 2.0, 'capped', 'caps.x'), (1, 4, 50, 0.5, 'rank', '')",
        ),
        ("what_is_absent_has_its_reason", "why_not", "(1, 1, 50, 1.1, 'rank', '')"),
        ("what_is_absent_has_its_reason", "why_not", "(1, 4, 50, 0.5, 'rank', ''), (2, 4, 10, 0.5, 'rank', '')"),
        ("caps_are_kept", "item_values", SOUND["item_values"].replace("Comedy", "DRAMA")),
        ("nothing_blocked_is_recommended", "policy_rules", RULES.replace("'60'", "'20'")),
        ("nothing_blocked_is_recommended", "item_values", SOUND["item_values"].replace("'9'", "'2.0'")),
        ("nothing_blocked_is_recommended", "user_values", SOUND["user_values"].replace("'30'", "'20'")),
        ("only_eligible_items_are_recommended", "item_values", SOUND["item_values"].replace("'CH'", "'it'")),
        ("only_eligible_items_are_recommended", "user_values", SOUND["user_values"].replace("'YES'", "'no'")),
        ("only_eligible_items_are_recommended", "policy_rules", RULES.replace("'yes', false", "'yes', true")),
        ("only_eligible_items_are_recommended", "policy_rules", RULES.replace("null, false", "null, true")),
        *(
            (promise, "recommendations", SOUND["recommendations"].replace("'a'", "'other'"))
            for promise in ("caps_are_kept", "nothing_blocked_is_recommended", "only_eligible_items_are_recommended")
        ),
        ("weights_sum_to_one", "weights", "('all', 'ease', 0.75), ('all', 'popularity', 0.2)"),
    ],
)
def test_a_broken_promise_is_found(tmp_path, promise, table, rows):
    if promise == "everyone_is_served":
        only_one = SOUND["recommendations"].partition(", (2, 1")[0]
        assert promise in broken_promises(tmp_path, recommendations=only_one, **{table: rows})
    else:
        assert promise in broken_promises(tmp_path, **{table: rows})


@pytest.mark.parametrize(
    ("rule", "barred"),
    [
        ({}, {30, 10}),
        ({"default": "never"}, set()),
        ({"default": "never", "types": {"view": "forever"}}, {10}),
        ({"types": {"view": "never"}}, {30}),
        ({"default": 4}, {10}),
        ({"default": 5}, {30, 10}),
        ({"types": {"view": 1, "purchase": 3}}, {10}),
    ],
)
def test_what_was_met_is_a_broken_promise_for_as_long_as_its_type_says(tmp_path, rule, barred):
    """A purchase of five days ago (item 30) and views of five days ago and of today (item 10), recommended to those who did it."""
    rows = SOUND["recommendations"]
    offered = {30: rows.replace("(1, 2, 20", "(1, 2, 30"), 10: rows.replace("(2, 1, 20", "(2, 1, 10")}
    broken = {item: broken_promises(tmp_path, SeenConfig(**rule), recommendations=changed) for item, changed in offered.items()}
    assert {item for item, found in broken.items() if "nothing_seen_is_recommended" in found} == barred


def test_every_promise_has_been_broken_here():
    tried = {case[0] for mark in test_a_broken_promise_is_found.pytestmark for case in mark.args[1]}
    assert tried == set(promises())


keys = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "ä"])), max_size=6)


@given(keys, st.booleans())
def test_ascending_keys_are_told_from_all_others(rows: list[tuple[int, str]], in_order: bool) -> None:
    """As sorting and counting would tell: sorted by every column in turn, and no key twice."""
    rows = sorted(rows, key=lambda row: (row[0], row[1].encode())) if in_order else rows
    table = pa.table({"first": pa.array([row[0] for row in rows], pa.int64()), "second": pa.array([row[1] for row in rows], pa.string())})
    ordered = table.sort_by([("first", "ascending"), ("second", "ascending")]) == table
    assert ascends(table) == (ordered and len(set(rows)) == len(rows))


def test_keys_with_nulls_are_not_taken_for_ascending() -> None:
    """They are left to the slow way, which knows where nulls belong."""
    assert not ascends(pa.table({"first": pa.array([1, None], pa.int64())}))
