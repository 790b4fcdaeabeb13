"""Reading Parquet as text, slice by slice: a few bytes of it may stand for gigabytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.deliveries import Delivery
from tasks.ingest.contract import match_columns
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.limits import LimitsConfig
from tasks.ingest.normalised import json_text, normalised
from tasks.ingest.spelled_times import spelled_times
from tasks.refusals import InputRefusedError

BATCH_ROWS = 1 << 18
BATCH_CELLS = 1 << 22
SLICE_BYTES = 1 << 28
LIST_VALUES = 1 << 24
"""Values of one list column in one row group."""


def parquet_batches(path: Path, _compression: str | None, delivery: Delivery, config: SourceConfig) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file as text; damage that the file's own checksums tell of is an OSError.

    Texts are read as their dictionaries, and spelled out once it is known how much they come to: a bomb is one long text named by
    every row. Raises InputRefusedError for columns that break the contract and for a file that holds too much.
    """
    schema = pq.read_schema(path)
    header = schema.names
    columns = match_columns(str(path), delivery.source, header, config)
    with pq.ParquetFile(path, read_dictionary=_texts(schema), page_checksum_verification=True) as file:
        _require_whole_ids(path, file.schema_arrow, columns.ours)
        _require_bounded(path, file.metadata, config.limits)
        first, left = 0, config.limits.most_bytes(path.stat().st_size)
        for batch in file.iter_batches(batch_size=max(1, min(BATCH_ROWS, BATCH_CELLS // max(1, len(header))))):
            shortened = pa.RecordBatch.from_arrays([_shortened(column, config.limits) for column in batch.columns], names=header)
            n_bytes = sum(_text_bytes(column) for column in shortened.columns)
            left -= n_bytes
            if left < 0:
                hint = "set it aside: nightly run --on-bad-file set_aside; if it is right: [source.limits] max_expansion"
                raise InputRefusedError(str(path), f"at most {config.limits.max_expansion} times its size in text", "more", hint)
            rows = max(1, shortened.num_rows * SLICE_BYTES // max(SLICE_BYTES, n_bytes))
            for start in range(0, shortened.num_rows, rows):
                part = shortened.slice(start, rows)
                texts = pa.RecordBatch.from_arrays([_as_text(column) for column in part.columns], names=header)
                yield normalised(texts, range(first + 1, first + 1 + part.num_rows), columns, delivery)
                first += part.num_rows


def _texts(schema: pa.Schema) -> list[str]:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return [field.name for field in schema if any(is_kind(field.type) for is_kind in kinds)]


def _require_whole_ids(path: Path, schema: pa.Schema, ours: dict[str, str]) -> None:
    for name in ("user_id", "item_id"):
        kind = schema.field(ours[name]).type if name in ours else pa.string()
        if pa.types.is_floating(kind) or pa.types.is_nested(kind):
            hint = "write it as a whole number (Int64 in pandas) or as text"
            raise InputRefusedError(str(path), f"{ours[name]} as a whole number or text", f"type {kind}", hint)


def _require_bounded(path: Path, metadata: pq.FileMetaData, limits: LimitsConfig) -> None:
    """Raise InputRefusedError for more rows, or longer lists, than may be; a footer that lies is met by the count of what is read."""
    hint = "set it aside: nightly run --on-bad-file set_aside; if it is right: [source.limits]"
    if metadata.num_rows > limits.max_rows:
        raise InputRefusedError(str(path), f"at most {limits.max_rows:,} rows", f"{metadata.num_rows:,}", hint)
    for group in range(metadata.num_row_groups):
        chunks = metadata.row_group(group)
        longest = max((chunks.column(place).num_values for place in range(chunks.num_columns)), default=0)
        if longest > max(LIST_VALUES, chunks.num_rows):
            raise InputRefusedError(str(path), f"at most {LIST_VALUES:,} list values in a row group", f"{longest:,}", hint)


def _shortened(column: pa.Array, limits: LimitsConfig) -> pa.Array:
    """Cut the texts of a dictionary just beyond the longest that is taken, so that they still tell that they are too long."""
    if not pa.types.is_dictionary(column.type):
        return column
    texts = column.dictionary.cast(pa.string())
    texts.validate(full=True)
    longest = max(limits.max_text_bytes, limits.max_id_bytes)
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > longest:
        texts = pc.utf8_slice_codeunits(texts, 0, longest + 1)
    return pa.DictionaryArray.from_arrays(column.indices, texts)


def _text_bytes(column: pa.Array) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return int(pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0)


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode()
    if pa.types.is_nested(column.type):
        return pa.array([json_text(value) for value in column.to_pylist()], pa.string())
    return spelled_times(column) if pa.types.is_timestamp(column.type) else column.cast(pa.string())
