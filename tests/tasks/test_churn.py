"""Claims about `tasks.churn` and its query, against counting by hand."""

from __future__ import annotations

import duckdb
import pytest

import sql

SERVED = "(1, 1, 10), (1, 2, 20), (1, 3, 30), (1, 4, 40), (2, 1, 20), (2, 2, 50), (3, 1, 10), (4, 1, 40)"
TONIGHT = "(1, 1, 30), (1, 2, 50), (2, 1, 50), (2, 2, 20), (4, 1, 20)"


@pytest.mark.fault("C6")
def test_only_what_may_still_be_shown_counts(tmp_path):
    """Items gone from the catalogue or met since are nobody's change, and who has no list tonight is not counted.

    Of user 1's four items one is not available and one was met since: of 10 and 30, 30 is shown again. User 2 keeps both, user 3 has no
    list, of user 4 nothing could be shown again.
    """
    connection = duckdb.connect()
    for relation, rows in {
        "training.items": "(10, true), (20, true), (30, true), (40, false), (50, true)) as t (item_id, is_available",
        "staging.interactions": "(1, 20), (3, 50)) as t (user_id, item_id",
    }.items():
        connection.execute(f"create schema {relation.partition('.')[0]}")
        connection.execute(f"create table {relation} as select *, true as is_known from (values {rows})")  # noqa: S608
    paths = {"served": str(tmp_path / "served.parquet"), "recommendations": str(tmp_path / "tonight.parquet")}
    for path, rows in zip(paths.values(), (SERVED, TONIGHT), strict=True):
        connection.execute(f"copy (select * from (values {rows}) as t (user_id, rank, item_id)) to '{path}' (format parquet)")  # noqa: S608
    assert connection.execute(sql.read("checks.kept_places"), paths | {"k": 4}).fetchall() == [(2, 1, 1), (2, 2, 1)]
    assert connection.execute(sql.read("checks.kept_places"), paths | {"k": 1}).fetchall() == [(1, 0, 1), (1, 1, 1)]
