"""Claims about docs/contract.yaml: it is what the code keeps, and it is not written over the heads of readers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from tasks import data_contract
from tasks.check import promises
from tasks.data_contract import contract_text, write_contract
from tasks.refusals import UsageError
from tasks.tables import CONTRACT_VERSION, TABLES, Column, Table
from tasks.tables.compatibility import objection
from tasks.workspace import Workspace
from tests.small_tables import SECOND, publish

CONTRACT = Path(__file__).parents[2] / "docs" / "contract.yaml"


def test_readers_of_the_committed_contract_can_read_what_is_written():
    """Read the message: it says what breaks, or which version to take."""
    assert objection(yaml.safe_load(CONTRACT.read_text()), data_contract.data_contract()) == ""


def test_the_committed_contract_is_up_to_date():
    """Else: .venv/bin/python -m tasks.data_contract docs/contract.yaml."""
    assert CONTRACT.read_text() == contract_text()


def undocumented(table: Table) -> list[str]:
    """Return the columns whose meaning is not a sentence of some words."""
    return [column.name for column in table.columns if not column.meaning.endswith(".") or len(column.meaning.split()) < 2]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_table_and_column_is_documented(table):
    assert table.grain.startswith("one row per ")
    assert undocumented(table) == []


@pytest.mark.parametrize("meaning", ["", "Rank.", "the rank"])
def test_a_column_without_a_meaning_is_found(meaning):
    """The test above can fail."""
    assert undocumented(Table("t", "one row per user", ("rank",), (Column("rank", "int16", meaning),), "list_of_one_user")) == ["rank"]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_the_contract_tells_key_types_and_nulls(table):
    """Whoever knows only the YAML knows what the code knows."""
    (told,) = [entry for entry in yaml.safe_load(CONTRACT.read_text())["schema"] if entry["name"] == table.name]
    key = sorted((column for column in told["properties"] if column.get("primaryKey")), key=lambda column: column["primaryKeyPosition"])
    assert tuple(column["name"] for column in key) == table.key
    assert [column["name"] for column in told["properties"]] == [column.name for column in table.columns]
    assert [column["required"] for column in told["properties"]] == [not column.nullable for column in table.columns]
    assert all(("items" in column) is (column["logicalType"] == "array") for column in told["properties"])


def test_every_promise_stands_at_a_table():
    """A promise is kept on tables: those that its query reads."""
    told = {rule["name"] for table in data_contract.data_contract()["schema"] for rule in table.get("quality", ())}
    assert told == set(promises())


def test_written_files_carry_grain_version_and_meanings(tmp_path):
    """A file alone explains itself."""
    workspace = publish(Workspace(tmp_path))
    for name, table in TABLES.items():
        found = pq.read_schema(workspace.table(name, SECOND))
        assert found.metadata[b"table"] == name.encode()
        assert found.metadata[b"contract_version"] == CONTRACT_VERSION.encode()
        assert [field.metadata[b"comment"].decode() for field in found] == [column.meaning for column in table.columns]


def test_the_contract_is_not_written_where_it_would_break_readers(tmp_path, monkeypatch):
    """What stands there stays; new meanings are written."""
    path = tmp_path / "contract.yaml"
    write_contract(path)
    before = path.read_text()
    weights = TABLES["weights"]
    monkeypatch.setitem(TABLES, "weights", replace(weights, columns=weights.columns[:-1]))
    with pytest.raises(UsageError, match=r"new major and new path: weights.n_users \(removed\)"):
        write_contract(path)
    assert path.read_text() == before
    monkeypatch.setitem(TABLES, "weights", replace(weights, grain="one row per whatever"))
    write_contract(path)
    assert "one row per whatever" in path.read_text()
