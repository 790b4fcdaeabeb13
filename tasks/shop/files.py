"""The file formats a delivery may come in, each written piece by piece."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from tasks.shop.plain_text import iso_times, joined_lists

Format = Literal["csv", "jsonl", "parquet"]

Append = Callable[[pa.Table], None]
"""Adds rows to an open file; every piece has the columns the file was opened with."""


@contextmanager
def open_file(path: Path, ending: Format, schema: pa.Schema) -> Iterator[Append]:
    """Open a file for rows of one schema, in the format an inbox expects behind that ending; it is complete when the block ends.

    CSV has a header line, lists joined by `|` and nothing where a value is missing; Parquet has one row group per piece.
    """
    match ending:
        case "csv":
            with pyarrow.csv.CSVWriter(path, _cells(schema.empty_table()).schema) as writer:
                yield lambda rows: writer.write_table(_cells(rows))
        case "jsonl":
            with path.open("w", encoding="utf-8", newline="\n") as stream:
                yield lambda rows: stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in iso_times(rows).to_pylist())
        case "parquet":
            with pq.ParquetWriter(path, schema, compression="zstd") as writer:
                yield lambda rows: writer.write_table(rows) if len(rows) else None


def _cells(rows: pa.Table) -> pa.Table:
    return joined_lists(iso_times(rows))
