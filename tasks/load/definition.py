"""A published table as PostgreSQL holds it: its columns and types, from the one schema in code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sql import quoted
from tasks.postgres import literal
from tasks.postgres.statements import template
from tasks.tables import TABLES, Column

RUN_DATE = Column("run_date", "date32", "The date of the night that the row is of.")
"""In files it is the name of a folder; where a table has no such column of its own, its rows bring it along."""


@dataclass(frozen=True)
class SqlColumn:
    """A column by its name and as a definition spells it."""

    name: str
    quoted: str
    type: str
    nullable: bool
    meaning: str


@dataclass(frozen=True)
class Definition:
    """A table of a schema in the database; both names are quoted where they are written."""

    schema: str
    name: str
    columns: tuple[SqlColumn, ...]

    def statement(self, what: str, **given: Any) -> str:
        """Return one of the statements of the template."""
        key = [quoted(name) for name in TABLES[self.name].key]
        return statement(what, self.schema, table=quoted(self.name), columns=self.columns, key=key, **given)

    def comments(self) -> list[str]:
        """Return the statements that say what the table and each column mean."""
        table = f"{quoted(self.schema)}.{quoted(self.name)}"
        told = {f"table {table}": TABLES[self.name].grain} | {f"column {table}.{one.quoted}": one.meaning for one in self.columns}
        return [statement("comment", self.schema, on=on, text=literal(meaning)) for on, meaning in told.items()]

    @property
    def regclass(self) -> str:
        """Return its name as a literal that to_regclass reads."""
        return literal(f"{quoted(self.schema)}.{quoted(self.name)}")


def definition(schema: str, name: str, id_types: Mapping[Any, str]) -> Definition:
    """Define a published table, given whether user and item ids are integers or text."""
    table = TABLES[name]
    has_date = any(column.name == RUN_DATE.name for column in table.columns)
    columns = table.columns if has_date else (RUN_DATE, *table.columns)
    types = {field.name: field.type for field in table.schema(id_types)} | ({} if has_date else {RUN_DATE.name: pa.date32()})
    spelled = (SqlColumn(one.name, quoted(one.name), sql_type(types[one.name]), one.nullable, one.meaning) for one in columns)
    return Definition(schema, name, tuple(spelled))


def sql_type(kind: pa.DataType) -> str:
    """Return PostgreSQL's own name of a type, as it tells it of a column."""
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    known = {
        pa.string(): "text",
        pa.int16(): "smallint",
        pa.int32(): "integer",
        pa.int64(): "bigint",
        pa.float64(): "double precision",
        pa.bool_(): "boolean",
        pa.date32(): "date",
        pa.timestamp("us"): "timestamp without time zone",
    }
    return known[kind]


def statement(what: str, schema: str, **given: Any) -> str:
    """Return one of the statements of the template for a schema."""
    return template("tasks.load", "load.sql.jinja").render(what=what, schema=quoted(schema), **given).strip()
