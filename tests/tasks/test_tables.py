"""Claims about `tasks.tables`: how rows become row groups."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.tables import TABLES, writing
from tasks.tables.writing import write_parts

N_ROWS = 23


@pytest.mark.parametrize("cuts", [[], [0, 3, 3, 9], [8, 16], [1, 2, 3, 4, 5, 6, 7, 21], [20]])
def test_row_groups_are_of_one_size_whatever_the_parts(cuts: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows in their order, eight a group and the rest in the last, and the bytes those of one part."""
    monkeypatch.setattr(writing, "ROWS_PER_GROUP", 8)
    schema = TABLES["popular_items"].schema({"item_id": "text"})
    rows = [{"segment": "all", "rank": rank, "item_id": f"item {rank}", "score": rank / 7} for rank in range(1, N_ROWS + 1)]
    whole = pa.Table.from_pylist(rows, schema)
    parts = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, N_ROWS], strict=True)]
    for path, pieces in ((tmp_path / "one", [whole]), (tmp_path / "many", parts)):
        write_parts(path, schema, (piece for piece in pieces))
    written = pq.ParquetFile(tmp_path / "many")
    assert [written.metadata.row_group(group).num_rows for group in range(written.num_row_groups)] == [8, 8, 7]
    assert written.read().to_pylist() == rows
    assert (tmp_path / "many").read_bytes() == (tmp_path / "one").read_bytes()


def test_no_rows_are_a_table_all_the_same(tmp_path: Path) -> None:
    schema = TABLES["popular_items"].schema({"item_id": "text"})
    write_parts(tmp_path / "none", schema, (part for part in ()))
    assert pq.read_table(tmp_path / "none").num_rows == 0
