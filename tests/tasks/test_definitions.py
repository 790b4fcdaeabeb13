"""Claims about docs/definitions/: other engines are told the same tables, in words that they understand."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from tasks.definitions import APOSTROPHE, TYPES, definition, main
from tasks.tables import TABLES
from tasks.workspace import Workspace
from tests.small_tables import FIRST, SECOND, publish, rows_of

FOLDER = Path(__file__).parents[2] / "docs" / "definitions"
DIALECTS = [("tables", "duckdb"), ("tables", "postgres"), *((name, name) for name in TYPES if name != "tables")]
PARTITIONED = "\nwith partition columns (run_date date)\n"


@pytest.mark.parametrize("name", TYPES)
def test_the_definitions_are_up_to_date(name):
    """Else: .venv/bin/python -m tasks.definitions NAME > docs/definitions/NAME.sql."""
    assert (FOLDER / f"{name}.sql").read_text() == definition(name)


@pytest.mark.parametrize("id_type", ["text", "integer"])
@pytest.mark.parametrize(("name", "dialect"), DIALECTS)
def test_an_engine_understands_every_statement(name, dialect, id_type):
    """A parser of its dialect knows each; what it does not know it would take for an unknown command.

    The one clause of BigQuery that the parser lacks is left out: every night's folder gives the column run_date.
    """
    text = definition(name, "s3://bucket/shop", {"user_id": id_type, "item_id": id_type})
    if name == "bigquery":
        assert text.count(PARTITIONED) == len(TABLES) - 1
        text = text.replace(PARTITIONED, "\n")
    statements = [statement for statement in sqlglot.parse(text, read=dialect) if statement is not None]
    assert {type(statement) for statement in statements} <= {exp.Create, exp.Comment}
    assert not [command for statement in statements for command in statement.find_all(exp.Command)]
    defined = {statement.this.find(exp.Table).name for statement in statements if statement.args.get("kind") in ("TABLE", "VIEW")}
    history = {f"{table}_history" for table in TABLES if table != "runs" or name == "athena"} if name != "tables" else set()
    assert defined == TABLES.keys() | history


@pytest.mark.parametrize("name", ["tables", "spark", "athena", "bigquery"])
def test_every_column_is_told_with_its_meaning(name):
    """Apostrophes are typographic ones: engines differ in how they escape the other."""
    for table in TABLES.values():
        for column in table.columns:
            assert f"'{column.meaning.replace(chr(39), APOSTROPHE)}'" in definition(name)


def test_a_catalogue_of_athena_takes_every_comment():
    """It refuses comments of more than 255 bytes."""
    assert max(len(comment.encode()) for comment in re.findall(r"comment '(.*)'", definition("athena"))) <= 255


@pytest.mark.parametrize("id_type", ["text", "integer"])
def test_tables_are_loaded_as_they_are_defined(id_type, tmp_path):
    """Keys, nulls and lists are what the files hold: a whole night goes in, and a second time its keys are refused."""
    workspace = publish(Workspace(tmp_path), id_type)
    with duckdb.connect() as database:
        database.execute(definition("tables", id_types={"user_id": id_type, "item_id": id_type}))
        for name in TABLES:
            load = f"insert into {name} by name select * from read_parquet('{workspace.latest}/{name}.parquet')"  # noqa: S608 - our tables
            database.execute(load)
            assert database.table(name).to_arrow_table().sort_by([(part, "ascending") for part in TABLES[name].key]).to_pylist() == rows_of(
                name, SECOND, id_type
            )
            with pytest.raises(duckdb.ConstraintException):
                database.execute(load)
        comment = "select comment from duckdb_columns() where table_name = 'runs' and column_name = 'attempt_id'"
        assert database.sql(comment).fetchall() == [("The attempt.",)]


def test_views_of_duckdb_show_what_is_served_and_all_nights(tmp_path):
    workspace = publish(Workspace(tmp_path))
    with duckdb.connect() as database:
        database.execute(definition("duckdb", location=str(workspace.root)))
        for name in TABLES:
            assert database.view(name).count("*").fetchall() == [(len(rows_of(name, SECOND)),)]
            if name != "runs":
                counts = database.view(f"{name}_history").aggregate("run_date, count(*)", "run_date").fetchall()
                assert dict(counts) == {night: n for night in (FIRST, SECOND) if (n := len(rows_of(name, night)))}


def test_the_command_prints_for_an_engine_a_place_and_kinds_of_ids():
    printed = main(["athena", "--location", "s3://mine/shop/", "--item-ids", "integer"])
    assert "location 's3://mine/shop/tables/runs/'" in printed
    assert "`item_id` bigint" in printed
    assert "`item_ids` array<bigint>" in printed
    assert "`user_id` string" in printed
    with pytest.raises(SystemExit):
        main(["oracle"])
