"""The cookbook's answers: each query is a file, finds what is known of two small nights, and pandas, polars and pyarrow agree with it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

import sql
from tasks.tables_page import tables_page
from tasks.workspace import Workspace
from tests.small_tables import CHANGES, LISTS, NEWCOMER, SECOND, TITLES, publish, variant_of

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "cookbook.md").read_text()
BLOCKS = re.findall(r"^```(sql|python)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = {path.stem: path.read_text() for path in sorted((ROOT / "sql" / "consumers").glob("*.sql"))}


def programs() -> list[tuple[str, str]]:
    """Return each program in Python with the query that stands before it."""
    found, query = [], ""
    for language, text in BLOCKS:
        if language == "sql":
            query = text
        else:
            found.append((query, text))
    return found


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(Workspace(tmp_path_factory.mktemp("cookbook"))).root


@pytest.fixture
def ask(published: Path, monkeypatch: pytest.MonkeyPatch):
    """Return what runs a query inside the workspace."""
    monkeypatch.chdir(published)

    def run(query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            return connection.sql(query).fetchall()

    return run


def test_the_cookbook_repeats_files():
    """What is printed is what is kept, linted and tested."""
    assert [text for language, text in BLOCKS if language == "sql" and text not in FILES.values()] == []


@pytest.mark.parametrize("name", FILES)
def test_every_query_is_shown(name):
    """A query that nobody is shown is none."""
    assert FILES[name] in PAGE + tables_page()


def rows(answer: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a table of any library; a missing value is None, a whole number an int."""
    if isinstance(answer, pd.DataFrame):
        found = list(answer.itertuples(index=False, name=None))
    elif isinstance(answer, pl.DataFrame):
        found = answer.rows()
    else:
        found = [tuple(row.values()) for row in answer.to_pylist()]
    return [tuple(None if value is pd.NA or (isinstance(value, float) and math.isnan(value)) else value for value in row) for row in found]


@pytest.mark.parametrize("program", programs(), ids=lambda program: re.search(r"import (pandas|polars|pyarrow)", program[1])[1])
def test_libraries_give_the_answer_of_the_query(program, ask):
    """Row by row, in the same order; a program of the page leaves its table in `answer`."""
    query, text = program
    names: dict[str, Any] = {}
    exec(compile(text, "cookbook", "exec"), names)  # noqa: S102 - our own page
    expected = ask(query)
    assert expected
    assert rows(names["answer"]) == expected


def consumer(name: str) -> str:
    return sql.read(f"consumers.{name}")


def test_visitors_get_their_list_or_what_is_popular(ask):
    """As long as a list of anybody, never longer."""
    mine = [(1, rank, item, "blend") for rank, item in enumerate(LISTS[SECOND][1], start=1)]
    popular = [(NEWCOMER, rank, item, "nobody knows them") for rank, item in enumerate((11, 10, 12), start=1)]
    assert ask(consumer("lists_of_visitors")) == mine + popular


def test_two_nights_differ_by_what_the_table_of_changes_says(ask):
    """The one knows causes, the other any two dates; on places they agree."""
    assert ask(consumer("two_nights_compared")) == [
        (change["user_id"], change["item_id"], change["rank_before"], change["rank"]) for change in CHANGES
    ]


def test_titles_do_not_cost_a_place(ask):
    expected = [(user, rank, item, TITLES[item]) for user, items in LISTS[SECOND].items() for rank, item in enumerate(items, start=1)]
    assert ask(consumer("lists_with_titles")) == expected


def test_shares_of_rungs_and_lists_for_a_key_value_store(ask):
    assert ask(consumer("served_by_rung")) == [("blend", 2, 0.6667), ("popularity", 1, 0.3333)]
    assert ask(consumer("one_row_per_user")) == [
        ("recommendations:1", "[11,10,14]"),
        ("recommendations:2", "[11,12,13]"),
        ("recommendations:3", "[10,11,12]"),
    ]


def test_only_what_is_unusual_is_an_alarm(ask):
    ((night, measure, _, value, usual, *_),) = ask(consumer("drift_alarms"))
    assert (night, measure, value, usual) == (SECOND, "events", 12.0, 100.0)


def test_a_night_is_judged_once_by_what_people_did(ask):
    ((of_date, ndcg, _, _, _, judged_in),) = ask(consumer("how_nights_turned_out"))
    assert (str(of_date), ndcg, judged_in) == ("2026-01-04", 0.375, SECOND)


def test_the_most_shown_items_come_first(ask):
    """Item 11 is on all three lists and heads two; item 15 is on none and has a row all the same."""
    shown = ask(consumer("exposed_items"))
    assert shown[0] == (11, 3, 2, 1.0, 1.33)
    assert shown[-1] == (15, 0, 0, 0.0, None)


def test_the_rule_of_an_experiment_gives_the_variants_of_the_lists(ask):
    """From the salt and the published ranges alone; the same as an independent hash says."""
    found = dict(ask(consumer("variants_of_users")))
    assert found == {user: variant_of(user) for user in LISTS[SECOND]}
    assert found == dict(ask("select distinct user_id, variant from 'latest/recommendations.parquet'"))
