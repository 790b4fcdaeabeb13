"""Ratings become interactions, stretch by stretch: 32 million of them need no more memory than a few."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from tasks.movielens.layouts import RatingsFile
from tasks.movielens.published import Published
from tasks.progress import reached

BLOCK_BYTES = 4 * 1024 * 1024
"""How much of the file is cut at a time; a row group each, so a constant here keeps the bytes the same everywhere."""

INTERACTIONS = pa.schema({"user_id": pa.int64(), "item_id": pa.int64(), "occurred_at": pa.timestamp("us", "UTC"), "value": pa.float64()})


class WholeLines(io.RawIOBase):
    """A file that refuses to end in the middle of a line: a time cut short would still be a number."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._last_byte = stream, b"\n"

    def readable(self) -> bool:
        """Say so, as Arrow asks before it reads."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Read on, up to the end where `size` is negative; raises ValueError there if the last line has no end."""
        block = self._stream.read(size)
        if not block and self._last_byte != b"\n":
            raise ValueError("the last line is cut short: no newline at the end of the file")
        self._last_byte = block[-1:] or self._last_byte
        return block


def write_interactions(published: Published, ratings: RatingsFile, path: Path) -> int:
    """Write all ratings in their published order and return their number."""
    n_interactions = 0
    with pq.ParquetWriter(path, INTERACTIONS, compression="zstd") as writer:
        for batch in _interactions(published, ratings):
            writer.write_batch(batch)
            n_interactions += batch.num_rows
            reached("ratings", n_interactions)
    if n_interactions == 0:
        raise published.fault(ratings.name, "at least one rating", "none")
    return n_interactions


def _interactions(published: Published, ratings: RatingsFile) -> Iterator[pa.RecordBatch]:
    user, item, value, time = ratings.columns
    with published.reading(ratings.name, f"the columns {', '.join(ratings.columns)} in whole lines") as stream:
        reader = pyarrow.csv.open_csv(
            WholeLines(stream),
            read_options=pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES, column_names=_column_names(ratings)),
            parse_options=pyarrow.csv.ParseOptions(delimiter=ratings.delimiter),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=ratings.columns,
                column_types={user: pa.int64(), item: pa.int64(), value: pa.float64(), time: pa.int64()},
            ),
        )
        for batch in reader:
            occurred_at = batch[time].cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("us", "UTC"))
            yield pa.RecordBatch.from_arrays([batch[user], batch[item], occurred_at, batch[value]], schema=INTERACTIONS)


def _column_names(ratings: RatingsFile) -> list[str] | None:
    """Name the columns in the order of the file, the empty ones too; None leaves it to the header."""
    if ratings.has_header:
        return None
    gaps = [f"between {name} and the next" for name in ratings.columns]
    every_one = [name for pair in zip(ratings.columns, gaps, strict=True) for name in pair]
    return every_one[:-1] if ratings.columns_apart > 1 else list(ratings.columns)
