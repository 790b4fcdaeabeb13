"""Claims about `tasks.query`: what can be asked is what is served, and whoever asks can change nothing."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from tasks.query import asked, views
from tasks.refusals import StorageError, UsageError
from tasks.storage import write_json
from tasks.tables import TABLES
from tasks.workspace import Workspace
from tests.small_tables import FIRST, LISTS, SECOND, publish, rows_of

CONSUMERS = sorted((Path(__file__).parents[2] / "sql" / "consumers").glob("*.sql"))


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return two small nights in a folder whose name holds what engines take for a pattern and for a night."""
    return publish(Workspace(tmp_path_factory.mktemp("query") / "run_date=1999-12-31 [shop]*"))


@pytest.fixture
def small(once: Workspace, tmp_path: Path) -> Workspace:
    """Return a copy of them, free to change."""
    shutil.copytree(once.root, tmp_path / once.root.name)
    return Workspace(tmp_path / once.root.name)


@pytest.fixture
def ask(small: Workspace, tmp_path: Path):
    """Return what asks the small nights one question."""

    def run(statement: str, **files: Path) -> list[tuple[Any, ...]]:
        (tmp_path / "spill").mkdir(exist_ok=True)
        with asked(small, statement, files, tmp_path / "spill") as answer:
            return list(answer.rows)

    return run


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", TABLES)
def test_each_table_has_a_view_of_the_night_served_and_one_of_all_nights(name, ask, small):
    """They hold what the files hold; what runs tells of earlier attempts it tells itself."""
    assert len(ask(f"from {name}")) == len(rows_of(name, SECOND))
    listed = {view.name: (view.n_rows, view.n_nights) for view in views(small)}
    assert listed[name] == (len(rows_of(name, SECOND)), 1)
    if name == "runs":
        assert "runs_history" not in listed
    else:
        nights = [night for night in (FIRST, SECOND) for _ in rows_of(name, night)]
        assert sorted(night for (night, *_) in ask(f"from {name}_history")) == nights
        assert listed[f"{name}_history"] == (len(nights), 2)


def test_what_is_served_is_what_the_pointer_names(ask, small):
    """After a rollback the newest date is not what people get; latest/ is not even looked at."""
    write_json(small.pointer, {"run_id": "first", "run_date": str(FIRST)})
    (small.latest / "recommendations.parquet").unlink()
    assert ask("select distinct user_id from recommendations order by all") == [(user,) for user in LISTS[FIRST]]
    assert ask("select run_date from 'current.json'") == [(FIRST,)]


@pytest.mark.parametrize("path", CONSUMERS, ids=lambda path: path.stem)
def test_the_queries_of_the_cookbook_give_the_same_answer(path, ask, small, monkeypatch):
    """As they are printed, with the names of files in them."""
    monkeypatch.chdir(small.root)
    with duckdb.connect() as connection:
        expected = connection.sql(path.read_text()).fetchall()
    own = {name: small.root / name for name in ("catalogue.csv", "visitors.parquet")}
    assert ask(path.read_text(), **own) == expected


@pytest.mark.parametrize(
    "statement",
    [
        "copy recommendations to '{}/x.csv'",
        "copy (select 1) to '{}/latest/runs.parquet' (use_tmp_file false)",
        "explain analyze copy (select 1) to '{}/latest/runs.parquet' (use_tmp_file false)",
        "with x as (copy (select 1) to '{}/x.csv') from x",
        "attach '{}/x.duckdb'",
        "export database '{}/x'",
        "create table x as select 1",
        "insert into recommendations select * from recommendations",
        "drop view runs",
        "set memory_limit = '1TB'",
        "pragma enable_profiling",
        "install httpfs",
        "select * from read_text('{}/current.json')",
        "select * from read_csv('{}/catalogue.csv')",
        "select * from '{}/catalogue.csv'",
        "select * from glob('{}/*')",
        "select * from small",
        "select 1; select 2",
        "",
        "-- nothing",
        "select nope from runs",
        "selec",
        "select cast(reason as integer) from recommendations",
    ],
)
def test_nothing_is_written_and_no_other_file_read(statement, ask, small):
    """Refused in one sentence; every file is what it was."""
    before = bytes_below(small.root)
    with pytest.raises(UsageError) as refused:
        ask(statement.format(small.root))
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)
    assert "LINE 1" not in str(refused.value)
    assert bytes_below(small.root) == before


@pytest.mark.parametrize(
    "statement", ["describe recommendations", "summarize runs", "show tables", "explain from runs", "pivot metrics on k using max(value)"]
)
def test_whatever_only_reads_is_carried_out(statement, ask):
    assert ask(statement)


def test_a_mistake_is_told_in_the_words_of_duckdb(ask):
    with pytest.raises(UsageError, match=r'Table with name recomendations does not exist! Did you mean "recommendations"'):
        ask("from recomendations")


def test_own_files_are_tables_too(ask, small, tmp_path):
    """CSV, Parquet and JSON, packed or not; what is no such file is refused before anything is asked."""
    (tmp_path / "prices.jsonl").write_text(json.dumps({"item_id": 11, "price": 2.5}) + "\n")
    joined = "select distinct title, price from recommendations join items using (item_id) join prices using (item_id)"
    assert ask(joined, items=small.root / "catalogue.csv", prices=tmp_path / "prices.jsonl") == [("Bread, slowly", 2.5)]
    for wrong in (tmp_path / "none.csv", small.root / "nightly.toml", small.root):
        with pytest.raises(UsageError, match="--with NAME=FILE"):
            ask("select 1", items=wrong)


@pytest.mark.parametrize(("older", "run_id", "told"), [(FIRST, "first", [None, 13]), (SECOND, "second", [13, None])])
def test_nights_of_an_older_contract_lack_columns_and_are_asked_all_the_same(older, run_id, told, ask, small):
    """A column that came later is null in the nights that lack it, be they before the others or made again after them."""
    path = small.table("recommendations", older)
    pq.write_table(pq.read_table(path).drop_columns(["variant", "because_item_id"]), path)
    write_json(small.manifest_file(run_id), (small.manifest(run_id) or {}) | {"contract_version": "1.1"})
    found = ask("select because_item_id from recommendations_history where user_id = 1 and rank = 1 order by run_date")
    assert [item for (item,) in found] == told


def test_before_the_first_night_there_is_nothing_to_ask(workspace):
    with pytest.raises(UsageError, match=r"nothing is published yet\. Next: nightly run"):
        views(workspace)


def test_a_damaged_pointer_or_table_is_told_apart_from_a_wrong_question(small):
    small.table("weights", SECOND).write_bytes(b"PAR1")
    with pytest.raises(StorageError, match=r"tables/weights/run_date=2026-01-05/part-0\.parquet: .* Next: nightly verify"):
        views(small)
    small.pointer.write_text("{")
    with pytest.raises(StorageError, match=r"current\.json: .* Next: nightly verify"):
        views(small)


def test_dates_are_dates(ask):
    """A night is compared with a date, not with text that looks like one."""
    assert ask("select typeof(run_date), count(*) from recommendations_history where run_date >= date '2026-01-05' group by all") == [
        ("DATE", len(rows_of("recommendations", date(2026, 1, 5))))
    ]
