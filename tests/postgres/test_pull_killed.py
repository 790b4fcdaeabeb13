"""A server or a run that dies while rows are read: nothing half is left, and the next attempt reads everything."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime, time
from pathlib import Path

import pytest

from flows.pulling import pull_if_due
from flows.settings import load_settings
from tasks.refusals import NightError, StorageError
from tasks.storage import append_line, canonical_json
from tasks.workspace import Workspace
from tests.postgres.conftest import MONDAY, TUESDAY, WEDNESDAY, until
from tests.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
MADE = """
    create table shop.orders as
    select n as user_id, n as item_id, timestamptz '2026-01-05' + n * interval '1 second' as occurred_at
    from generate_series(1, 200000) as n
"""
ORDERS = """
[source.postgres]
retries = 0
[source.postgres.interactions]
table = "shop.orders"
cursor = "occurred_at"
"""
SLOW_ITEMS = """
[source.postgres.items]
query = "select item_id, pg_sleep(case when item_id > 5000 then 60 else 0 end)::text as title from shop.orders where item_id < 9999"
"""


def pulled(workspace: Workspace, **options: bool) -> NightError | None:
    settings = load_settings(workspace.root)
    return pull_if_due(workspace, MONDAY, settings, datetime.combine(TUESDAY, time(3)), again=options.get("again", False))


def in_inbox(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in (workspace.root / "inbox").rglob("*") if path.is_file())


def test_a_server_killed_while_rows_are_read_leaves_nothing_half(own_postgres: PostgresServer, workspace: Workspace) -> None:
    """One source was whole and the other one under way: neither is delivered, and the next attempt reads both."""
    own_postgres.run(MADE)
    workspace.settings_file.write_text(ORDERS + SLOW_ITEMS)
    refusals: list[NightError | None] = []
    pulling = threading.Thread(target=lambda: refusals.append(pulled(workspace)))
    pulling.start()
    until(lambda: bool(own_postgres.run("select pid from pg_stat_activity where wait_event = 'PgSleep'")))
    staged = list((workspace.staging / "pull").rglob("*.parquet"))
    own_postgres.stop("immediate")
    pulling.join()
    assert [path.parent.name for path in staged] == ["interactions"], "the fault came while items were read"
    assert isinstance(refusals[0], StorageError)
    assert "start the server" in refusals[0].next_step
    assert in_inbox(workspace) == []
    own_postgres.start()
    workspace.settings_file.write_text(ORDERS)
    assert pulled(workspace) is None
    assert in_inbox(workspace) == ["postgres-2026-01-05-01.parquet"]


def test_a_run_killed_while_rows_are_read_leaves_nothing_half(own_postgres: PostgresServer, workspace: Workspace) -> None:
    """A process that is gone without a word has delivered nothing; the next attempt sweeps up and reads everything."""
    own_postgres.run(MADE)
    workspace.settings_file.write_text(ORDERS + SLOW_ITEMS)
    command = [sys.executable, "-m", "flows.cli", "run", "--workspace", str(workspace.root), "--run-date", str(MONDAY)]
    night = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    until(lambda: bool(own_postgres.run("select pid from pg_stat_activity where wait_event = 'PgSleep'")))
    assert list((workspace.staging / "pull").rglob("*.parquet")), "the fault came while items were read"
    night.kill()
    night.wait()
    assert in_inbox(workspace) == []
    workspace.settings_file.write_text(ORDERS)
    assert pulled(workspace) is None
    assert in_inbox(workspace) == ["postgres-2026-01-05-01.parquet"]
    assert not (workspace.staging / "pull").exists()


def test_a_server_that_starts_is_asked_again(own_postgres: PostgresServer, workspace: Workspace) -> None:
    """What passes by itself is waited for."""
    own_postgres.run(MADE)
    own_postgres.stop("immediate")
    workspace.settings_file.write_text(ORDERS.replace("retries = 0", "retries = 5"))
    starting = threading.Timer(0.5, own_postgres.start)
    starting.start()
    refusal = pulled(workspace)
    starting.join()
    assert refusal is None
    assert len(in_inbox(workspace)) == 1


def test_an_attempt_that_resumes_works_with_what_was_pulled(postgres: PostgresServer, workspace: Workspace) -> None:
    """A night that was killed goes on with the rows it had; one that was refused reads again what was put right since."""
    postgres.run(MADE)
    workspace.settings_file.write_text(ORDERS)
    pulled(workspace)
    file = workspace.inbox("interactions") / "postgres-2026-01-05-01.parquet"
    first = file.read_bytes()
    postgres.run("insert into shop.orders values (7, 7, timestamptz '2026-01-05 12:00')")
    ended = {"attempt_id": "killed", "run_date": str(MONDAY), "exit_code": 1}
    append_line(workspace.runs, canonical_json(ended))
    pulled(workspace)
    assert file.read_bytes() == first
    refused = canonical_json(ended | {"attempt_id": "refused", "exit_code": 3})
    append_line(workspace.runs, refused)
    pulled(workspace)
    assert file.read_bytes() != first
    assert in_inbox(workspace) == [file.name], "what waited is replaced, not added to"


def test_a_pull_that_waits_is_replaced_by_that_of_the_next_night(postgres: PostgresServer, workspace: Workspace) -> None:
    """A night that took nothing in leaves its rows to the next one, once."""
    postgres.run(MADE)
    workspace.settings_file.write_text(ORDERS)
    pulled(workspace)
    settings = load_settings(workspace.root)
    pull_if_due(workspace, TUESDAY, settings, datetime.combine(WEDNESDAY, time(3)), again=False)
    assert in_inbox(workspace) == ["postgres-2026-01-06-01.parquet"]


def test_the_same_rows_give_the_same_bytes(postgres: PostgresServer, workspace: Workspace) -> None:
    """However the server keeps its rows and however often they are read."""
    postgres.run(MADE)
    workspace.settings_file.write_text(ORDERS)
    pulled(workspace)
    file = workspace.inbox("interactions") / "postgres-2026-01-05-01.parquet"
    first = file.read_bytes()
    postgres.run("create table shop.other as select * from shop.orders order by random()", "drop table shop.orders")
    postgres.run("alter table shop.other rename to orders")
    pulled(workspace)
    assert file.read_bytes() == first


@pytest.mark.parametrize("again", [False, True])
def test_a_date_that_is_published_takes_nothing_in_unasked(postgres: PostgresServer, published_workspace: Workspace, again: bool) -> None:
    """Run again, a published night is what it was; with --replace it may know more."""
    postgres.run(MADE)
    published_workspace.settings_file.write_text(ORDERS)
    day = published_workspace.published()[-1]["run_date"]
    at = datetime.fromisoformat(day)
    settings = load_settings(published_workspace.root)
    assert pull_if_due(published_workspace, at.date(), settings, at, again=again) is None
    assert bool(in_inbox(published_workspace)) is again
