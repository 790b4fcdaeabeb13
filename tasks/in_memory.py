"""A store in memory, for questions about files of a workspace: the warehouse belongs to the night that may be at work on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

import sql
from tasks.refusals import StorageError
from tasks.warehouse import MACROS, SCHEMAS, Warehouse

THREADS, MEMORY = 2, "2GB"
"""What a question may use of the machine; a night may be at work on it."""


@contextmanager
def in_memory(root: Path, id_types: Mapping[Any, str] | None = None) -> Iterator[Warehouse]:
    """Open a store in memory for a block that reads files of a workspace: UTC, bounded, without reach beyond the workspace.

    What does not fit into its memory spills to a folder for temporary files, never into the workspace. Raises StorageError where a file
    cannot be read, or where memory or disk are too small.
    """
    with TemporaryDirectory(prefix="nightly-") as spill:
        connection = duckdb.connect(":memory:", config={"threads": THREADS, "memory_limit": MEMORY})
        try:
            _prepare(connection, root, spill, id_types or {})
            yield Warehouse(connection, "a question")
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            next_step = "nightly verify; while a night is being published, ask again"
            raise StorageError("the published files", "files that can be read", str(error).splitlines()[0], next_step) from error
        finally:
            connection.close()


def _prepare(connection: duckdb.DuckDBPyConnection, root: Path, spill: str, id_types: Mapping[Any, str]) -> None:
    for schema in SCHEMAS:
        connection.execute(f"create schema {schema}")
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    connection.execute("set temp_directory = $folder", {"folder": spill})
    connection.execute("set allowed_directories = $folders", {"folders": [str(root), spill]})
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    for name, parameters in MACROS.items():
        connection.execute(f"create temp macro {name}({parameters}) as {sql.read(f'macros.{name}')}")
    for name, kind in id_types.items():
        connection.execute(f"create type {name.replace('_id', '_key')} as {'bigint' if kind == 'integer' else 'varchar'}")
