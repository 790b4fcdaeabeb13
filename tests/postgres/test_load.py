"""PostgreSQL as a place for published tables: what readers see before, during and after a load."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pyarrow.parquet as pq
import pytest
from adbc_driver_postgresql import dbapi

from flows.cli import app
from flows.load import load_tables
from flows.settings import load_settings
from tasks.refusals import StorageError, UsageError
from tasks.tables import TABLES
from tasks.workspace import Workspace
from tests.postgres.conftest import until
from tests.postgres_server import PostgresServer
from tests.small_tables import FIRST, SECOND, publish, rows_of

TARGET = "NIGHTLY_LOAD_POSTGRES_URI"


@pytest.fixture
def small(workspace: Workspace, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return two small published nights, and the server's address where loads look for it."""
    monkeypatch.setenv(TARGET, postgres.uri)
    return publish(workspace)


def load(workspace: Workspace, day: date | None = None, settings: str = "") -> dict[str, int]:
    workspace.settings_file.write_text(settings)
    return load_tables(workspace, load_settings(workspace.root), day).rows


def nights_in(server: PostgresServer, schema: str = "nightly") -> list[tuple[Any, ...]]:
    """Return the nights that the recommendations in a database are of, and how many rows each has."""
    return server.run(f'select run_date, count(*) from "{schema}".recommendations group by 1')  # noqa: S608


@pytest.mark.parametrize("id_type", ["integer", "text"])
def test_a_load_brings_every_table_as_it_was_published(
    postgres: PostgresServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, id_type: str
) -> None:
    """Each table holds the rows of its file, typed and keyed, under the date of the night."""
    monkeypatch.setenv(TARGET, postgres.uri)
    publish(workspace, id_type)
    load(workspace, SECOND)
    for name, table in TABLES.items():
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        order = ", ".join(f'"{part}"' for part in table.key)
        with dbapi.connect(postgres.uri) as link, link.cursor() as cursor:
            cursor.execute(f"select {columns} from nightly.{name} order by {order}")  # noqa: S608
            found = cursor.fetch_arrow_table().to_pylist()
        published = pq.read_table(workspace.table(name, SECOND), partitioning=None).to_pylist()
        key = lambda row: tuple(str(row[part]) for part in table.key)  # noqa: E731, B023
        assert sorted(found, key=key) == sorted(published, key=key), name
    said = postgres.run(
        "select col_description('nightly.recommendations'::regclass, 2), obj_description('nightly.recommendations'::regclass)"
    )
    assert said == [(TABLES["recommendations"].columns[0].meaning, TABLES["recommendations"].grain)]
    keyed = postgres.run(
        "select count(*) from pg_index join pg_class on indrelid = pg_class.oid where indisprimary and relname = 'metrics'"
    )
    assert keyed == [(1,)]


def test_loads_replace_each_other_and_are_noted(small: Workspace, postgres: PostgresServer) -> None:
    """What is served is loaded unless a date is named; the same night again gives the same rows."""
    load(small)
    assert nights_in(postgres) == [(SECOND, len(rows_of("recommendations", SECOND)))]
    load(small, FIRST)
    load(small, FIRST)
    assert nights_in(postgres) == [(FIRST, len(rows_of("recommendations", FIRST)))]
    noted = postgres.run("select run_id, run_date, row_counts::text from nightly.loads order by load")
    assert [(run_id, day) for run_id, day, _ in noted] == [("second", SECOND), ("first", FIRST), ("first", FIRST)]
    assert json.loads(noted[0][2])["recommendations"] == len(rows_of("recommendations", SECOND))


def test_rights_views_and_indexes_of_readers_outlive_loads(small: Workspace, postgres: PostgresServer) -> None:
    """What people have built on the tables goes on working; a role that may only read, reads on."""
    load(small, FIRST)
    postgres.run(
        "drop owned by reporting" if postgres.run("select 1 from pg_roles where rolname = 'reporting'") else "select 1",
        "drop role if exists reporting",
        "create role reporting login password 'sesame-0pen'",
        "grant usage on schema nightly to reporting",
        "grant select on nightly.recommendations to reporting",
        "create view shop.first_places as select * from nightly.recommendations where rank = 1",
        "create index mine on nightly.recommendations (item_id)",
    )
    load(small, SECOND)
    with dbapi.connect(postgres.address("reporting")) as link, link.cursor() as cursor:
        cursor.execute("select distinct run_date from nightly.recommendations")
        assert cursor.fetchall() == [(SECOND,)]
    assert postgres.run("select distinct run_date from shop.first_places") == [(SECOND,)]
    assert postgres.run("select count(*) from pg_class where relname = 'mine'") == [(1,)]


def test_a_reader_never_waits_and_sees_one_whole_night(small: Workspace, postgres: PostgresServer) -> None:
    """Somebody who asks all the while that nights are loaded sees the rows of one night, all of them, in two tables at once."""
    load(small, FIRST)
    whole = {day: (len(rows_of("recommendations", day)), len(rows_of("metrics", day))) for day in (FIRST, SECOND)}
    seen, stop = set(), threading.Event()

    def read() -> None:
        question = """
            select
                (select array_agg(distinct run_date) from nightly.recommendations), (select count(*) from nightly.recommendations),
                (select array_agg(distinct run_date) from nightly.metrics), (select count(*) from nightly.metrics)
        """
        with dbapi.connect(postgres.uri, autocommit=True) as link, link.cursor() as cursor:
            cursor.execute("set lock_timeout = '2s'")
            while not stop.is_set():
                cursor.execute(question)
                lists, n_lists, metrics, n_metrics = cursor.fetchall()[0]
                seen.add((tuple(lists or ()), n_lists, tuple(metrics or ()), n_metrics))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for day in (SECOND, FIRST, SECOND, FIRST, SECOND):
            load(small, day)
    finally:
        stop.set()
        reader.join()
    assert seen == {((day,), whole[day][0], (day,), whole[day][1]) for day in (FIRST, SECOND)}


@contextmanager
def slow(server: PostgresServer, table: str) -> Iterator[None]:
    """Have the server sleep over each row that is copied into a table."""
    server.run(
        "create function shop.sleep() returns trigger language plpgsql as 'begin perform pg_sleep(60); return new; end'",
        f"create trigger slow before insert on nightly.{table} for each row execute function shop.sleep()",
    )
    yield


def test_a_server_killed_in_the_middle_of_a_load_still_holds_the_old_night(
    own_postgres: PostgresServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load ends with what to do; started again, the server serves the night before, whole, and a new load passes."""
    monkeypatch.setenv(TARGET, own_postgres.uri)
    publish(workspace)
    load(workspace, FIRST)
    faults: list[BaseException] = []

    def attempt() -> None:
        try:
            load(workspace, SECOND, "[load.postgres]\nretries = 0\n")
        except StorageError as error:
            faults.append(error)

    last = list(TABLES)[-1]
    with slow(own_postgres, last):
        loading = threading.Thread(target=attempt)
        loading.start()
        until(lambda: bool(own_postgres.run("select pid from pg_stat_activity where wait_event = 'PgSleep'")))
        # DELETE and COPY lock nobody out; were it TRUNCATE, this would wait in vain.
        seen = own_postgres.run("set lock_timeout = '1s'", "select distinct run_date from nightly.recommendations")
        own_postgres.stop("immediate")
        loading.join()
    assert seen == [(FIRST,)]
    own_postgres.start()
    assert len(faults) == 1
    assert "start the server" in str(faults[0])
    assert nights_in(own_postgres) == [(FIRST, len(rows_of("recommendations", FIRST)))]
    own_postgres.run(f"drop trigger slow on nightly.{last}")
    load(workspace, SECOND)
    assert nights_in(own_postgres) == [(SECOND, len(rows_of("recommendations", SECOND)))]


def test_a_hostile_schema_is_quoted(small: Workspace, postgres: PostgresServer) -> None:
    """A schema may be named so that it would end the statement."""
    hostile = """we"ird'; drop schema shop; --"""
    postgres.run(f'drop schema if exists "{hostile.replace(chr(34), chr(34) * 2)}" cascade')
    load(small, SECOND, f"[load.postgres]\nschema_name = {json.dumps(hostile)}\ntables = ['recommendations', 'runs']\n")
    assert nights_in(postgres, hostile.replace('"', '""')) == [(SECOND, len(rows_of("recommendations", SECOND)))]
    assert postgres.run("select count(*) from pg_namespace where nspname = 'shop'") == [(1,)]


def test_a_table_that_is_no_published_one_is_left_alone(small: Workspace, postgres: PostgresServer) -> None:
    """A table of that name with other columns is somebody's: the load names it, and nothing changes."""
    postgres.run(
        "create schema nightly", "create table nightly.metrics (run_date date, mine text)", "insert into nightly.metrics values (null, 'x')"
    )
    with pytest.raises(UsageError, match=r"nightly\.metrics.*mine text"):
        load(small)
    assert postgres.run("select mine from nightly.metrics") == [("x",)]
    assert postgres.run("select to_regclass('nightly.loads')::text") == [(None,)]


def test_columns_of_a_later_contract_are_added(small: Workspace, postgres: PostgresServer) -> None:
    """A table that an earlier version made gets the columns that it lacks."""
    load(small, FIRST)
    postgres.run("alter table nightly.metrics drop column n_users", "alter table nightly.metrics drop column low")
    load(small, SECOND)
    assert postgres.run("select count(n_users) from nightly.metrics") == [(len(rows_of("metrics", SECOND)),)]


def test_a_file_that_is_not_what_was_published_is_not_loaded(small: Workspace, postgres: PostgresServer) -> None:
    """What is damaged on disk reaches no reader of the database."""
    load(small, FIRST)
    path = small.table("recommendations", SECOND)
    path.write_bytes(small.table("recommendations", FIRST).read_bytes())
    with pytest.raises(StorageError):
        load(small, SECOND)
    assert nights_in(postgres)[0][0] == FIRST


def test_the_verb_says_what_it_loaded_and_fails_with_an_exit_code(
    small: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`nightly load --json` prints rows by table; without an address it names the variable."""
    small.settings_file.write_text("")
    assert app(["load", "--date", str(FIRST), "-w", str(small.root), "--json"], result_action="return_value") == 0
    assert json.loads(capsys.readouterr().out)["rows"]["recommendations"] == len(rows_of("recommendations", FIRST))
    monkeypatch.delenv(TARGET)
    with pytest.raises(UsageError, match=f"export {TARGET}=postgresql://"):
        app(["load", "-w", str(small.root)], exit_on_error=False, result_action="return_value")
