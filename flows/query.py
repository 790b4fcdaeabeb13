"""Query: ask the published tables in SQL, from the shell; whoever asks can change nothing."""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.columns import BETWEEN, aligned, widths_of
from flows.console import say
from tasks.near_miss import nearest
from tasks.query import Answer, asked, views
from tasks.refusals import UsageError, spelled_out
from tasks.workspace import Workspace

FLAGS = ("--workspace", "--with", "--rows", "--csv", "--json", "--quiet", "--verbose", "--help")
"""What may stand behind the verb; a statement may begin with a hyphen, as comments do."""

WIDEST = 60
"""Characters of a value that a table for people shows."""


def show_query(root: Path, statement: str | None, own: Sequence[str], as_json: bool, as_csv: bool, most: int) -> int:
    """Print the answer to one statement; without one, what can be asked.

    `-` reads the statement from standard input. `own` are files of the asker's, NAME=FILE. People see `most` rows; JSON and CSV hold all.
    """
    _require_sense(statement, as_json, as_csv)
    workspace = Workspace(root.resolve())
    workspace.require()
    if statement is None:
        _show_views(workspace, as_json)
        return 0
    text = sys.stdin.read() if statement == "-" else statement
    with TemporaryDirectory() as spill, asked(workspace, text, _files(own), Path(spill)) as answer:
        if as_json:
            _show_json(answer)
        elif as_csv:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(answer.columns)
            writer.writerows([_cell(value) for value in row] for row in answer.rows)
        else:
            _show_table(answer, most)
    return 0


def _require_sense(statement: str | None, as_json: bool, as_csv: bool) -> None:
    """Raise UsageError where a flag was mistyped, or where two contradict each other."""
    if as_json and as_csv:
        raise UsageError("--json and --csv", "one of them", "both", "leave one out")
    if statement and re.fullmatch(r"--?\w\S*", statement):
        near = nearest(statement, FLAGS)
        raise UsageError("nightly query", "a statement, or a known flag", statement, f"did you mean {near}?" if near else "leave it out")


def _files(own: Sequence[str]) -> dict[str, Path]:
    files = {}
    for given in own:
        name, equals, path = given.partition("=")
        if not name or not equals or not path:
            raise UsageError("--with", "NAME=FILE", given, "name the table, such as --with items=catalogue.csv")
        files[name] = Path(path)
    return files


def _show_views(workspace: Workspace, as_json: bool) -> None:
    found = views(workspace)
    if as_json:
        told = [{"view": view.name, "grain": view.grain, "rows": view.n_rows, "nights": view.n_nights} for view in found]
        say(json.dumps({"views": told}))
        return
    for line in _table(["table", "rows", "nights", "grain"], [(view.name, view.n_rows, view.n_nights, view.grain) for view in found]):
        say(line)
    say("\nNext: nightly query \"select * from recommendations limit 10\"; columns: nightly query 'describe recommendations'")


def _show_json(answer: Answer) -> None:
    if len(set(answer.columns)) < len(answer.columns):
        raise UsageError("the query", "columns with a name of their own", ", ".join(answer.columns), "name them apart with `as`")
    rows = [dict(zip(answer.columns, map(_plain, row), strict=True)) for row in answer.rows]
    columns = [{"name": name, "type": kind} for name, kind in zip(answer.columns, answer.types, strict=True)]
    say(json.dumps({"columns": columns, "rows": rows, "n_rows": len(rows)}, ensure_ascii=False))


def _show_table(answer: Answer, most: int) -> None:
    shown = list(islice(answer.rows, most))
    for line in _table(answer.columns, shown):
        say(line)
    if next(answer.rows, None) is not None:
        say(f"the first {most} rows; more with --rows, all with --csv or --json")
    else:
        say(f"{len(shown)} rows" if len(shown) != 1 else "1 row")


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return the lines of a table: numbers to the right, everything else to the left."""
    values = [list(row) for row in rows]
    cells = [[_short(name) for name in columns], *([_short(_told(value)) for value in row] for row in values)]
    widths = widths_of(cells)
    right = [bool(values) and all(_is_number(row[place]) or row[place] is None for row in values) for place in range(len(columns))]
    head, *lines = (aligned(row, widths, right) for row in cells)
    return [head, BETWEEN.join("-" * width for width in widths), *lines]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _told(value: Any) -> str:
    if value is None:
        return "null"
    return f"{value:.10g}" if isinstance(value, float) else str(_cell(value))


def _short(text: str) -> str:
    legible = spelled_out(text)
    return legible if len(legible) <= WIDEST else f"{legible[: WIDEST - 1]}…"


def _cell(value: Any) -> Any:
    """Return a value for one cell: lists as JSON, truth in lower case."""
    plain = _plain(value)
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, list | dict | bool) else plain


def _plain(value: Any) -> Any:
    """Return a value as JSON can say it; what is no number is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, str | int | None) else str(value)
