"""Who reads while a night publishes sees the old table or the new one, each whole."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.faults import tiny_night
from tests.faults.children import started
from tests.faults.counts import Count
from tests.faults.readers import what_readers_see
from tests.faults.reading import READERS, read_on, rows_hash


@pytest.mark.fault("D6")
def test_readers_meet_whole_tables_while_nights_are_published(memory_path: Path, count: Count) -> None:
    """Twelve publications here, two hundred in the slow lane."""
    _read_during(memory_path, count, publications=12)


@pytest.mark.slow
@pytest.mark.fault("D6")
def test_readers_meet_whole_tables_during_two_hundred_publications(memory_path: Path, count: Count) -> None:
    _read_during(memory_path, count, publications=200)


@pytest.mark.fault("D7")
def test_readers_meet_whole_tables_while_old_dates_are_removed(memory_path: Path, count: Count) -> None:
    """Twelve dates come and most of them go again; who reads by `current.json` never meets a file that is gone."""
    removed = _read_during(memory_path, count, publications=12, collecting=True)
    count("D7 dates removed under readers", removed)


@pytest.mark.fault("D7")
def test_an_open_file_stays_readable_when_its_date_is_removed(memory_path: Path) -> None:
    """To its last row, with Arrow and with DuckDB in the middle of a result."""
    root = memory_path / "shop"
    tiny_night.new_workspace(root)
    for number in range(5):
        _publish(root, number, 0)
    path = root / "tables" / "recommendations" / f"run_date={tiny_night.day(0)}" / "part-0.parquet"
    expected = pq.read_table(path, partitioning=None)
    opened, connection = pq.ParquetFile(path), duckdb.connect(config={"threads": 1})
    rows = connection.execute("select * from read_parquet($path) order by user_id, rank", {"path": str(path)})
    first = rows.fetchone()
    assert tiny_night.collected(root, 0).exit_code == 0
    assert not path.exists()
    assert opened.read() == expected
    assert len([first, *rows.fetchall()]) == expected.num_rows


@pytest.mark.fault("D7")
def test_what_the_pointer_has_left_lately_stays_for_its_readers(memory_path: Path) -> None:
    """A served date that is rolled back from, or an old one that was served for an hour, goes only when the grace is over."""
    root = memory_path / "shop"
    tiny_night.new_workspace(root)
    for number in range(5):
        _publish(root, number, 0)
    assert tiny_night.rolled_back(root, 0).exit_code == 0
    assert tiny_night.rolled_back(root, 4).exit_code == 0
    toml = root / "nightly.toml"
    without_grace = toml.read_text()
    toml.write_text(without_grace.replace("grace_hours = 0", "grace_hours = 24"))
    assert tiny_night.collected(root, 0).exit_code == 0
    assert str(tiny_night.day(0)) in what_readers_see(root, tiny_night.K, settled=True).dates
    toml.write_text(without_grace)
    assert tiny_night.collected(root, 0).exit_code == 0
    assert str(tiny_night.day(0)) not in what_readers_see(root, tiny_night.K, settled=True).dates


def _read_during(folder: Path, count: Count, publications: int, *, collecting: bool = False) -> int:
    """Publish new dates and replace old ones, the served one too, while every kind of reader reads on; returns the dates removed.

    Collecting, every night has a new date, and after each third what is old is removed.
    """
    root, stop, removed = folder / "shop", folder / "stop", 0
    tiny_night.new_workspace(root)
    published = _publish(root, 0, 0)
    results = {kind: folder / f"result-{number}" for number, kind in enumerate(READERS)}
    readers = {kind: started(read_on, kind, root, stop, result) for kind, result in results.items()}
    try:
        for number in range(1, publications):
            # Three dates, over and over: what is served now, what was served before, and what comes next.
            published |= _publish(root, number if collecting else number % 3, number)
            if collecting and number % 3 == 0:
                before = len(list(root.glob("manifests/*")))
                assert tiny_night.collected(root, 0).exit_code == 0
                removed += before - len(list(root.glob("manifests/*")))
    finally:
        stop.touch()
        for reader in readers.values():
            reader.join(60)
    for kind, reader in readers.items():
        assert reader.exitcode == 0, f"{kind} met a torn table; see its error output"
        told = json.loads(results[kind].read_text())
        assert set(told["seen"]) <= published, f"{kind} met a table that nobody published"
        count(f"D6 D7 reads by {kind}", told["reads"])
    count("D6 D7 publications under readers", publications)
    return removed


def _publish(root: Path, number: int, variant: int) -> set[str]:
    tiny_night.deliver(root, number, variant)
    ending = tiny_night.run(root, number, replace=True)
    assert ending.ending == "published", ending
    hashes = set(what_readers_see(root, tiny_night.K, settled=True).dated.values())
    lists = root / "tables" / "recommendations" / f"run_date={tiny_night.day(number)}" / "part-0.parquet"
    columns = pq.read_table(lists, columns=["run_id", "user_id", "rank", "item_id"], partitioning=None)
    return hashes | {rows_hash(zip(*columns.to_pydict().values(), strict=True))}
