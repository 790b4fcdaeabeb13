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
    "date32": "DATE",
    "timestamp[us]": "TIMESTAMP",
}
"""Kind of a column in `tasks.tables` -> its type in SQL."""

EXAMPLES = {
    "recommendations": sql.read("consumers.list_of_one_user"),
    "similar_items": """
-- What goes with the item that heads most lists.
with

favourite as (
    select item_id
    from 'latest/recommendations.parquet'
    where rank = 1
    group by item_id
    order by count(*) desc, item_id
    limit 1
)

select item_id, rank, similar_item_id, round(score, 3) as score, reason
from 'latest/similar_items.parquet'
semi join favourite using (item_id)
order by rank
""",
    "popular_items": """
-- The ten most popular items of everybody: what to show somebody of whom nothing is known.
select rank, item_id
from 'latest/popular_items.parquet'
where segment = '__all__' and rank <= 10
order by rank
""",
    "metrics": sql.read("consumers.how_good_was_last_night"),
    "weights": """
-- How much each model counts for whom.
select segment, model, family, round(weight, 3) as weight, n_users
from 'latest/weights.parquet'
order by segment, weight desc, model
""",
    "coverage": """
-- How many users were served, from what was known of them, and how many lists are short.
select fact, subject, value
from 'latest/coverage.parquet'
where fact <> 'short_list'
union all by name
select 'short_lists' as fact, '' as subject, count(*)::double as value
from 'latest/coverage.parquet'
where fact = 'short_list'
order by fact, subject
""",
    "rejects": sql.read("consumers.refused_rows"),
    "runs": """
-- The last ten attempts, the ones that failed or were refused too.
select started_at, run_date, ending, exit_code, round(seconds, 1) as seconds, reason
from 'latest/runs.parquet'
order by started_at desc
limit 10
""",
}
"""Table -> a query of it, to be run inside a workspace."""

HEAD = f"""\
# The published tables

This page is the contract with whoever reads the tables, version {CONTRACT_VERSION}. It is written from the schema in
`tasks/tables.py` by `.venv/bin/python -m tasks.tables_page > docs/tables.md`; a test fails where the two differ.
"""

HOW_TO_READ = """\
## How to read them

Every published night writes all eight tables, with zero rows where there is nothing to say:

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
select user_id, item_id
from read_parquet('tables/recommendations/*/*.parquet', hive_partitioning = true)
where run_date = (select run_date from read_json('current.json')) and rank = 1
order by user_id
limit 10
```

- A date does not change once it is published, unless somebody runs it again with `--replace`; the replaced files stay under
  `.history/`.
- Over all dates, DuckDB adds the column `run_date` from the folder's name. `runs` has a `run_date` of its own, the date an attempt
  worked for, and each night repeats the earlier attempts: read `latest/runs.parquet`, or set `hive_partitioning = false`.
- Rows are sorted by the key given below, and no key occurs twice.
- Ids come back as they came in: `BIGINT` where the source's ids are whole numbers, `VARCHAR` otherwise. Which of the two is
  decided by the first load and then stays.
- Times are UTC. No number is NaN or infinite. Scores can be compared within one list, not between lists.
- Each file carries `table`, `contract_version` and, as column comments, the meanings below in its Parquet metadata.
- Equal inputs, settings, code and locked packages give equal bytes. `runs` is the exception: it tells of clocks and memory.

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
    yield f"\n```sql\n{EXAMPLES[table.name].strip()}\n```"


def _row(column: Column) -> str:
    meaning = column.meaning.replace("|", "\\|")
    return f"| `{column.name}` | {SQL_TYPES[column.kind]} | {'possible' if column.nullable else 'never'} | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(tables_page())
