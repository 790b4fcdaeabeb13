"""How tables become files: sorted, compressed, in row groups of one size; the same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.storage import replaced
from tasks.tables import TABLES

ROWS_PER_GROUP = 131_072


@contextmanager
def _open_table(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Write a table in row groups in the block; its bytes depend on the rows alone, and it has its name once it is whole."""
    # Hardly a contribution comes twice: a dictionary of them takes as long as all else, is given up, and leaves larger files.
    repeating = [field.name for field in schema if not pa.types.is_floating(field.type)]
    settings = {"compression": "zstd", "compression_level": 3, "use_dictionary": repeating, "write_page_checksum": True}
    with replaced(path) as stream, pq.ParquetWriter(stream, schema, **settings) as writer:
        yield writer


@contextmanager
def table_of_parts(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Write a table part by part in the block, by calling what it is given, in row groups of one size whatever the size of the parts."""
    waiting, n_rows = list[pa.Table](), 0
    with _open_table(path, schema) as writer:

        def write(part: pa.Table) -> None:
            nonlocal waiting, n_rows
            waiting.append(part)
            n_rows += len(part)
            if n_rows >= ROWS_PER_GROUP:
                # In one chunk: where a dictionary ends, and so the bytes, would depend on the parts.
                whole = pa.concat_tables(waiting).combine_chunks()
                n_left = n_rows % ROWS_PER_GROUP
                writer.write_table(whole[: n_rows - n_left], row_group_size=ROWS_PER_GROUP)
                waiting, n_rows = [whole[n_rows - n_left :]], n_left

        yield write
        if n_rows:
            writer.write_table(pa.concat_tables(waiting).combine_chunks())


def write_parts(path: Path, schema: pa.Schema, parts: Generator[pa.Table]) -> None:
    """Write a table part by part; where writing fails, no more parts are made."""
    with table_of_parts(path, schema) as write, closing(parts):
        for part in parts:
            write(part)


def write_table(path: Path, content: pa.Table, schema: pa.Schema) -> Path:
    """Write a small table in one go, sorted by the key of the contract."""
    key = TABLES[schema.metadata[b"table"].decode()].key
    rows = (
        content.select(schema.names)
        .cast(pa.schema([field.remove_metadata() for field in schema]))
        .sort_by([(name, "ascending") for name in key])
    )
    with _open_table(path, schema) as writer:
        writer.write_table(rows.cast(schema), row_group_size=ROWS_PER_GROUP)
    return path
