"""Claims about `tasks.ingest.about_rows`."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.ingest.about_rows import SAMPLE, about_rows

HEADER, LINE = b"user_id,item_id,occurred_at\n", b"%06d,%05d,2026-01-05T10:00:00Z\n"


def csv(n_rows: int) -> bytes:
    """Return a delivery of so many rows."""
    return HEADER + b"".join(LINE % (row * 7919 % 900_000, row * 104_729 % 90_000) for row in range(n_rows))


def packed(content: bytes, name: str) -> bytes:
    """Pack as the name of a file says."""
    if name.endswith(".gz"):
        return gzip.compress(content)
    return pa.compress(content, "zstd", asbytes=True) if name.endswith(".zst") else content


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz", "a.csv.zst"])
def test_the_rows_of_a_small_text_are_counted(name, tmp_path):
    """The header is no row, and a last line that is not ended is one."""
    for content, rows in ((csv(200), 200), (csv(200)[:-1], 200), (HEADER, 0)):
        (tmp_path / name).write_bytes(packed(content, name))
        assert about_rows(tmp_path / name) == rows


def test_json_lines_have_no_header(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"user_id": 1, "item_id": 2}\n' * 30)
    assert about_rows(tmp_path / "a.jsonl") == 30


def test_parquet_tells_its_rows(tmp_path):
    pq.write_table(pa.table({"user_id": range(1234)}), tmp_path / "a.parquet")
    assert about_rows(tmp_path / "a.parquet") == 1234


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.zst"])
def test_the_rows_of_a_large_text_are_estimated(name, tmp_path):
    """Within a tenth, from the first part alone."""
    content = csv(500_000)
    assert len(content) > 1.5 * SAMPLE
    (tmp_path / name).write_bytes(packed(content, name))
    assert about_rows(tmp_path / name) == pytest.approx(500_000, rel=0.1)


@pytest.mark.parametrize("name", ["a.parquet", "a.csv.gz"])
def test_what_cannot_be_read_says_so(name, tmp_path):
    (tmp_path / name).write_bytes(b"no such format")
    with pytest.raises((OSError, pa.ArrowException)):
        about_rows(tmp_path / name)
