"""What is asked of PostgreSQL to read one source: which columns, between which two values of the cursor, in which order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sql import quoted
from tasks.ingest.contract import CONTRACT, match_columns
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.pull_config import PullConfig
from tasks.postgres import literal
from tasks.postgres.connection import close
from tasks.postgres.statements import template
from tasks.refusals import InputRefusedError, UsageError
from tasks.workspace import Source

NUMBERS = ("int2", "int4", "int8")
TIMES = ("timestamptz", "timestamp", "date")
INEXACT = ("float4", "float8")

_PART = re.compile(r'"(?:[^"]|"")+"|[^".]+')


@dataclass(frozen=True)
class PulledColumn:
    """A column that is read, by its quoted name; lists are spelled as JSON, as files bring them."""

    name: str
    quoted: str
    is_list: bool


@dataclass(frozen=True)
class Asked:
    """One source as it is read: the relation, its columns, and the cursor with its type."""

    source: Source
    config: PullConfig
    relation: str
    columns: tuple[PulledColumn, ...]
    cursor_type: str = ""

    def statement(self, what: str, condition: str = "") -> str:
        """Return one of the statements of the template: `rows`, `newest` or `window`."""
        cursor = quoted(self.config.cursor) if self.config.cursor else ""
        return (
            template("tasks.ingest", "pull.sql.jinja")
            .render(what=what, asked=self.relation, columns=self.columns, cursor=cursor, condition=condition)
            .strip()
        )

    def value(self, text: str) -> str:
        """Write a value of the cursor."""
        return f"{literal(text)}::{self.cursor_type}"

    def beyond(self, text: str) -> str:
        """Return the condition of rows beyond a value of the cursor."""
        return f"asked.{self._cursor} > {self.value(text)}"

    def up_to(self, text: str) -> str:
        """Return the condition of rows up to a value of the cursor."""
        return f"asked.{self._cursor} <= {self.value(text)}"

    def shortly_before(self, text: str) -> str:
        """Return the condition of rows beyond a value, and of those before it among which late ones are looked for."""
        reach = str(self.config.overlap_ids) if not self.cursor_is_time else f"interval '{self.config.overlap_minutes} minutes'"
        return f"asked.{self._cursor} > {self.value(text)} - {reach}"

    def window(self, through: str) -> str:
        """Return the condition of the rows up to a value among which late ones are looked for."""
        return f"{self.shortly_before(through)} and {self.up_to(through)}"

    def known(self, run_date: date, zone: str | None, value: str | None = None) -> str:
        """Return the condition of the rows, or of a value of the cursor, that the night of a date may know of."""
        of = f"asked.{self._cursor}" if value is None else self.value(value)
        if not self.cursor_is_time:
            return f"{of} is not null"
        until = run_date + timedelta(days=1)
        midnight = f"'{until} 00:00:00+00'::timestamptz"
        bound = {
            "timestamptz": midnight,
            "timestamp": f"{midnight} at time zone {literal(zone or 'UTC')}",
            "date": f"'{until}'::date",
        }
        return f"{of} < {bound[self.cursor_type]}"

    @property
    def cursor_is_time(self) -> bool:
        return self.cursor_type in TIMES

    @property
    def _cursor(self) -> str:
        return quoted(self.config.cursor or "")


def relation_of(config: PullConfig) -> str:
    """Return what is read from, as it stands behind `from`."""
    if config.table is None:
        return f"(\n{config.asked}\n)"
    parts = [part.group() for part in _PART.finditer(config.table)]
    if ".".join(parts) != config.table or not 1 <= len(parts) <= 2:
        expected = 'a table, or a schema and a table: shop.orders, shop."Orders of 2026"'
        raise UsageError("[source.postgres] table", expected, config.table, "correct it in nightly.toml")
    return ".".join(quoted(part[1:-1].replace('""', '"') if part.startswith('"') else part) for part in parts)


def asked_for(source: Source, config: PullConfig, types: Mapping[str, str], mapping: SourceConfig) -> Asked:
    """Decide what is read of a relation whose columns have these types.

    Of a table of interactions only the columns that are ours: what nobody uses does not leave the database. Raises InputRefusedError
    for columns that break the contract, UsageError for a cursor that is none.
    """
    where = f"[source.postgres.{source}] {'table' if config.table else 'query'}"
    picks = source == "interactions" and config.table is not None
    ours = {mapping.columns.get(source, {}).get(name, name) for name in CONTRACT[source]}
    # What only tells rows apart is no attribute to learn from.
    header = [name for name in types if name != config.cursor or name in ours]
    matched = match_columns(where, source, header, mapping.model_copy(update={"on_schema_change": "discard_row"}) if picks else mapping)
    for name in ("user_id", "item_id"):
        if name in matched.ours and types[matched.ours[name]] in INEXACT:
            found = f"{matched.ours[name]} of type {types[matched.ours[name]]}"
            raise InputRefusedError(where, f"{name} as a whole number or text", found, "cast it in a query of yours: ::bigint")
    names = set(matched.ours.values()) if picks else set(header)
    columns = tuple(PulledColumn(name, quoted(name), types[name].startswith("_")) for name in types if name in names)
    return Asked(source, config, relation_of(config), columns, _cursor_type(where, config, types))


def _cursor_type(where: str, config: PullConfig, types: Mapping[str, str]) -> str:
    if config.cursor is None:
        return ""
    if config.cursor not in types:
        found = f"{config.cursor}{close(config.cursor, list(types))}"
        raise UsageError(f"{where}, cursor", f"a column among {', '.join(types)}", found, "correct it in nightly.toml")
    kind = types[config.cursor]
    if kind not in (*NUMBERS, *TIMES):
        expected = f"a column of type {', '.join((*NUMBERS, *TIMES))}: one that grows"
        raise UsageError(f"{where}, cursor", expected, f"{config.cursor} of type {kind}", "name another, or none for a whole snapshot")
    return kind
