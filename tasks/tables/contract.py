"""What a published table is: its grain, its key and its columns, with a meaning each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

CONTRACT_VERSION = "1.2"
"""Columns and tables that are added raise what stands behind the dot; whatever breaks a reader needs a new path."""

EVERYBODY = "__all__"
"""The segment that holds every user."""


@dataclass(frozen=True)
class Column:
    """One published column.

    `kind` is an Arrow type, or `user_id` / `item_id` for the type the source uses; `list<...>` holds several of one of these.
    """

    name: str
    kind: str
    meaning: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One published table: what one row is, the key it is sorted by, and a query of it under sql/consumers as an example."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    example: str

    def schema(self, id_types: Mapping[Any, str], metadata: Mapping[str, str] | None = None) -> pa.Schema:
        """Return the Arrow schema, given whether user and item ids are integers or text."""
        fields = [
            pa.field(column.name, _arrow_type(column.kind, id_types), column.nullable, {"comment": column.meaning})
            for column in self.columns
        ]
        return pa.schema(fields, {"table": self.name, "contract_version": CONTRACT_VERSION, **(metadata or {})})


def _arrow_type(kind: str, id_types: Mapping[Any, str]) -> pa.DataType:
    if kind.startswith("list<"):
        return pa.list_(pa.field("element", _arrow_type(kind.removeprefix("list<").removesuffix(">"), id_types), nullable=False))
    if kind in id_types:
        return pa.int64() if id_types[kind] == "integer" else pa.string()
    return pa.type_for_alias({"user_id": "string", "item_id": "string"}.get(kind, kind))
