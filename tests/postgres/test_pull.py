"""PostgreSQL as a source: what a pull takes in, what it takes for repeated, and what it says when something is wrong."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.attempt import Options
from flows.refresh import run_refresh
from flows.settings import load_settings
from tasks.ingest.pull import pull
from tasks.ingest.pulled import to_be_pulled
from tasks.postgres import Address
from tasks.refusals import InputRefusedError, UsageError
from tasks.workspace import Workspace
from tests.postgres.conftest import MONDAY, SOURCE, TUESDAY, WEDNESDAY, Refresh
from tests.postgres_server import PASSWORD, PostgresServer

ORDERS = """
[source.columns.interactions]
user_id = "customer"
item_id = "product"
occurred_at = "ordered_at"

[source.postgres.interactions]
table = "shop.orders"
cursor = "updated_at"
"""

MADE = """
    create table shop.orders (
        id bigint generated always as identity primary key,
        customer bigint not null,
        product text not null,
        ordered_at timestamptz not null,
        updated_at timestamptz not null,
        card_number text default 'nobody may see it'
    )
"""


def order(customer: int, product: str, at: str) -> str:
    return f"insert into shop.orders (customer, product, ordered_at, updated_at) values ({customer}, '{product}', '{at}', '{at}')"  # noqa: S608


def raw_rows(workspace: Workspace, source: str = "interactions") -> list[dict[str, object]]:
    """Return everything that was taken in of a source, delivery by delivery."""
    notes = sorted(workspace.raw.glob(f"{source}/*.json"), key=lambda path: json.loads(path.read_text())["name"])
    return [row for path in notes for row in pq.read_table(path.with_suffix(".parquet")).to_pylist()]


def notes(workspace: Workspace, source: str = "interactions") -> list[dict[str, object]]:
    return sorted((json.loads(path.read_text()) for path in workspace.raw.glob(f"{source}/*.json")), key=lambda note: str(note["name"]))


def pulled(workspace: Workspace, day: date, today: date = WEDNESDAY) -> list[Path]:
    settings = load_settings(workspace.root)
    address = Address.told(SOURCE, os.environ[SOURCE])  # noqa: TID251 - where the fixture has put it
    return pull(workspace, settings.source, address, day, today)


def test_a_night_takes_in_what_its_date_may_know_and_the_next_one_what_is_new(
    postgres: PostgresServer, workspace: Workspace, refresh: Refresh
) -> None:
    """Each pull covers the rows between the last one and the end of its date; what nobody uses stays in the database."""
    postgres.run(MADE, order(1, "a", "2026-01-05 10:00+00"), order(2, "b", "2026-01-05 11:00+00"), order(3, "c", "2026-01-06 09:00+00"))
    assert refresh(MONDAY, ORDERS).exit_code == 0
    assert [row["user_id"] for row in raw_rows(workspace)] == ["1", "2"]
    assert refresh(TUESDAY).exit_code == 0
    assert [row["user_id"] for row in raw_rows(workspace)] == ["1", "2", "3"]
    assert [note["name"] for note in notes(workspace)] == ["postgres-2026-01-05-01.parquet", "postgres-2026-01-06-01.parquet"]
    first, second = [note["pulled"] for note in notes(workspace)]
    assert first == {**first, "asked": "shop.orders", "after": None, "through": "2026-01-05 11:00:00+00"}  # type: ignore[dict-item]
    assert second == {**second, "after": "2026-01-05 11:00:00+00", "through": "2026-01-06 09:00:00+00"}  # type: ignore[dict-item]
    assert "nobody may see it" not in str(raw_rows(workspace))


def test_pulling_again_finds_nothing_new(postgres: PostgresServer, workspace: Workspace, refresh: Refresh) -> None:
    """A second pull of the same rows brings no delivery, and leaves nothing in the inbox."""
    postgres.run(MADE, order(1, "a", "2026-01-05 10:00+00"))
    refresh(MONDAY, ORDERS)
    expected = to_be_pulled(workspace, load_settings(workspace.root).source.postgres)
    assert expected == ["interactions from PostgreSQL, shop.orders: updated_at beyond 2026-01-05 10:00:00+00"]
    assert refresh(MONDAY).exit_code == 0
    assert refresh(TUESDAY).exit_code == 0
    assert len(notes(workspace)) == 1
    assert not list(workspace.inbox("interactions").glob("*"))


def test_rows_committed_late_are_found_and_copies_told_as_such(postgres: PostgresServer, workspace: Workspace, refresh: Refresh) -> None:
    """A row whose cursor lies before the last one taken in, within the overlap, is taken in by the next night, and nothing twice."""
    postgres.run(MADE, order(1, "a", "2026-01-05 10:00+00"), order(2, "b", "2026-01-05 11:00+00"))
    refresh(MONDAY, ORDERS)
    postgres.run(order(3, "late", "2026-01-05 10:30+00"))
    assert refresh(TUESDAY).exit_code == 0
    assert [row["item_id"] for row in raw_rows(workspace)] == ["a", "b", "late", "b"]
    refresh(WEDNESDAY)
    assert len(notes(workspace)) == 2, "what came late is not late for ever"


def test_a_growing_number_is_a_cursor_too(postgres: PostgresServer, workspace: Workspace, refresh: Refresh) -> None:
    """Where no column tells when a row changed, its number tells what is new."""
    postgres.run(MADE, order(1, "a", "2026-01-05 10:00+00"))
    settings = ORDERS.replace("updated_at", "id")
    refresh(MONDAY, settings)
    assert notes(workspace)[0]["pulled"]["through"] == "1"  # type: ignore[index]
    postgres.run(order(2, "b", "2026-01-05 11:00+00"))
    assert [path.name for path in pulled(workspace, TUESDAY)] == ["postgres-2026-01-06-01.parquet"]
    assert pq.read_table(workspace.inbox("interactions") / "postgres-2026-01-06-01.parquet")["customer"].to_pylist() == ["2"]


def test_an_earlier_date_is_made_from_raw_where_the_database_cannot_tell_what_it_held(
    postgres: PostgresServer, workspace: Workspace, refresh: Refresh
) -> None:
    """With a number as cursor, a night before yesterday reads only what was never read."""
    postgres.run(MADE, order(1, "a", "2026-01-05 10:00+00"))
    refresh(MONDAY, ORDERS.replace("updated_at", "id"))
    postgres.run(order(2, "b", "2026-01-05 11:00+00"))
    assert pulled(workspace, MONDAY, today=WEDNESDAY) == []
    assert len(pulled(workspace, MONDAY, today=TUESDAY)) == 1


def test_catalogues_are_snapshots_that_count_where_they_differ(postgres: PostgresServer, workspace: Workspace, refresh: Refresh) -> None:
    """Without a cursor the whole table is read; the same again is told by its content, in whatever order the server keeps its rows."""
    postgres.run(
        MADE,
        order(1, "a", "2026-01-05 10:00+00"),
        "create table shop.products (item_id text, title text, tags text[], price numeric(8, 2))",
        "insert into shop.products values ('a', 'Ä \"first\"', '{red,\"two, three\"}', 1.50), ('b', null, null, 'NaN')",
    )
    refresh(MONDAY, ORDERS + '\n[source.postgres.items]\ntable = "shop.products"\n')
    rows = raw_rows(workspace, "items")
    assert [(row["item_id"], row["title"]) for row in rows] == [("a", 'Ä "first"'), ("b", None)]
    assert json.loads(str(rows[0]["attributes"])) == {"price": "1.50", "tags": '["red","two, three"]'}
    postgres.run("update shop.products set title = title", "update shop.products set title = title where item_id = 'a'")
    refresh(TUESDAY)
    assert len(notes(workspace, "items")) == 1
    postgres.run("update shop.products set price = 2 where item_id = 'a'")
    refresh(TUESDAY)
    postgres.run("update shop.products set price = 3 where item_id = 'a'")
    refresh(TUESDAY)
    assert [note["name"][-10:] for note in notes(workspace, "items")] == ["01.parquet", "01.parquet", "02.parquet"]  # type: ignore[index]


def test_every_type_comes_as_text_that_means_the_same(postgres: PostgresServer, workspace: Workspace, refresh: Refresh) -> None:
    """Numbers are exact, instants are UTC, lists and documents are JSON; what no instant is becomes a rejected row, not an error."""
    postgres.run(
        """create table shop.events (
            user_id uuid, item_id char(3), occurred_at timestamptz, value numeric, event_id bytea, at timestamptz
        )""",
        """insert into shop.events values
            ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'x', '2026-01-05 10:00:00.123456+02', 1.10, '\\x00ff', '2026-01-05'),
            ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'y', 'infinity', 'NaN', null, '2026-01-05')""",
    )
    ending = refresh(MONDAY, '[source.postgres.interactions]\ntable = "shop.events"\ncursor = "at"\n')
    first, second = raw_rows(workspace)
    assert (first["user_id"], first["item_id"]) == ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "x")
    assert (first["occurred_at"], first["value"], first["event_id"]) == ("2026-01-05 08:00:00.123456+00", "1.10", "\\x00ff")
    assert (second["occurred_at"], second["value"]) == ("infinity", "NaN")
    assert ending.exit_code == 0, ending.reason


def test_a_time_without_a_zone_is_read_in_the_zone_of_the_settings(
    postgres: PostgresServer, workspace: Workspace, refresh: Refresh
) -> None:
    """The end of a date is midnight UTC, whatever the zone of the cursor; as with files, the zone is a setting."""
    postgres.run(
        "create table shop.events (user_id int, item_id int, occurred_at timestamp)",
        # 00:30 in Zurich on Tuesday is Monday in UTC.
        "insert into shop.events values (1, 1, '2026-01-06 00:30'), (1, 2, '2026-01-06 01:30')",
    )
    refresh(MONDAY, '[source]\ntimezone = "Europe/Zurich"\n[source.postgres.interactions]\ntable = "shop.events"\ncursor = "occurred_at"\n')
    assert [row["item_id"] for row in raw_rows(workspace)] == ["1"]


def test_a_query_of_ones_own(postgres: PostgresServer, workspace: Workspace, refresh: Refresh) -> None:
    """A select may end in a semicolon and a comment, and its cursor need not be a column of ours."""
    postgres.run(MADE, order(1, "a", "2026-01-05 10:00+00"))
    query = "with all_orders as (select * from shop.orders) select customer as user_id, product as item_id, ordered_at as occurred_at, id "
    query += "from all_orders where product <> ';' -- all of them\n;"
    settings = f"[source.postgres.interactions]\nquery = '''{query}'''\ncursor = \"id\"\n"
    assert refresh(MONDAY, settings).exit_code == 0
    assert [row["item_id"] for row in raw_rows(workspace)] == ["a"]


def test_hostile_names_are_quoted(postgres: PostgresServer, workspace: Workspace, refresh: Refresh) -> None:
    """A table or column may be named so that it would end the statement."""
    postgres.run(
        'create table shop."or""ders; drop schema shop.x" ("cust""omer; --" int, "pro\'duct" int, "at.time" timestamptz)',
        'insert into shop."or""ders; drop schema shop.x" values (1, 2, \'2026-01-05 10:00+00\')',
    )
    settings = """
[source.columns.interactions]
user_id = 'cust"omer; --'
item_id = "pro'duct"
occurred_at = "at.time"
[source.postgres.interactions]
table = 'shop."or""ders; drop schema shop.x"'
cursor = "at.time"
"""
    assert refresh(MONDAY, settings).exit_code == 0
    assert [(row["user_id"], row["item_id"]) for row in raw_rows(workspace)] == [("1", "2")]


@pytest.mark.parametrize(
    ("settings", "refusal", "told"),
    [
        (ORDERS.replace("shop.orders", "shop.order"), UsageError, "did you mean shop.orders?"),
        (ORDERS.replace("shop.orders", "shop.Orders"), UsageError, "did you mean shop.orders?"),
        (ORDERS.replace('"updated_at"', '"update_at"'), UsageError, "did you mean updated_at?"),
        (ORDERS.replace('"updated_at"', '"product"'), UsageError, "product of type text"),
        (ORDERS.replace('"customer"', '"costumer"'), InputRefusedError, "renamed, it seems: costumer to customer"),
        ('[source.postgres.interactions]\nquery = "select nope from shop.orders"\n', UsageError, 'column "nope" does not exist'),
        ('[source.postgres.interactions]\nquery = "delete from shop.orders"\n', UsageError, "syntax error"),
    ],
)
def test_what_is_not_there_is_told_with_what_may_be_meant(
    postgres: PostgresServer, workspace: Workspace, settings: str, refusal: type[Exception], told: str
) -> None:
    """A name that is wrong ends the pull with the one that comes near."""
    postgres.run(MADE)
    workspace.settings_file.write_text(settings)
    with pytest.raises(refusal) as raised:
        pulled(workspace, MONDAY)
    assert told in str(raised.value)


def test_nothing_can_be_written_to_the_source(postgres: PostgresServer, workspace: Workspace) -> None:
    """Not even a function that a query calls can write."""
    postgres.run(
        MADE,
        "create function shop.sly() returns bigint language sql as 'insert into shop.orders (customer, product, ordered_at, updated_at) "
        "values (9, ''x'', now(), now()) returning customer'",
    )
    workspace.settings_file.write_text('[source.postgres.interactions]\nquery = "select shop.sly() as user_id, 1 as item_id"\n')
    with pytest.raises(Exception, match="read-only transaction"):
        pulled(workspace, MONDAY)
    assert postgres.run("select count(*) from shop.orders") == [(0,)]


def test_no_address_no_server_and_a_wrong_password_end_the_night_with_what_to_do(
    postgres: PostgresServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The attempt is recorded, its reason names the variable or the server, and the password stands nowhere."""
    workspace.settings_file.write_text(ORDERS + "\n[source.postgres]\nretries = 0\n")
    monkeypatch.delenv(SOURCE)

    def attempt() -> tuple[int, str, str]:
        ending = run_refresh(workspace.root, MONDAY, load_settings(workspace.root), Options())
        return ending.exit_code, ending.reason, ending.next_step

    exit_code, reason, _ = attempt()
    assert exit_code == 2
    assert f"environment variable {SOURCE}" in reason
    monkeypatch.setenv(SOURCE, f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/postgres")
    exit_code, reason, next_step = attempt()
    assert exit_code == 6
    assert "postgresql://postgres@127.0.0.1:1/postgres" in reason
    assert "start the server" in next_step
    monkeypatch.setenv(SOURCE, postgres.address("postgres", "wrong-password"))
    exit_code, reason, _ = attempt()
    assert exit_code == 6
    assert "password authentication failed" in reason
    written = "".join(path.read_text(errors="replace") for path in workspace.root.rglob("*") if path.is_file()) + caplog.text
    assert PASSWORD not in written
    assert "wrong-password" not in written
    assert [entry["exit_code"] for entry in workspace.attempts()] == [2, 6, 6]
