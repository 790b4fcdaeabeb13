"""The only door to the SQL of this project: folder = schema, file = relation, content = one select."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def read(relation: str) -> str:
    """Return the select that defines a relation such as `staging.interactions`.

    Raises FileNotFoundError for a name without a file.
    """
    schema, _, name = relation.partition(".")
    return (resources.files("sql") / schema / f"{name}.sql").read_text(encoding="utf-8")


def quoted(identifier: str) -> str:
    """Quote an identifier that comes from outside; every such name passes through here."""
    return '"' + identifier.replace('"', '""') + '"'
