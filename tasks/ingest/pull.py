"""Pull: bring what is new in PostgreSQL into the inbox, as files that are taken in like any other.

All sources of a night are read in one transaction, so that they fit together, and nothing is written to the database. The files get
their names once all of them are whole; a pull that was killed has left nothing.
"""

from __future__ import annotations

import logging
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa

from tasks.deliveries import accepted
from tasks.ingest.delivery import SourceConfig, delivered_again
from tasks.ingest.pull_config import PullConfig
from tasks.ingest.pull_slice import Horizon, Slice, new_rows
from tasks.ingest.pull_statements import Asked, asked_for, relation_of
from tasks.ingest.pulled import PREFIX, Covered, last_covered, waiting_pulls
from tasks.postgres import Address, Connection, connected, literal
from tasks.postgres.connection import close, retried
from tasks.refusals import UsageError
from tasks.storage import file_hash, move, remove, write_json
from tasks.tables.writing import table_of_parts
from tasks.workspace import Source, Workspace, read_json

log = logging.getLogger("nightly")

TABLES_THERE = """
    select table_schema, table_name from information_schema.tables
    where table_schema not in ('pg_catalog', 'information_schema')
    order by 1, 2
"""


def pull(workspace: Workspace, config: SourceConfig, address: Address, run_date: date, today: date) -> list[Path]:
    """Bring the rows that no night has taken in into the inbox, one file a source; returns the new files.

    Where the cursor is a time, rows up to the end of `run_date` are read; elsewhere the database cannot tell what it held on an earlier
    day, and a night before yesterday reads only what was never read. A pull that still waits in the inbox is replaced. Raises UsageError
    for a table or cursor that is not there, InputRefusedError for columns that break the contract, StorageError where the server fails.
    """
    remove(_note(workspace))
    staged = retried(partial(_stage, workspace, config, address, run_date, today), config.postgres.retries)
    for path in waiting_pulls(workspace):
        remove(path)
    files = []
    for source, path in staged.items():
        target = workspace.inbox(source) / path.name
        move(path, target)
        files.append(target)
    remove(_staging(workspace))
    known = {path for path in delivered_again(workspace, run_date) if path in files}
    for path in known:
        log.info("pull: %s is what the last one was; nothing new", path.parent.name)
        remove(path)
    new = [path for path in files if path not in known]
    note = {"run_date": str(run_date), "files": {workspace.relative(path): file_hash(path) for path in new}}
    write_json(_note(workspace), note)
    return new


def is_pulled(workspace: Workspace, run_date: date) -> bool:
    """Tell whether the last pull was for the night of a date and came to its end: an attempt that resumes works with it."""
    return (read_json(_note(workspace)) or {}).get("run_date") == str(run_date)


def _note(workspace: Workspace) -> Path:
    return workspace.root / ".pulled.json"


def _staging(workspace: Workspace) -> Path:
    return workspace.staging / "pull"


def _stage(workspace: Workspace, config: SourceConfig, address: Address, run_date: date, today: date) -> dict[Source, Path]:
    """Write what is new into files beside their places; returns those that hold anything."""
    remove(_staging(workspace))
    staged = {}
    log.info("pull: reading from %s", address)
    with connected(address, config.postgres.statement_timeout_seconds, read_only=True) as connection:
        for source, wanted in config.postgres.sources.items():
            types = _types(connection, source, wanted)
            path = _staging(workspace) / source / _name(workspace, source, run_date)
            if _write(workspace, connection, asked_for(source, wanted, types, config), config, path, run_date, today):
                staged[source] = path
    return staged


def _write(
    workspace: Workspace, connection: Connection, asked: Asked, config: SourceConfig, path: Path, run_date: date, today: date
) -> bool:
    """Write the new rows of one source into a file; False where there are none."""
    source, cursor = asked.source, asked.config.cursor
    has_been_read = any(delivery.source == source and delivery.name.startswith(PREFIX) for delivery in accepted(workspace))
    if not asked.cursor_is_time and run_date < today - timedelta(days=1) and has_been_read:
        log.info("pull: %s are not read for %s: the database cannot tell what it held then, and raw/ does", source, run_date)
        return False
    slice_: Slice | None = Slice(Covered(asked=asked.config.asked))
    if cursor is not None:
        last = last_covered(workspace, source, asked.config.asked, cursor)
        slice_ = new_rows(connection, asked, Horizon(run_date, config.timezone), last)
    n_rows = 0
    if slice_ is not None:
        schema = pa.schema([pa.field(column.name, pa.string()) for column in asked.columns], slice_.told.metadata())
        with table_of_parts(path, schema) as write:
            for batch in connection.batches(asked.statement("rows", slice_.condition)):
                write(pa.table(batch.columns, schema=schema))
                n_rows += batch.num_rows
    if n_rows == 0 and cursor is None:
        log.warning("pull: %s holds no rows, and absence removes none; what was taken in before stays", source)
    else:
        log.info("pull: %d new rows of %s", n_rows, source)
    return n_rows > 0


def _types(connection: Connection, source: Source, config: PullConfig) -> dict[str, str]:
    """Return the columns of what is read and their types; raises UsageError that names what may have been meant."""
    where, relation = f"[source.postgres.{source}]", relation_of(config)
    if config.table and connection.rows(f"select to_regclass({literal(relation)})")[0][0] is None:
        known = [f"{schema}.{name}" for schema, name in connection.rows(TABLES_THERE)]
        found = f"no {config.table} that this role sees{close(config.table, known)}"
        raise UsageError(f"{where} table", f"a table or view of {connection.address}", found, "correct it in nightly.toml")
    try:
        return connection.columns(relation)
    except UsageError as refusal:
        raise UsageError(f"{where} query", refusal.expected, refusal.found, refusal.next_step) from None


def _name(workspace: Workspace, source: Source, run_date: date) -> str:
    """Return the name of a new delivery: it tells the date, and of two in one night the later has the later name."""
    start = f"{PREFIX}{run_date}-"
    taken = [delivery.name for delivery in accepted(workspace) if delivery.source == source and delivery.name.startswith(start)]
    return f"{start}{len(taken) + 1:02}.parquet"
