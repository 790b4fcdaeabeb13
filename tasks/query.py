"""What a question about the published tables is asked of: one view a table, of the night that is served and of all nights.

DuckDB is handed the files as Arrow datasets and may open none itself: whatever is asked, nothing can be written, and no name of a folder
is taken for a pattern. A query that names the files, as those of docs/cookbook.md do, finds them under these names.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

import sql
from tasks.in_memory import MEMORY
from tasks.inspection import command
from tasks.refusals import StorageError, UsageError
from tasks.tables import TABLES
from tasks.workspace import Workspace, read_json

log = logging.getLogger("nightly")

READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI)
"""Kinds of statements that are carried out; `pivot` counts as several statements."""

HISTORY = "_history"
OPTIONS = "path, hive_partitioning := true, union_by_name := true"
"""Parameters of the macro that stands in for read_parquet; they are as they must be already."""

NIGHT = pa.field("run_date", pa.date32())


@dataclass(frozen=True)
class View:
    """One table to ask: its name and that of its files, what one row is, how many there are, and from how many nights."""

    name: str
    files: str
    grain: str
    n_rows: int
    n_nights: int


@dataclass(frozen=True)
class Answer:
    """The columns of a result with their types, and its rows as they come."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def views(workspace: Workspace) -> list[View]:
    """Return what can be asked: every table of the night served and, as <table>_history, of all published nights.

    Raises UsageError where nothing is published yet, StorageError where nobody can tell what is served.
    """
    return [view for view, _ in _views(workspace)]


@contextmanager
def asked(workspace: Workspace, statement: str, files: Mapping[str, Path], spill: Path) -> Iterator[Answer]:
    """Carry out one statement that reads, and give its answer in the block.

    `files` are tables of the asker's own by name: CSV, Parquet or JSON. `spill` is a folder for what does not fit into memory.
    Raises UsageError for a statement that is none, writes, or is refused by DuckDB, in DuckDB's words.
    """
    closed: dict[str, Any] = {
        "enable_external_access": False,
        "python_enable_replacements": False,
        "temp_directory": str(spill),
        "memory_limit": MEMORY,
    }
    try:
        with duckdb.connect(config=closed) as connection:
            for view, dataset in _views(workspace):
                connection.register(view.name, dataset)
                if view.files in statement:
                    connection.register(view.files, dataset)
            for name, path in files.items():
                connection.register(name, _own(path))
            if workspace.pointer.name in statement:
                connection.register(workspace.pointer.name, _pointer(workspace))
            connection.execute(f"create macro read_parquet({OPTIONS}) as table {sql.read('macros.read_parquet')}")
            connection.execute("set lock_configuration = true")
            result = connection.execute(_only(connection.extract_statements(statement)))
            columns = [(name, str(kind)) for name, kind, *_ in result.description or ()]
            yield Answer(tuple(name for name, _ in columns), tuple(kind for _, kind in columns), _rows(result))
    except duckdb.Error as error:
        found = " ".join(str(error).partition("\n\nLINE")[0].split())
        next_step = command(workspace.root, "query") + " lists the tables"
        raise UsageError("the query", "one statement that DuckDB can carry out", found, next_step) from error


def _only(statements: list[duckdb.Statement]) -> duckdb.Statement:
    if len(statements) != 1:
        raise UsageError("the query", "one statement", f"{len(statements)}", "ask them one by one")
    kind = statements[0].type
    if kind not in READING:
        expected, found = "a statement that only reads, such as select, describe or summarize", f"a statement of the kind {kind.name}"
        raise UsageError("the query", expected, found, "begin with select or from")
    return statements[0]


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while some := result.fetchmany(10_000):
        yield from some


def _views(workspace: Workspace) -> Iterator[tuple[View, ds.Dataset]]:
    current = workspace.current()
    if current is None and workspace.pointer.exists():
        damaged = "a file that is damaged, or names a manifest that is"
        raise StorageError(str(workspace.pointer), "the night that is served", damaged, command(workspace.root, "verify"))
    if current is None:
        raise UsageError(str(workspace.root), "published tables", "nothing is published yet", command(workspace.root, "run"))
    published = workspace.published()
    for name, table in current["tables"].items():
        grain = TABLES[name].grain if name in TABLES else ""
        yield View(name, f"latest/{name}.parquet", grain, table["rows"], 1), _dataset(workspace, name, [current])
        nights = [night for night in published if name in night["tables"]]
        if name != "runs" and nights:  # runs tells of the earlier attempts itself, and has a run_date of its own
            n_rows = sum(night["tables"][name]["rows"] for night in nights)
            view = View(name + HISTORY, f"tables/{name}/*/*.parquet", f"{grain}, for each run_date", n_rows, len(nights))
            yield view, _dataset(workspace, name, nights, dated=True)


def _dataset(workspace: Workspace, name: str, nights: list[dict[str, Any]], dated: bool = False) -> ds.Dataset:
    """Return a table over its files of some nights; nights of one version of the contract have the same columns."""
    files = {workspace.root / night["tables"][name]["path"]: night.get("contract_version") for night in nights}
    one_a_version = {version: path for path, version in files.items()}
    schemas = [_schema(workspace, path) for path in one_a_version.values()]
    schema = pa.unify_schemas([pa.schema([NIGHT]), *schemas] if dated else schemas, promote_options="permissive")
    folders = {"partitioning": ds.partitioning(pa.schema([NIGHT]), flavor="hive"), "partition_base_dir": str(workspace.tables / name)}
    return ds.dataset([str(path) for path in files], schema=schema, format="parquet", **(folders if dated else {}))


def _schema(workspace: Workspace, path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path).remove_metadata()
    except (OSError, pa.ArrowException) as error:
        found = " ".join(str(error).split())
        raise StorageError(workspace.relative(path), "a published table", found, command(workspace.root, "verify")) from error


def _pointer(workspace: Workspace) -> pa.Table:
    """Return current.json as the one row that it is."""
    table = pa.Table.from_pylist([read_json(workspace.pointer) or {}])
    return table.set_column(table.schema.get_field_index(NIGHT.name), NIGHT, table[NIGHT.name].cast(NIGHT.type))


def _own(path: Path) -> pa.Table:
    """Read a file of the asker's own."""
    readers = {".csv": "read_csv", ".parquet": "read_parquet", ".json": "read_json", ".jsonl": "read_json"}
    suffix = next((suffix for suffix in path.suffixes[-2:] if suffix in readers), None)
    if suffix is None or not path.is_file():
        found = "no such file" if not path.is_file() else f"a file named *{path.suffix}"
        raise UsageError(str(path), f"a file named {', '.join('*' + each for each in readers)}", found, "check --with NAME=FILE")
    with duckdb.connect() as connection:
        return getattr(connection, readers[suffix])(str(path)).to_arrow_table()
