"""One connection to a PostgreSQL server: its session behaves the same everywhere, and its errors say what to do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tasks.near_miss import nearest
from tasks.postgres.address import Address
from tasks.refusals import NightError, StorageError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger("nightly")

SESSION = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "application_name": "nightly-recs",
}
"""What decides how values are spelled, whatever a role or a database has set for itself."""

BATCH_BYTES = 16 << 20

TRANSIENT = ("08", "40001", "40P01", "53300", "57P01", "57P02", "57P03")
"""SQLSTATE (or its first two characters) of faults that pass by themselves: connections, conflicts, a server that stops or starts."""

PASSING = (
    "connection refused",
    "could not connect",
    "server closed the connection",
    "accepting connections",
    "starting up",
    "shutting down",
    "in recovery mode",
    "too many",
    "remaining connection slots",
    "timeout expired",
)
"""What libpq says where a server gives no SQLSTATE, having given no answer."""

Result = TypeVar("Result")


class UnavailableError(StorageError):
    """The server does not answer now; it may a moment later."""


@dataclass(frozen=True)
class Connection:
    """A connection with one transaction open; the block that made it decides what becomes of it."""

    address: Address
    cursor: Any

    def execute(self, statement: str) -> None:
        """Carry out a statement that answers nothing."""
        with self._translated():
            self.cursor.execute(statement)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the few rows of a select."""
        with self._translated():
            self.cursor.execute(statement)
            return list(self.cursor.fetchall())

    def columns(self, relation: str) -> dict[str, str]:
        """Return the columns of a relation, or of a select in brackets, and the name of each one's type; double names are joined."""
        with self._translated():
            self.cursor.execute(f"select * from {relation} as asked limit 0")  # noqa: S608 - quoted, or the operator's own select
            schema = self.cursor.fetch_record_batch().schema
        return {field.name: (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode() for field in schema}

    def batches(self, statement: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a select as they arrive, never all of them at once."""
        with self._translated():
            self.cursor.execute(statement)
            reader = self.cursor.fetch_record_batch()
        while (batch := self._next(reader)) is not None:
            yield batch

    def _next(self, reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
        with self._translated():
            return next(reader, None)

    def append(self, schema: str, table: str, reader: pa.RecordBatchReader) -> int:
        """Copy rows into a table; returns how many."""
        with self._translated():
            return int(self.cursor.adbc_ingest(table, reader, mode="append", db_schema_name=schema))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import pyarrow as pa
        from adbc_driver_postgresql.dbapi import Error

        try:
            yield
        except (Error, OSError, pa.ArrowException) as error:  # a stream that breaks off is an error of Arrow's, without SQLSTATE
            # Not `from error`: what the driver says may hold the address.
            raise self._meant(error) from None

    def _meant(self, error: Any) -> NightError:
        state, told = getattr(error, "sqlstate", None) or "", self.address.scrubbed(str(error))
        if state in ("42P01", "3F000"):
            return UsageError(str(self.address), "a table or view that is there", first_line(told), "correct it in nightly.toml")
        if state.startswith(("22", "42")) and state != "42501":
            return UsageError(str(self.address), "a select that PostgreSQL can carry out", first_line(told), "correct it in nightly.toml")
        return fault(self.address, state, told)


@contextmanager
def connected(address: Address, statement_timeout_seconds: float, *, read_only: bool) -> Iterator[Connection]:
    """Connect for a block and open a transaction; it is committed at the end of the block, and undone by an error.

    What is read is one snapshot. Raises UsageError where the driver is not installed or a statement makes no sense to the server,
    StorageError where the server cannot be used.
    """
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        next_step = "make setup, or in the project's folder: pip install '.[postgres]'"
        raise UsageError("PostgreSQL", "the extra `postgres`, which brings the driver", "it is not installed", next_step) from error
    try:
        link = dbapi.connect(address.dialled)
    except dbapi.Error as error:
        raise fault(address, error.sqlstate or "", address.scrubbed(str(error))) from None
    with link, link.cursor() as cursor:
        connection = Connection(address, cursor)
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
        if read_only:
            connection.execute("set transaction isolation level repeatable read, read only")
        for name, value in SESSION.items():
            connection.execute(f"set local {name} = {literal(value)}")
        connection.execute(f"set local statement_timeout = {round(statement_timeout_seconds * 1000)}")
        yield connection
        with connection._translated():
            link.commit()


def retried(work: Callable[[], Result], retries: int, pause_seconds: float = 1.0) -> Result:
    """Return what some work gives, trying again where the server did not answer; the pause doubles each time."""
    for left in range(retries, 0, -1):
        try:
            return work()
        except UnavailableError as error:
            log.warning("%s; trying again in %g s, %d more times", error.found, pause_seconds, left)
            time.sleep(pause_seconds)
            pause_seconds *= 2
    return work()


def fault(address: Address, state: str, told: str) -> StorageError:
    """Say what an error of the server means for the operator; one that may pass is an UnavailableError."""
    message = first_line(told)
    if state.startswith(TRANSIENT) or (not state and any(word in told.lower() for word in PASSING)):
        next_step = f"start the server, or correct the address in {address.variable}; then run again"
        return UnavailableError(str(address), "a PostgreSQL server that answers", message, next_step)
    if state == "42501":
        next_step = "have it granted, e.g. grant usage on schema and select on table to this role; then run again"
        return StorageError(str(address), "the right to do this", message, next_step)
    if state == "57014" or "statement timeout" in message:
        next_step = "raise statement_timeout_seconds in nightly.toml, or add an index on the cursor; then run again"
        return StorageError(str(address), "an answer in time", message, next_step)
    if state == "55P03":
        next_step = "have whoever changes the table end their transaction (pg_stat_activity shows it); then run again"
        return StorageError(str(address), "tables that nobody holds locked", message, next_step)
    next_step = f"do what the message asks for, or correct the address in {address.variable}; then run again"
    return StorageError(str(address), "a PostgreSQL server that can be used", message, next_step)


def first_line(told: str) -> str:
    """Return the sentence that tells, without what the driver puts around it."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    first = lines[0] if lines else "an error without a word"
    for mark in ("ERROR:  ", "FATAL:  ", "Failed to connect: ", "() failed: "):
        first = first.rpartition(mark)[2]
    return first


def literal(text: str) -> str:
    """Write a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def close(name: str, known: list[str]) -> str:
    """Name what somebody may have meant, as the end of a sentence; empty where nothing comes near."""
    found = nearest(name, known)
    return f"; did you mean {found}?" if found else ""
