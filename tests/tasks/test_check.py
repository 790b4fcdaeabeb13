"""Every promise of the published tables is broken once, and the check finds it."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sql
from tasks.check import ascends, promises

WORLD = {
    "training.users": "select * from (values (1), (2)) as t (user_id)",
    "training.items": "select * from (values (10, true, true), (20, true, true), (30, true, true), (40, true, false), (50, false, true)) "
    "as t (item_id, is_known, is_available)",
    "staging.interactions": "select * from (values (1, 30)) as t (user_id, item_id)",
}
SOUND = {
    "recommendations": "(1, 1, 10, 2.0, 2.0, 1.5, null, 0.5, null, 0.0), (1, 2, 20, 1.0, 1.0, 1.0, null, null, null, 0.0), "
    "(2, 1, 20, 3.0, 2.5, 2.5, null, null, null, 0.5)",
    "similar_items": "(10, 1, 20, 0.5), (20, 1, 10, 0.5)",
    "popular_items": "('__all__', 1, 10, 2.0), ('__all__', 2, 20, 1.0)",
    "coverage": "('short_list', '2', 1, 'nothing else is new to the user')",
    "weights": "('all', 'ease', 0.75), ('all', 'popularity', 0.25)",
}
COLUMNS = {
    "recommendations": "user_id, rank, item_id, score, blended_score, collaborative, sequential, content, knowledge, policy",
    "similar_items": "item_id, rank, similar_item_id, score",
    "popular_items": "segment, rank, item_id, score",
    "coverage": "fact, subject, value, reason",
    "weights": "segment, model, weight",
}
K = 2


def broken_promises(folder, **changed: str) -> set[str]:
    """Return the promises that tables with these rows break."""
    connection = duckdb.connect()
    for relation, rows in WORLD.items():
        connection.execute(f"create schema if not exists {relation.partition('.')[0]}")
        connection.execute(f"create table {relation} as {rows}")
    available = {"k": K}
    for name, rows in (SOUND | changed).items():
        path = folder / f"{name}.parquet"
        connection.execute(f"copy (select * from (values {rows}) as t ({COLUMNS[name]})) to '{path}' (format parquet)")  # noqa: S608
        available[name] = str(path)
    found = set()
    for promise in promises():
        text = sql.read(f"promises.{promise}")
        needed = {key: value for key, value in available.items() if f"${key}" in text}
        if connection.execute(text, needed).fetchall():
            found.add(promise)
    return found


def test_sound_tables_break_nothing(tmp_path):
    assert broken_promises(tmp_path) == set()


REST = SOUND["recommendations"].partition(", (1, 2")[2]


@pytest.mark.parametrize(
    ("promise", "table", "rows"),
    [
        ("contributions_sum_to_the_score", "recommendations", "(1, 1, 10, 2.0, 2.0, 1.4, null, 0.5, null, 0.0), (1, 2" + REST),
        ("contributions_sum_to_the_score", "recommendations", SOUND["recommendations"].replace("3.0, 2.5", "3.0, 3.0")),
        ("everyone_is_served", "coverage", "('users_known', '', 2, '')"),
        ("exactly_k_rows_or_a_reason", "coverage", "('short_list', '2', 1, '')"),
        ("exactly_k_rows_or_a_reason", "recommendations", SOUND["recommendations"] + ", (1, 3, 40, 0.0, 0.0, 0.0, null, null, null, 0.0)"),
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
        ("weights_sum_to_one", "weights", "('all', 'ease', 0.75), ('all', 'popularity', 0.2)"),
    ],
)
def test_a_broken_promise_is_found(tmp_path, promise, table, rows):
    if promise == "everyone_is_served":
        only_one = SOUND["recommendations"].partition(", (2, 1")[0]
        assert promise in broken_promises(tmp_path, recommendations=only_one, **{table: rows})
    else:
        assert promise in broken_promises(tmp_path, **{table: rows})


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
