"""Claims about `tasks.derive.wide`: the same lists, one a row."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.derive import wide
from tasks.derive.wide import write_wide
from tasks.tables import TABLES
from tests.tasks.derive.conftest import IDS, recommendations

lists = st.dictionaries(st.integers(1, 30), st.lists(st.integers(1, 50), min_size=1, max_size=7, unique=True), max_size=9)


def test_every_list_is_one_row_wherever_it_is_cut(world, monkeypatch):
    """Whatever the lists, also where one goes on in the next rows that are read."""
    monkeypatch.setattr(wide, "ROWS_PER_GROUP", 4)

    @settings(max_examples=40)
    @given(lists)
    def holds(some):
        world.stage("recommendations", recommendations(some, variant={1: "b"}))
        write_wide(world.night, IDS, wide=True)
        table = pq.read_table(world.night.staged_table("recommendations_wide"))
        assert table.schema.equals(TABLES["recommendations_wide"].schema(IDS))
        rows = table.to_pylist()
        assert {row["user_id"]: row["item_ids"] for row in rows} == some
        assert [row["user_id"] for row in rows] == sorted(some)
        assert all(row["scores"] == [1 / rank for rank in range(1, len(row["item_ids"]) + 1)] for row in rows)
        assert [row["variant"] for row in rows] == ["b" if row["user_id"] == 1 else None for row in rows]

    holds()


@pytest.mark.parametrize("id_types", [IDS, {"user_id": "text", "item_id": "text"}])
def test_nobody_has_a_row_unless_asked_for(world, id_types):
    """The table is there all the same, with its schema."""
    world.stage("recommendations", recommendations({1: [1]}))
    write_wide(world.night, id_types, wide=False)
    table = pq.read_table(world.night.staged_table("recommendations_wide"))
    assert (len(table), table.schema.equals(TABLES["recommendations_wide"].schema(id_types))) == (0, True)
