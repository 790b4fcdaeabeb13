"""The contract in the words of the Open Data Contract Standard: `python -m tasks.data_contract docs/contract.yaml` writes it anew.

What is written there is what readers rely on: a change that breaks them is refused, and so is an addition under the same version.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

import sql
from tasks.check import promises
from tasks.refusals import UsageError
from tasks.tables import CONTRACT_VERSION, TABLES, Column, Table
from tasks.tables.compatibility import BREAKING, objection
from tasks.tables_page import SQL_TYPES

LOGICAL_TYPES = {
    "user_id": "string",
    "item_id": "string",
    "string": "string",
    "int16": "integer",
    "int64": "integer",
    "float64": "number",
    "bool": "boolean",
    "date32": "date",
    "timestamp[us]": "timestamp",
}
"""Kind of a column in `tasks.tables` -> its type in the standard; ids are text or whole numbers, as the physical type says."""

HEAD = """\
# What readers of the published tables may rely on, in the words of the Open Data Contract Standard. Written from tasks/tables/ by
# .venv/bin/python -m tasks.data_contract docs/contract.yaml
"""


def data_contract() -> dict[str, Any]:
    """Return the contract as data: every table with its columns, its key, its path and the promises kept on it."""
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "nightly-recs-published-tables",
        "name": "Published tables of nightly-recs",
        "version": CONTRACT_VERSION,
        "status": "active",
        "description": {
            "purpose": "Recommendations for every user, why they are what they are, and how good they turn out to be, once a night.",
            "usage": "Read the Parquet files: latest/<table>.parquet, or the dated folders below tables/.",
            "limitations": "Scores can be compared within one list only. Ids are text or whole numbers, as in the source.",
        },
        "schema": [_table(table) for table in TABLES.values()],
    }


def contract_text() -> str:
    """Return the content of docs/contract.yaml."""
    return HEAD + yaml.safe_dump(data_contract(), sort_keys=False, allow_unicode=True, width=130)


def write_contract(path: Path) -> None:
    """Write the contract anew, for readers who rely on what `path` says so far.

    Raises UsageError where they could not: what to do is in the message.
    """
    found = objection(yaml.safe_load(path.read_text()), data_contract()) if path.is_file() else ""
    if found:
        how = "write the changed table beside the old one, see docs/tables.md" if BREAKING in found else "change tasks/tables/contract.py"
        raise UsageError(str(path), "a contract whose readers need not change", found, how)
    path.write_text(contract_text())


def _table(table: Table) -> dict[str, Any]:
    described = {
        "name": table.name,
        "physicalName": f"tables/{table.name}/run_date=*/part-0.parquet",
        "logicalType": "object",
        "physicalType": "parquet",
        "description": f"{table.grain[0].upper()}{table.grain[1:]}.",
        "dataGranularityDescription": table.grain,
        "properties": [_column(column, table) for column in table.columns],
    }
    kept = [_promise(name) for name in promises() if f"${table.name})" in sql.read(f"promises.{name}")]
    return described | ({"quality": kept} if kept else {})


def _column(column: Column, table: Table) -> dict[str, Any]:
    described = {"name": column.name, **_types(column.kind), "required": not column.nullable}
    if column.name in table.key:
        described |= {"primaryKey": True, "primaryKeyPosition": table.key.index(column.name) + 1}
    return described | {"description": column.meaning}


def _types(kind: str) -> dict[str, Any]:
    if not kind.startswith("list<"):
        return {"logicalType": LOGICAL_TYPES[kind], "physicalType": SQL_TYPES[kind]}
    element = kind.removeprefix("list<").removesuffix(">")
    return {"logicalType": "array", "physicalType": SQL_TYPES[kind], "items": {"name": "element", **_types(element), "required": True}}


def _promise(name: str) -> dict[str, str]:
    comment = re.match(r"(?:-- .*\n)+", sql.read(f"promises.{name}"))
    breaks = " ".join(line.removeprefix("-- ") for line in comment[0].splitlines()) if comment else ""
    return {"name": name, "type": "text", "description": f"{name.replace('_', ' ').capitalize()}. None are found of: {breaks}"}


if __name__ == "__main__":
    write_contract(Path(sys.argv[1]))
