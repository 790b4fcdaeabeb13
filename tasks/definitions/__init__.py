"""The published tables as other engines define them: `python -m tasks.definitions athena --location s3://bucket/shop --item-ids integer`.

The files under docs/definitions/ are what this prints without further flags; a test holds them to it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import jinja2

from tasks.tables import CONTRACT_VERSION, TABLES

_STANDARD = {
    "string": "varchar",
    "int16": "smallint",
    "int64": "bigint",
    "float64": "double precision",
    "bool": "boolean",
    "date32": "date",
    "timestamp[us]": "timestamp",
    "list": "{}[]",
}
_HIVE = _STANDARD | {"string": "string", "float64": "double", "list": "array<{}>"}
TYPES = {
    "tables": _STANDARD,
    "duckdb": _STANDARD,
    "spark": _HIVE | {"timestamp[us]": "timestamp_ntz"},
    "athena": _HIVE,
    "bigquery": _HIVE | {"int16": "int64", "int64": "int64", "float64": "float64", "bool": "bool", "timestamp[us]": "datetime"},
}
"""Definition -> its type for each kind of a column."""

LOCATIONS = {"tables": "", "duckdb": ".", "spark": "s3://bucket/shop", "athena": "s3://bucket/shop", "bigquery": "gs://bucket/shop"}
"""Definition -> where it takes the workspace to be, unless told."""

APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
"""Stands for the straight one in comments: engines differ in how that is escaped."""

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("tasks.definitions", "."),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 - SQL, made of our own names and sentences
)


def definition(name: str, location: str | None = None, id_types: Mapping[str, str] | None = None) -> str:
    """Return the statements that define every table for one of TYPES, each with its columns, their types and meanings.

    `location` is where the workspace lies, `id_types` says of user_id and item_id whether they are `integer` or `text`.
    """
    kinds = {kind: "int64" if told == "integer" else "string" for kind, told in (id_types or {}).items()}

    def type_of(kind: str) -> str:
        if kind.startswith("list<"):
            return TYPES[name]["list"].format(type_of(kind.removeprefix("list<").removesuffix(">")))
        return TYPES[name][kinds.get(kind, {"user_id": "string", "item_id": "string"}.get(kind, kind))]

    template = _templates.get_template(f"{name}.sql.jinja")
    where = (location or LOCATIONS[name]).rstrip("/")
    return template.render(tables=TABLES.values(), type_of=type_of, quoted=_quoted, location=where, version=CONTRACT_VERSION)


def _quoted(text: str) -> str:
    return f"'{text.replace(chr(39), APOSTROPHE)}'"


def main(arguments: list[str]) -> str:
    """Return what the command prints."""
    parser = argparse.ArgumentParser(
        prog="python -m tasks.definitions", description="Print the published tables as an engine defines them."
    )
    parser.add_argument("engine", choices=sorted(TYPES))
    parser.add_argument("--location", help="where the workspace lies, such as s3://bucket/shop")
    parser.add_argument("--user-ids", choices=("text", "integer"), default="text")
    parser.add_argument("--item-ids", choices=("text", "integer"), default="text")
    told = parser.parse_args(arguments)
    return definition(told.engine, told.location, {"user_id": told.user_ids, "item_id": told.item_ids})
