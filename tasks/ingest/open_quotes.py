"""A quote that opens in one row of a CSV file and closes rows later takes in the rows between, and reads perfectly well.

It cannot be told which rows are meant, so the file is refused whole. Only text in which nobody delivers a row may hold line breaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.ingest.contract import CONTRACT, Columns
from tasks.refusals import InputRefusedError
from tasks.workspace import Source

FREE_TEXT: dict[Source, tuple[str, ...]] = {"interactions": (), "items": ("title",), "users": ()}
"""Columns of ours that people write: a line break is theirs, unless rows lie behind it. Attributes are all taken for such text."""


def require_closed(path: Path, source: Source, batch: pa.RecordBatch, numbers: NDArray[np.int64], columns: Columns, delimiter: str) -> None:
    """Raise InputRefusedError where a value of a batch, as delivered, holds a line break that it should not hold, or whole rows."""
    single = [columns.ours[name] for name in CONTRACT[source] if name in columns.ours and name not in FREE_TEXT[source]]
    as_rows = _Rows(batch, columns.ours["user_id" if source == "users" else "item_id"], delimiter)
    for place, name in enumerate(batch.schema.names):
        holds_rows: Callable[[str], bool] = (lambda _: True) if name in single else as_rows.lie_in_text_of(place)
        for row in _with_line_break(batch.column(place)):
            if holds_rows(batch.column(place)[row].as_py()):
                raise never_closed(path, int(numbers[row]), name)


def never_closed(path: Path, row: int, column: str | None = None) -> InputRefusedError:
    """Return the refusal of a file in which a quote took in rows."""
    found = f"a quote opened in row {row:,}{f', column {column},' if column else ''} and never closed, or closed rows later"
    hint = f"repair it; where text holds such lines: deliver JSONL or Parquet; or: nightly run --on-bad-file set_aside (moves {path.name})"
    return InputRefusedError(str(path), "quoted values that end before their line does", found, hint)


def breaks_line(text: str) -> bool:
    """Tell a text of several lines."""
    return "\n" in text or "\r" in text


def _with_line_break(column: pa.Array) -> list[int]:
    # All the bytes of a column at once: a search row by row would double the time that reading takes.
    content = column.buffers()[2]
    if content is None or not any(end in content.to_pybytes() for end in (b"\n", b"\r")):
        return []
    mask = pc.or_(pc.match_substring(column, "\n"), pc.match_substring(column, "\r"))
    return [int(row) for row in np.flatnonzero(mask.fill_null(False).to_numpy(zero_copy_only=False))]


@dataclass
class _Rows:
    """What a delivered row of a batch looks like: so many fields, and an id of the same kinds of characters as other ids."""

    batch: pa.RecordBatch
    id_name: str
    delimiter: str
    _known: set[frozenset[str]] | None = None

    def lie_in_text_of(self, place: int) -> Callable[[str], bool]:
        """Return what tells a text, found in the column of this place, that nine lines in ten make up rows."""

        def tell(text: str) -> bool:
            # The first line ends the row that the quote opened in; the last one begins the row that it closed in.
            lines, width = re.split("\r\n|\r|\n", text.rstrip("\r\n")), self.batch.num_columns
            spans = [(place, width), *[(0, width)] * (len(lines) - 2), (0, place + 1)]
            fit = [self._fits(line, *span) for line, span in zip(lines, spans, strict=False)]
            return len(lines) > 1 and fit.count(False) * 10 <= len(fit)

        return tell

    def _fits(self, line: str, first: int, end: int) -> bool:
        fields, id_place = line.split(self.delimiter), self.batch.schema.names.index(self.id_name)
        if len(fields) != end - first:
            return False
        return not first <= id_place < end or _kinds(fields[id_place - first]) in self._known_kinds()

    def _known_kinds(self) -> set[frozenset[str]]:
        if self._known is None:
            self._known = {_kinds(text) for text in self.batch.column(self.id_name).drop_null().to_pylist()}
        return self._known


def _kinds(text: str) -> frozenset[str]:
    """Return the kinds of characters of an id: digits and letters are one kind each, any other character is its own."""
    return frozenset("9" if char.isdigit() else "a" if char.isalpha() else char for char in text.strip(' "'))
