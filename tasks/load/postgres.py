"""Keep PostgreSQL's copy of the published tables: readers see the old night or the new one, whole, and wait for neither.

Rows are deleted and copied in one transaction. TRUNCATE, or a new table that takes the old one's name, would be cheaper for the server,
but both lock readers out, and a new table loses the rights and the views that people have made (docs/decisions/0031).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.load.config import LoadPostgresConfig
from tasks.load.definition import Definition, definition, statement
from tasks.postgres import Address, Connection, connected, literal
from tasks.postgres.connection import retried
from tasks.published_table import intact_table
from tasks.refusals import StorageError, UsageError
from tasks.served_night import ServedNight
from tasks.storage import canonical_json, file_hash
from tasks.tables import CONTRACT_VERSION, TABLES

log = logging.getLogger("nightly")

LOCK_TIMEOUT = "60s"
"""How long a load waits for somebody who changes a table before it gives up; readers do not hold it up."""


@dataclass(frozen=True)
class Loaded:
    """What a load has brought into the database: table -> rows."""

    run_id: str
    run_date: date
    schema: str
    rows: dict[str, int]


def load(night: ServedNight, config: LoadPostgresConfig, address: Address) -> Loaded:
    """Replace the tables in the database by those of a published night, and note it in `loads`: everything or nothing.

    Loading a night again gives the same tables. Raises UsageError for a table in the database that is not what the contract says,
    StorageError for a published file that is not what was published, and where the server fails.
    """
    names = [name for name in TABLES if name in (config.tables or night.manifest["tables"])]
    files = {name: _intact(night, name) for name in names}
    definitions = [definition(config.schema_name, name, night.id_types) for name in names]
    rows = retried(partial(_load, night, config, address, definitions, files), config.retries)
    log.info("load: %d rows of %s into %s, schema %s", sum(rows.values()), night.run_date, address, config.schema_name)
    return Loaded(night.run_id, night.run_date, config.schema_name, rows)


def _intact(night: ServedNight, name: str) -> Path:
    night.table(name)
    path, why = intact_table(night.workspace, night.manifest, name)
    if path is None:
        raise StorageError(f"the table {name} of {night.run_date}", "the bytes that were published", why, "nightly verify")
    return path


def _load(
    night: ServedNight, config: LoadPostgresConfig, address: Address, definitions: Sequence[Definition], files: dict[str, Path]
) -> dict[str, int]:
    schema, rows = config.schema_name, {}
    with connected(address, config.statement_timeout_seconds, read_only=False) as connection:
        connection.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        # Two loads at once would wait for each other's rows; the second one waits here, and holds nothing.
        connection.rows(f"select pg_advisory_xact_lock(hashtextextended({literal(f'nightly load {schema}')}, 0))::text")
        _make_schema(connection, schema)
        for table in definitions:
            connection.execute(table.statement("empty")) if _fit(connection, table) else _make(connection, table)
        for table in definitions:
            rows[table.name] = connection.append(schema, table.name, _reader(table, files[table.name], night.run_date))
        values = [str(night.run_date), night.run_id, file_hash(night.workspace.manifest_file(night.run_id))]
        values += [night.manifest.get("contract_version", CONTRACT_VERSION), canonical_json(rows)]
        connection.execute(statement("told", schema, values=[literal(value) for value in values]))
    return rows


def _make_schema(connection: Connection, schema: str) -> None:
    """Make the schema and its list of loads where they are missing: to ask for what is there would need rights that a role may lack."""
    if not connection.rows(f"select 1 from pg_namespace where nspname = {literal(schema)}"):  # noqa: S608 - a literal
        connection.execute(statement("schema", schema))
    if not _columns(connection, schema, "loads"):
        connection.execute(statement("loads", schema))


def _make(connection: Connection, table: Definition) -> None:
    connection.execute(table.statement("table"))
    for comment in table.comments():
        connection.execute(comment)


def _fit(connection: Connection, table: Definition) -> bool:
    """Tell whether a table is there, and add columns that a later contract has brought.

    Raises UsageError for one that is no published table of ours, or holds ids of another type.
    """
    there = _columns(connection, table.schema, table.name)
    if not there:
        return False
    wanted = {column.name: column.type for column in table.columns}
    other = [f"{name} {kind}" for name, kind in there.items() if wanted.get(name) != kind]
    if other:
        named = f"{table.schema}.{table.name}"
        expected = ", ".join(f"{name} {kind}" for name, kind in wanted.items() if there.get(name) != kind) or "only its own columns"
        next_step = f"drop or rename the table {named}, or set [load.postgres] schema_name to another schema; then: nightly load"
        raise UsageError(f"{connection.address}, table {named}", expected, ", ".join(other), next_step)
    missing = [column for column in table.columns if column.name not in there]
    if missing:
        # An empty table takes a column without a default; its rows go first.
        connection.execute(table.statement("empty"))
    for column in missing:
        connection.execute(table.statement("column", column=column))
    return True


def _columns(connection: Connection, schema: str, name: str) -> dict[str, str]:
    asked = statement("columns there", schema, regclass=Definition(schema, name, ()).regclass)
    return {str(column): str(kind) for column, kind in connection.rows(asked)}


def _reader(table: Definition, path: Path, run_date: date) -> pa.RecordBatchReader:
    """Read a published file as the rows of its table, batch by batch."""
    file = pq.ParquetFile(path)
    names = [column.name for column in table.columns]
    adds_date = "run_date" not in file.schema_arrow.names
    absent = [name for name in names if name not in file.schema_arrow.names and not (adds_date and name == "run_date")]
    if absent:
        next_step = f"nightly run --run-date {run_date} --replace makes it anew; or load a later night"
        raise UsageError(f"the table {table.name} of {run_date}", f"the columns {', '.join(absent)}", "an earlier contract", next_step)
    fields = [pa.field("run_date", pa.date32())] if adds_date else []
    schema = pa.schema([*fields, *(field.remove_metadata() for field in file.schema_arrow)]).remove_metadata()

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in file.iter_batches(batch_size=1 << 16):
            dates = [pa.array([run_date] * batch.num_rows, pa.date32())] if adds_date else []
            yield pa.RecordBatch.from_arrays([*dates, *batch.columns], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())
