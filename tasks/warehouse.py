"""The working store: one DuckDB file, one writer; a cache that any night can rebuild from raw/.

A relation is built from the select of the same name under sql/ and stamped with the run it was built for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pydantic import BaseModel, Field

import sql
from tasks.memory import GB, Offered
from tasks.night import Night
from tasks.refusals import StorageError, WarehouseDamagedError
from tasks.storage import make_folders, move

SCHEMAS = ("raw", "staging", "training", "derive")
MACROS = {
    "local_time": "delivered",
    "instant": "delivered, local_at, source_zone",
    "likeness": "event_id, content",
    "listed": "delivered, between",
    "time_fault": "delivered, local_at, instant_at, source_zone",
}
"""Macro under sql/macros -> its parameters."""


class WarehouseConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What the working store may use of the machine; none of it changes a published byte."""

    threads: int = Field(2, ge=1)
    """Processor threads for SQL."""

    memory: str = Field("4GB", pattern=r"^\d+(\.\d+)?\s?[KMGT]i?B$")
    """Memory limit for SQL, and never more than half of what the night may take (`[compute] memory_gb`); beyond it the store spills to
    .staging/spill."""

    def limit(self, memory: Offered) -> int:
        """Return the memory limit in bytes: what is set, or half of what is offered; the other half holds what leaves the store."""
        number, unit = re.fullmatch(r"([\d.]+)\s?([KMGT]i?)B", self.memory).groups()  # type: ignore[union-attr]  # by its pattern
        base = 1024 if unit.endswith("i") else 1000
        return min(int(float(number) * base ** ("KMGT".index(unit[0]) + 1)), memory.bytes // 2)


class Warehouse:
    """An open connection to the working store; relations are named as under sql/."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
        self._connection = connection
        self._run_id = run_id

    def build(self, relation: str, /, **parameters: Any) -> int:
        """Replace a relation by the result of its select; returns its rows."""
        statement = f"create or replace table {relation} as\n{sql.read(relation)}"
        self._connection.execute(statement, parameters)
        self.stamp(relation)
        return self.count(relation)

    def start(self, relation: str, columns: str) -> None:
        """Replace a relation by an empty one with the columns of a select under sql/empty."""
        self._connection.execute(f"create or replace table {relation} as\n{sql.read(columns)}")

    def extend(self, relation: str, /, **parameters: Any) -> int:
        """Add the result of a relation's select to what the relation holds; returns all its rows."""
        self._connection.execute(f"insert into {relation}\n{sql.read(relation)}", parameters)
        self.stamp(relation)
        return self.count(relation)

    def alias(self, name: str, relation: str) -> None:
        """Let a name without a schema stand for a relation in the selects of this connection."""
        self._connection.execute(f"create or replace temp view {name} as from {relation}")

    def has(self, relation: str) -> bool:
        """Tell whether there is a relation of that name."""
        schema, _, name = relation.partition(".")
        query = "select count(*) from duckdb_tables() where schema_name = $schema and table_name = $name"
        return self._connection.execute(query, {"schema": schema, "name": name}).fetchall() == [(1,)]

    def stamp(self, relation: str) -> None:
        """Mark a relation as built for tonight's run."""
        self._connection.execute(f"comment on table {relation} is '{self._run_id}'")

    def stamped(self, relation: str) -> bool:
        """Tell whether a relation was built for tonight's run."""
        schema, _, name = relation.partition(".")
        query = "select comment from duckdb_tables() where schema_name = $schema and table_name = $name"
        return self._connection.execute(query, {"schema": schema, "name": name}).fetchall() == [(self._run_id,)]

    def count(self, relation: str) -> int:
        """Count the rows of a relation."""
        return int(self._connection.table(relation).count("*").fetchall()[0][0])

    def distinct(self, relation: str, column: str) -> set[Any]:
        """Return the distinct values of one column of a relation; both are names of ours."""
        query = f"select distinct {column} from {relation}"  # noqa: S608
        return {value for (value,) in self._connection.execute(query).fetchall()}

    def table(self, relation: str) -> pa.Table:
        """Return a whole relation as an Arrow table, in the order in which it was built."""
        return self._connection.table(relation).to_arrow_table()

    def arrow(self, relation: str, /, **parameters: Any) -> pa.Table:
        """Return the result of a select under sql/ as an Arrow table."""
        return self._connection.sql(sql.read(relation), params=parameters).to_arrow_table()

    def rows(self, relation: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Return the few rows of a select under sql/ as dictionaries."""
        return self.arrow(relation, **parameters).to_pylist()

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Carry out one statement that is not a select."""
        self._connection.execute(statement, dict(parameters or {}))

    def replace(self, relation: str, content: pa.Table) -> None:
        """Replace a relation by an Arrow table."""
        self._connection.register("incoming", content)
        self._connection.execute(f"create or replace table {relation} as from incoming")
        self._connection.unregister("incoming")
        self.stamp(relation)


@dataclass
class _Shared:
    """The connection that blocks share, once one of them has opened it, and what it may use."""

    connection: duckdb.DuckDBPyConnection | None = None
    store: Path | None = None
    limits: WarehouseConfig | None = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None


_SHARED: ContextVar[_Shared | None] = ContextVar("shared", default=None)


@contextmanager
def sharing_warehouse() -> Iterator[None]:
    """Let the blocks that open the working store inside share one connection: to open it takes longer than many of them."""
    shared = _Shared()
    outer = _SHARED.set(shared)
    try:
        yield
    finally:
        _SHARED.reset(outer)
        shared.close()


@contextmanager
def open_warehouse(night: Night, config: WarehouseConfig | None = None) -> Iterator[Warehouse]:
    """Open the working store for a block: UTC, bounded memory, no reach beyond the workspace.

    Raises WarehouseDamagedError, once it has moved a damaged store aside; StorageError where the store may not be opened, or where the
    memory or the disk is too small for what the block does.
    """
    limits = config or WarehouseConfig()
    outer = _SHARED.get()
    shared = outer or _Shared()
    try:
        if (shared.store, shared.limits) != (night.workspace.warehouse, limits):
            shared.close()
        if shared.connection is None:
            shared.connection = _connected(night, limits)
            shared.store, shared.limits = night.workspace.warehouse, limits
        yield Warehouse(shared.connection, night.run_id)
    except duckdb.Error as error:
        shared.close()
        raise _named(night, error, limits) from error
    finally:
        if outer is None:
            shared.close()


def _connected(night: Night, limits: WarehouseConfig) -> duckdb.DuckDBPyConnection:
    spill = night.workspace.staging / "spill"
    make_folders(spill)
    memory = f"{limits.limit(night.memory)}B"
    connection = duckdb.connect(night.workspace.warehouse, config={"threads": limits.threads, "memory_limit": memory})
    try:
        _prepare(connection, night.workspace.root, spill)
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _named(night: Night, error: duckdb.Error, limits: WarehouseConfig) -> Exception:
    """Tell a damaged store, too little memory and a refusing disk from each other; what is none of these is a fault of ours."""
    said, where = str(error).splitlines()[0], str(night.workspace.warehouse)
    if isinstance(error, duckdb.OutOfMemoryException):
        half = night.memory.bytes // 2
        halved = limits.limit(night.memory) == half
        allowed = f"{half / GB:.1f} GB, half of what {night.memory.by} offers," if halved else f"{limits.memory} of memory"
        raised = "[compute] memory_gb" if halved else "[warehouse] memory"
        next_step = f"raise {raised}, or free space for what spills to .staging/spill; then run again"
        return StorageError("the warehouse", f"enough with {allowed}", said, next_step)
    if isinstance(error, duckdb.PermissionException) or "onflicting lock" in said or "ermission denied" in said:
        return StorageError(where, "a DuckDB file nobody else has open", said, "end the program that has it open, then run again")
    if _is_damage(error, said):
        kept = _move_aside(night)
        return WarehouseDamagedError(
            where, "a DuckDB file that reads", f"{said}; moved to {kept}", "run again: everything is loaded again from raw/"
        )
    if isinstance(error, duckdb.IOException) or "space" in said:
        return StorageError(where, "a disk to write to", said, "free space or repair the disk, then run again")
    return error


def _is_damage(error: duckdb.Error, said: str) -> bool:
    kinds = (duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)
    return isinstance(error, kinds) or any(
        word in said.lower() for word in ("corrupt", "checksum", "read enough bytes", "not a valid duckdb", "wal file", "magic")
    )


def _move_aside(night: Night) -> str:
    store, folder = night.workspace.warehouse, night.workspace.history / f"damaged-{night.started_at:%Y-%m-%dT%H-%M-%SZ}"
    for path in (store, store.with_name(f"{store.name}.wal")):
        if path.is_file():
            move(path, folder / path.name)
    return night.workspace.relative(folder)


def _prepare(connection: duckdb.DuckDBPyConnection, root: Path, spill: Path) -> None:
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists {schema}")
    connection.execute("set TimeZone = 'UTC'")
    # What it draws goes to stdout, where `--json` and scripts expect the ending and nothing else.
    connection.execute("set enable_progress_bar = false")
    connection.execute("set temp_directory = $folder", {"folder": str(spill)})
    connection.execute("set allowed_directories = $folders", {"folders": [str(root)]})
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    for name, parameters in MACROS.items():
        connection.execute(f"create or replace temp macro {name}({parameters}) as {sql.read(f'macros.{name}')}")


def holds(night: Night, relations: Mapping[str, int]) -> bool:
    """Tell whether the working store has these relations, built for this run and with these row counts."""
    if not night.workspace.warehouse.is_file():
        return False
    with open_warehouse(night) as warehouse:
        return all(warehouse.stamped(name) and warehouse.count(name) == rows for name, rows in relations.items())
