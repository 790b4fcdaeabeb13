"""Fixtures of the tests with a real PostgreSQL: one server for all of them, and one of its own for a test that kills it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from time import monotonic, sleep

import pytest

from flows.attempt import Ending, Options
from flows.refresh import run_refresh
from flows.settings import load_settings
from tasks.workspace import Workspace
from tests.postgres_server import PostgresServer, postgres_server

MONDAY, TUESDAY, WEDNESDAY = date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)
SOURCE = "NIGHTLY_POSTGRES_URI"
Refresh = Callable[..., Ending]

FEW_ROWS = """
[validation]
min_interactions = 1
min_users = 1
min_items = 1
min_known_item_share = 0
max_rejected_share = 1
"""


@pytest.fixture(scope="session")
def _server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres(_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> PostgresServer:
    """Return a running server with an empty schema `shop`, and its address where nights look for it."""
    _server.run("drop schema if exists shop cascade", "drop schema if exists nightly cascade", "create schema shop")
    monkeypatch.setenv(SOURCE, _server.uri)
    return _server


@pytest.fixture
def own_postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """Return a server that a test may kill."""
    with postgres_server() as server:
        server.run("create schema shop")
        monkeypatch.setenv(SOURCE, server.uri)
        yield server


@pytest.fixture
def refresh(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Refresh:
    """Return what takes in what is new at three the morning after a date, under settings that allow a few rows."""

    def take_in(day: date = MONDAY, settings: str = "") -> Ending:
        if settings:
            workspace.settings_file.write_text(settings + FEW_ROWS)
        monkeypatch.setattr("flows.attempt.now", lambda: datetime.combine(day + timedelta(days=1), time(3)))
        return run_refresh(workspace.root, day, load_settings(workspace.root), Options())

    return take_in


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something has happened; a test that waits in vain fails."""
    ends = monotonic() + seconds
    while not happened():
        assert monotonic() < ends, "it never happened"
        sleep(0.02)
