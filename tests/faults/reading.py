"""Readers who read again and again while somebody publishes: with DuckDB, with Arrow, by `current.json`, from latest/."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from glob import glob
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from tests.faults import tiny_night

Seen = set[str]


def read_on(kind: str, root: Path, stop: Path, result: Path) -> None:
    """Read until told to stop; leaves how often it read and the hashes it met. An assertion that fails ends the process with 1."""
    reader, seen, reads = READERS[kind](root), Seen(), 0
    while not stop.exists() or not reads:
        seen |= reader()
        reads += 1
    result.write_text(json.dumps({"reads": reads, "seen": sorted(seen)}))


def _duckdb_glob(root: Path) -> Callable[[], Seen]:
    """Read every date at once, as analysts do; a table is known by its rows."""
    connection = duckdb.connect(config={"threads": 1})
    pattern = str(root / "tables" / "recommendations" / "*" / "*.parquet")
    query = "select run_date, run_id, user_id, rank, item_id from read_parquet($pattern, hive_partitioning = true) order by all"

    def fetch() -> list[tuple[Any, ...]]:
        # DuckDB opens a file twice in one statement; where its date is replaced in between, the statement fails, and is run again.
        for _ in range(9):
            with suppress(duckdb.Error):
                return connection.execute(query, {"pattern": pattern}).fetchall()
        return connection.execute(query, {"pattern": pattern}).fetchall()

    def read() -> Seen:
        tables = dict[Any, list[tuple[Any, ...]]]()
        for run_date, *row in fetch():
            tables.setdefault(run_date, []).append(tuple(row))
        assert all(len({row[0] for row in rows}) == 1 for rows in tables.values()), "rows of two runs in one date"
        assert {len(rows) for rows in tables.values()} == {tiny_night.K * tiny_night.USERS}, "a table that is not whole"
        return {rows_hash(rows) for rows in tables.values()}

    return read


def rows_hash(rows: Iterable[tuple[Any, ...]]) -> str:
    """Return one hash of the lists of a table: run_id, user_id, rank and item_id of each row, in order."""
    return sha256(repr(sorted(tuple(row) for row in rows)).encode()).hexdigest()


def _arrow_date(root: Path) -> Callable[[], Seen]:
    """Read all tables of all dates, file by file."""

    def read() -> Seen:
        seen = Seen()
        # glob.glob, unlike Path.glob of Python 3.11, gets over a folder that is removed before it is listed.
        for path in map(Path, glob(str(root / "tables" / "*" / "*" / "*.parquet"))):
            with suppress(FileNotFoundError):  # an old date that was removed since the folders were listed
                seen.add(_bytes_of(path, path.parts[-3]))
        return seen

    return read


def _manifest(root: Path) -> Callable[[], Seen]:
    """Read what `current.json` names; where a replacement of that very date came between, look at it again."""

    def read() -> Seen:
        for _ in range(100):
            pointer = json.loads((root / "current.json").read_text())
            try:
                manifest = json.loads((root / pointer["manifest"]).read_text())
            except FileNotFoundError:
                continue
            found = {name: _bytes_of(root / table["path"], name) for name, table in manifest["tables"].items()}
            if found == {name: table["sha256"] for name, table in manifest["tables"].items()}:
                return set(found.values())
        raise AssertionError("never one night whole")

    return read


def _latest(root: Path) -> Callable[[], Seen]:
    """Read the copies in latest/."""
    return lambda: {_bytes_of(path, path.stem) for path in (root / "latest").glob("*.parquet")}


READERS = {"a DuckDB glob": _duckdb_glob, "Arrow": _arrow_date, "current.json": _manifest, "latest/": _latest}


def _bytes_of(path: Path, table: str) -> str:
    """Read a file once, prove it whole, and return its hash."""
    content = path.read_bytes()
    if table == "recommendations":
        rows = pq.read_table(BytesIO(content), columns=["run_id", "user_id"], use_threads=False).to_pydict()
        assert len(set(rows["run_id"])) == 1, "rows of two runs in one table"
        assert len(rows["user_id"]) == tiny_night.K * tiny_night.USERS
    return sha256(content).hexdigest()
