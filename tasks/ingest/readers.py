"""Reading delivered files as text, batch by batch, in bounded memory; no value is guessed, no row is dropped.

Every reader yields record batches of `raw_schema`; a line that cannot be told into columns travels in `malformed`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from tasks.ingest.contract import Columns, match_columns, raw_schema
from tasks.ingest.delivery import Delivery, SourceConfig
from tasks.refusals import InputRefusedError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_LINES = 50_000
_DELIMITERS = (",", ";", "\t", "|")


def read_batches(delivery: Delivery, config: SourceConfig) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a delivered file as batches of `raw_schema`.

    Raises InputRefusedError for a file that is empty, cut short, in no known format, or whose columns break the contract.
    """
    path = Path(delivery.path or "")
    kind, compression = _kind(path)
    if path.stat().st_size == 0:
        raise InputRefusedError(str(path), "rows", "an empty file (0 bytes)", _away(path))
    if compression is None and kind != ".parquet" and config.require_final_newline:
        _require_final_newline(path)
    readers = {".parquet": _parquet, ".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl}
    try:
        yield from readers[kind](path, compression, delivery, config)
    except (pa.ArrowException, OSError, EOFError, UnicodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputRefusedError(str(path), f"a readable {kind[1:]} file", reason, _away(path)) from error


def _kind(path: Path) -> tuple[str, str | None]:
    compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix.lower())
    kind = (Path(path.stem) if compression else path).suffix.lower()
    if kind not in SUFFIXES or (compression and kind == ".parquet"):
        raise InputRefusedError(str(path), "a name ending in .csv, .tsv, .jsonl (also .gz, .zst) or .parquet", path.name, _away(path))
    return kind, compression


def _away(path: Path) -> str:
    return f"repair it, or set it aside and run again: nightly run --on-bad-file set_aside (moves {path.name} to set_aside/)"


def _require_final_newline(path: Path) -> None:
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        if stream.read(1) not in (b"\n", b"\r"):
            hint = "deliver it again whole; where files never end in a newline: [source] require_final_newline = false"
            raise InputRefusedError(str(path), "a newline after the last row", "none: the file may be cut short", hint)


def _csv(path: Path, compression: str | None, delivery: Delivery, config: SourceConfig) -> Iterator[pa.RecordBatch]:
    broken: dict[int, str] = {}

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        broken[row.number - 1] = row.text
        return "skip"

    parsing = pyarrow.csv.ParseOptions(delimiter=_delimiter(path, compression), newlines_in_values=True, invalid_row_handler=keep)
    # The header is read apart first: it decides that every column is taken as text.
    with pa.input_stream(str(path), compression=compression) as stream:
        header = pyarrow.csv.open_csv(stream, parse_options=parsing, read_options=pyarrow.csv.ReadOptions(use_threads=False)).schema.names
    broken.clear()
    columns = match_columns(str(path), delivery.source, header, config)
    as_text = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, quoted_strings_can_be_null=True, null_values=[""]
    )
    last, last_value = 0, None
    with pa.input_stream(str(path), compression=compression) as stream:
        reading = pyarrow.csv.ReadOptions(use_threads=False, block_size=1 << 24)
        for batch in pyarrow.csv.open_csv(stream, read_options=reading, parse_options=parsing, convert_options=as_text):
            numbers = list(islice((n for n in range(last + 1, last + 2 + batch.num_rows + len(broken)) if n not in broken), batch.num_rows))
            if numbers:
                last, last_value = numbers[-1], batch.column(batch.num_columns - 1)[-1].as_py()
            yield _normalised(batch, numbers, columns, delivery)
    # A quote that is never closed takes in all rows behind it, without an error: its value ends with the file's last newline.
    if last_value and last_value.endswith("\n"):
        found = f"a quote opened in row {last:,} and never closed"
        raise InputRefusedError(str(path), "quoted values that end", found, _away(path))
    if broken:
        yield _malformed(delivery, broken)


def _delimiter(path: Path, compression: str | None) -> str:
    with pa.input_stream(str(path), compression=compression) as stream:
        header_line = stream.read(1 << 16).split(b"\n", 1)[0].decode("utf-8-sig")
    return max(_DELIMITERS, key=header_line.count)


def _jsonl(path: Path, compression: str | None, delivery: Delivery, config: SourceConfig) -> Iterator[pa.RecordBatch]:
    first = 0
    names: set[str] = set()
    with pa.input_stream(str(path), compression=compression) as stream:
        lines = iter(io.BufferedReader(stream).readline, b"")
        while chunk := list(islice(lines, _LINES)):
            rows: dict[int, dict[str, Any]] = {}
            broken: dict[int, str] = {}
            for number, line in enumerate(chunk, start=first + 1):
                _parse_line(line, number, rows, broken)
            first += len(chunk)
            if rows:
                names.update(*rows.values())
                header = sorted(names)
                columns = match_columns(str(path), delivery.source, header, config)
                arrays = [pa.array([_json_text(row.get(name)) for row in rows.values()], pa.string()) for name in header]
                yield _normalised(pa.RecordBatch.from_arrays(arrays, names=header), list(rows), columns, delivery)
            if broken:
                yield _malformed(delivery, broken)


def _parse_line(line: bytes, number: int, rows: dict[int, dict[str, Any]], broken: dict[int, str]) -> None:
    text = line.decode("utf-8-sig")
    if not text.strip():
        return
    try:
        # Numbers stay the text they were: 1.10 and 1.1 are different ids.
        row = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        row = None
    if isinstance(row, dict):
        rows[number] = row
    else:
        broken[number] = text.rstrip("\n")


def _parquet(path: Path, _compression: str | None, delivery: Delivery, config: SourceConfig) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        columns = match_columns(str(path), delivery.source, file.schema_arrow.names, config)
        for name in ("user_id", "item_id"):
            kind = file.schema_arrow.field(columns.ours[name]).type if name in columns.ours else pa.string()
            if pa.types.is_floating(kind) or pa.types.is_nested(kind):
                hint = "write it as a whole number (Int64 in pandas) or as text"
                raise InputRefusedError(str(path), f"{columns.ours[name]} as a whole number or text", f"type {kind}", hint)
        first = 0
        for batch in file.iter_batches(batch_size=1 << 18):
            texts = pa.RecordBatch.from_arrays([_as_text(column) for column in batch.columns], names=batch.schema.names)
            yield _normalised(texts, list(range(first + 1, first + 1 + batch.num_rows)), columns, delivery)
            first += batch.num_rows


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type):
        return pa.array([_json_text(value) for value in column.to_pylist()], pa.string())
    return column.cast(pa.string())


def _json_text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _normalised(batch: pa.RecordBatch, numbers: list[int], columns: Columns, delivery: Delivery) -> pa.RecordBatch:
    """Bring a batch of text columns under our names; further columns become one JSON object a row."""
    schema = raw_schema(delivery.source)
    arrays: list[pa.Array] = []
    for field in schema:
        if field.name == "row_number":
            arrays.append(pa.array(numbers, pa.int64()))
        elif field.name in columns.ours:
            texts = pc.utf8_trim_whitespace(batch.column(columns.ours[field.name]))
            arrays.append(pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts))
        elif field.name == "attributes" and columns.attributes:
            arrays.append(_attributes(batch, columns.attributes))
        else:
            arrays.append(pa.nulls(batch.num_rows, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _attributes(batch: pa.RecordBatch, names: tuple[str, ...]) -> pa.Array:
    values = [batch.column(name).to_pylist() for name in names]
    rows = ({name: value for name, value in zip(names, row, strict=True) if value is not None} for row in zip(*values, strict=True))
    return pa.array([json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows], pa.string())


def _malformed(delivery: Delivery, broken: dict[int, str]) -> pa.RecordBatch:
    schema = raw_schema(delivery.source)
    arrays = [pa.array(list(broken), pa.int64()), pa.array(list(broken.values()), pa.string())]
    arrays += [pa.nulls(len(broken), pa.string())] * (len(schema) - 2)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
