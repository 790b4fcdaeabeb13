"""Reading delivered files as text, batch by batch, in bounded memory; no value is guessed, no row is dropped.

Every reader yields record batches of `raw_schema`; a line that cannot be told into columns travels in `malformed`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from tasks.deliveries import Delivery
from tasks.ingest.contract import match_columns, raw_schema
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.fit_rows import fit_rows
from tasks.ingest.normalised import json_text, normalised
from tasks.ingest.open_quotes import breaks_line, never_closed, require_closed
from tasks.ingest.parquet import parquet_batches
from tasks.ingest.settled import require_ended
from tasks.ingest.unpacked import unpacked
from tasks.refusals import InputRefusedError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
UNREADABLE = (pa.ArrowException, OSError, EOFError, ValueError, LookupError, ArithmeticError, TypeError, RecursionError)
"""What libraries raise over bytes that are not what they expect."""

LONGEST_HEADER = 1 << 20
LONGEST_LINE = 1 << 24
LONGEST_MALFORMED = 1_000
"""Characters kept of a line that cannot be told into columns: enough to recognise it."""

_LINES = 50_000
_DELIMITERS = (",", ";", "\t", "|")


def read_batches(delivery: Delivery, config: SourceConfig) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a delivered file as batches of `raw_schema`, within the limits of the settings.

    Raises InputRefusedError for a file that is empty, cut short, damaged, too large, in no known format, or whose columns break the
    contract.
    """
    path = Path(delivery.path or "")
    kind, compression = _kind(path)
    if path.stat().st_size == 0:
        raise InputRefusedError(str(path), "rows", "an empty file (0 bytes)", _away(path))
    if compression is None and kind != ".parquet" and config.require_final_newline:
        with path.open("rb") as stream:
            stream.seek(-1, 2)
            require_ended(path, stream.read(1))
    readers = {".parquet": parquet_batches, ".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl}
    rows = 0
    try:
        for batch in readers[kind](path, compression, delivery, config):
            rows += batch.num_rows
            if rows > config.limits.max_rows:
                raise InputRefusedError(str(path), f"at most {config.limits.max_rows:,} rows ([source.limits])", "more", _away(path))
            yield fit_rows(batch, config.limits)
    except UNREADABLE as error:
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


def _csv(path: Path, compression: str | None, delivery: Delivery, config: SourceConfig) -> Iterator[pa.RecordBatch]:
    broken: dict[int, str] = {}
    torn: list[int] = []

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        if breaks_line(row.text):
            torn.append(row.number - 1)
            return "error"
        if len(broken) == config.limits.max_malformed_rows:
            return "error"
        broken[row.number - 1] = row.text[:LONGEST_MALFORMED]
        return "skip"

    # The header is read apart first: it decides that every column is taken as text.
    header_line = _header_line(path, compression, config)
    delimiter = max(_DELIMITERS, key=header_line.decode("utf-8-sig").count)
    header = pyarrow.csv.read_csv(pa.BufferReader(header_line), parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter)).column_names
    columns = match_columns(str(path), delivery.source, header, config)
    parsing = pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep)
    as_text = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, quoted_strings_can_be_null=True, null_values=[""]
    )
    last, last_value = 0, None
    with unpacked(path, compression, config, whole=True) as stream, _refusing_quietly(keep):
        reading = pyarrow.csv.ReadOptions(use_threads=False, block_size=1 << 24)
        try:
            for batch in pyarrow.csv.open_csv(stream, read_options=reading, parse_options=parsing, convert_options=as_text):
                numbers = _numbers(last, batch.num_rows, broken)
                require_closed(path, delivery.source, batch, numbers, columns, delimiter)
                if len(numbers):
                    last, last_value = int(numbers[-1]), batch.column(batch.num_columns - 1)[-1].as_py()
                yield normalised(batch, numbers, columns, delivery)
        except pa.ArrowInvalid:
            # A row that cannot be told into columns and has several lines: it holds those that a quote took in.
            if torn:
                raise never_closed(path, torn[0]) from None
            raise
    # A quote that is never closed takes in all rows behind it, without an error: its value ends with the file's last line.
    if last_value and last_value.endswith(("\n", "\r")):
        raise never_closed(path, last)
    if broken:
        yield _malformed(delivery, broken)


@contextmanager
def _refusing_quietly(keep: Callable[[pyarrow.csv.InvalidRow], str]) -> Iterator[None]:
    """Keep Python from printing a traceback where a broken row is no UTF-8: Arrow cannot hand it over and refuses the file, as is right."""
    told = sys.unraisablehook

    def tell(fault: sys.UnraisableHookArgs) -> None:
        if fault.object is not keep:
            told(fault)

    sys.unraisablehook = tell
    try:
        yield
    finally:
        sys.unraisablehook = told


def _header_line(path: Path, compression: str | None, config: SourceConfig) -> bytes:
    """Return the first line that is not empty, with its end; a line break within quotes ends none."""
    with unpacked(path, compression, config) as stream:
        beginning = stream.read(LONGEST_HEADER)
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputRefusedError(str(path), "text in UTF-8", "UTF-16", "have it exported as UTF-8")
    line = b""
    for part in beginning.lstrip(b"\r\n").splitlines(keepends=True):
        line += part
        if line.count(b'"') % 2 == 0:
            return line
    return line


def _numbers(last: int, n_rows: int, broken: dict[int, str]) -> NDArray[np.int64]:
    """Number the rows behind a row that are not broken ones."""
    numbers = np.arange(last + 1, last + 1 + n_rows + len(broken), dtype=np.int64)
    return numbers[~np.isin(numbers, list(broken))][:n_rows] if broken else numbers


def _jsonl(path: Path, compression: str | None, delivery: Delivery, config: SourceConfig) -> Iterator[pa.RecordBatch]:
    first = n_broken = 0
    names: set[str] = set()
    with unpacked(path, compression, config, whole=True) as stream:
        for chunk in _chunks(stream):
            rows: dict[int, dict[str, Any]] = {}
            broken: dict[int, str] = {}
            for number, line in enumerate(chunk, start=first + 1):
                _parse_line(line, number, rows, broken)
            first += len(chunk)
            n_broken += len(broken)
            if n_broken > config.limits.max_malformed_rows:
                found = f"more than {config.limits.max_malformed_rows:,} lines that are none"
                raise InputRefusedError(str(path), "one JSON object a line", found, _away(path))
            if rows:
                names.update(*rows.values())
                header = sorted(names)
                columns = match_columns(str(path), delivery.source, header, config)
                arrays = [pa.array([json_text(row.get(name)) for row in rows.values()], pa.string()) for name in header]
                yield normalised(pa.RecordBatch.from_arrays(arrays, names=header), list(rows), columns, delivery)
            if broken:
                yield _malformed(delivery, broken)


def _chunks(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield lines in groups that fit the memory; a line longer than any row may be ends the file with a ValueError."""
    chunk: list[bytes] = []
    n_bytes = 0
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise ValueError(f"a line of more than {LONGEST_LINE:,} bytes")
        chunk.append(line)
        n_bytes += len(line)
        if len(chunk) == _LINES or n_bytes > LONGEST_LINE:
            yield chunk
            chunk, n_bytes = [], 0
    if chunk:
        yield chunk


def _parse_line(line: bytes, number: int, rows: dict[int, dict[str, Any]], broken: dict[int, str]) -> None:
    text = line.decode("utf-8-sig")
    if not text.strip():
        return
    try:
        # Half a surrogate pair, which only an escape can bring, is no text.
        if "\\u" in text and not _is_text(text):
            raise ValueError(text)
        # Numbers stay the text they were: 1.10 and 1.1 are different ids.
        row = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        row = None
    if isinstance(row, dict):
        rows[number] = row
    else:
        broken[number] = text.rstrip("\n")[:LONGEST_MALFORMED]


def _is_text(line: str) -> bool:
    try:
        json.dumps(json.loads(line), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _malformed(delivery: Delivery, broken: dict[int, str]) -> pa.RecordBatch:
    schema = raw_schema(delivery.source)
    arrays = [pa.array(list(broken), pa.int64()), pa.array(list(broken.values()), pa.string())]
    arrays += [pa.nulls(len(broken), pa.string())] * (len(schema) - 2)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
