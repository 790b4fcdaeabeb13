"""Write docs/tables.md from the schema in code: `python -m tasks.tables_page > docs/tables.md`; a test holds the two together."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import sql
from tasks.check import promises
from tasks.tables import CONTRACT_VERSION, TABLES, Column, Table

SQL_TYPES = {
    "user_id": "BIGINT or VARCHAR",
    "item_id": "BIGINT or VARCHAR",
    "string": "VARCHAR",
    "int16": "SMALLINT",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "date32": "DATE",
    "timestamp[us]": "TIMESTAMP",
    "list<item_id>": "BIGINT[] or VARCHAR[]",
    "list<float64>": "DOUBLE[]",
}
"""Kind of a column in `tasks.tables` -> its type in SQL."""

HEAD = f"""\
# The published tables

This page is the contract with whoever reads the tables, version {CONTRACT_VERSION}. It is written from the schema in
`tasks/tables/` by `.venv/bin/python -m tasks.tables_page > docs/tables.md`; a test fails where the two differ. The same contract for
programs is [contract.yaml](contract.yaml) (Open Data Contract Standard); [definitions/](definitions/) has it as `create table` with
comments, as DuckDB views and as external tables of Spark, Athena and BigQuery; [the cookbook](cookbook.md) answers what people ask.
"""

HOW_TO_READ = f"""\
## How to read them

Every published night writes all {len(TABLES)} tables, with zero rows where there is nothing to say:

```
tables/<table>/run_date=YYYY-MM-DD/part-0.parquet    one file a night, written once
latest/<table>.parquet                               a copy of the newest night's file
current.json                                         names the newest night and its manifest
manifests/<run_id>.json                              names every file of a night with its hash, rows and bytes
```

- Paths in the queries below count from the workspace folder: start DuckDB there.
- Read the Parquet files, never `warehouse.duckdb`: that is the program's own working store, and DuckDB lets one process at a time open it.
- Each file appears whole or not at all. The files under `latest/` are replaced one after the other. Who joins several tables at the
  very moment of publication takes the date from `current.json`, which is replaced last:

```sql
{sql.read("consumers.newest_lists").strip()}
```

- A date does not change once it is published, unless somebody runs it again with `--replace`; the replaced files stay under
  `.history/`.
- Over all dates, DuckDB adds the column `run_date` from the folder's name. `runs` has a `run_date` of its own, the date an attempt
  worked for, and each night repeats the earlier attempts: read `latest/runs.parquet`, or set `hive_partitioning = false`.
- Rows are sorted by the key given below, and no key occurs twice. Read columns by name: new ones may stand anywhere.
- A list (`VARCHAR[]`, `DOUBLE[]`) is never null and holds no null.
- Ids come back as they came in: `BIGINT` where the source's ids are whole numbers, `VARCHAR` otherwise. Which of the two is
  decided by the first load and then stays.
- Times are UTC. No number is NaN or infinite. Scores can be compared within one list, not between lists.
- Each file carries `table`, `contract_version` and, as column comments, the meanings below in its Parquet metadata.
- Equal inputs, settings, code and locked packages give equal bytes. `runs` is the exception: it tells of clocks and memory.

## How this contract changes

- A table or column is added: what stands behind the dot of the version goes up. Readers who go by names notice nothing.
- A column is removed, renamed or retyped, may become null, or a key changes: what stands before the dot goes up, and the tables of the
  new contract are written to `tables/v2/<table>/run_date=.../` beside those of this one, so that readers move when they are ready.
- [contract.yaml](contract.yaml) is what readers rely on. A test compares it with the code and fails with "breaking: new major and new
  path", or asks for the number behind the dot; `.venv/bin/python -m tasks.data_contract docs/contract.yaml` writes it anew, and refuses
  in the same cases.

## What is proven before a night is published

The staged files must have the types and the order given here, and none of these promises may be broken by a single row:
"""


def tables_page() -> str:
    """Return the whole page."""
    parts = [HEAD, HOW_TO_READ, *(f"- {name.replace('_', ' ')}" for name in promises())]
    for table in TABLES.values():
        parts += ["", *_section(table)]
    return "\n".join(parts) + "\n"


def _section(table: Table) -> Iterator[str]:
    key = ", ".join(f"`{name}`" for name in table.key)
    yield f"## {table.name}"
    yield f"\n{table.grain[0].upper()}{table.grain[1:]}. Key: {key}.\n"
    yield "| column | type | null | meaning |\n|---|---|---|---|"
    yield from (_row(column) for column in table.columns)
    yield f"\n```sql\n{sql.read(f'consumers.{table.example}').strip()}\n```"


def _row(column: Column) -> str:
    meaning = column.meaning.replace("|", "\\|")
    return f"| `{column.name}` | {SQL_TYPES[column.kind]} | {'possible' if column.nullable else 'never'} | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(tables_page())
