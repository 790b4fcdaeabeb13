"""The published tables: one schema in code, which the writer keeps, the check proves and docs/tables.md repeats."""

from __future__ import annotations

from tasks.tables.contract import CONTRACT_VERSION, EVERYBODY, Column, Table
from tasks.tables.facts import FACTS
from tasks.tables.lists import LISTS, NEW, TRENDING

__all__ = ["CONTRACT_VERSION", "EVERYBODY", "NEW", "TABLES", "TRENDING", "Column", "Table"]

TABLES: dict[str, Table] = {table.name: table for table in (*LISTS, *FACTS)}
