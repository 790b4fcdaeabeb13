"""docs/postgresql.md as its readers follow it: its settings load, its statements run, its commands do what it says."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from flows.cli import app
from flows.settings import load_settings
from tasks.workspace import Workspace
from tests.postgres.conftest import MONDAY, Refresh
from tests.postgres_server import PostgresServer
from tests.small_tables import SECOND, publish

PAGE = (Path(__file__).parents[2] / "docs" / "postgresql.md").read_text()
ROLES = ("reader", "storefront", "loader")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def statements(block: str) -> list[str]:
    return [part.strip() for part in block.split(";") if part.strip()]


@pytest.fixture
def roles(postgres: PostgresServer) -> PostgresServer:
    """Return a server that knows none of the page's roles."""
    for role in ROLES:
        if postgres.run(f"select 1 from pg_roles where rolname = '{role}'"):  # noqa: S608
            postgres.run(f"drop owned by {role} cascade", f"drop role {role}")
    return postgres


def test_the_pages_shop_is_taken_in(roles: PostgresServer, workspace: Workspace, refresh: Refresh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings, its role with these rights and its query bring both tables in."""
    roles.run(
        "create table shop.orders (customer_id int, product_id int, ordered_at timestamptz, updated_at timestamptz, note text)",
        "insert into shop.orders values (1, 10, '2026-01-05 10:00+00', '2026-01-05 10:00+00', 'ring twice')",
        "create table shop.products (id int, name text, category text, is_hidden boolean)",
        "insert into shop.products values (10, 'Soap', 'bath', false), (11, 'Secret', 'none', true)",
    )
    roles.run(*statements(blocks("postgresql")[0]))
    roles.run("alter role reader password 'sesame-0pen'")
    monkeypatch.setenv("NIGHTLY_POSTGRES_URI", roles.address("reader"))
    assert refresh(MONDAY, blocks("toml")[0]).exit_code == 0
    assert sorted(path.parent.name for path in workspace.raw.glob("*/*.parquet")) == ["interactions", "items"]


def test_the_pages_loads_and_statements_work(
    roles: PostgresServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both commands load, and every statement behind them is one that PostgreSQL carries out."""
    roles.run("drop schema if exists recommended cascade")
    monkeypatch.setenv("NIGHTLY_LOAD_POSTGRES_URI", roles.uri)
    publish(workspace)
    workspace.settings_file.write_text(blocks("toml")[1])
    assert load_settings(workspace.root).load.postgres.after_publish
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("nightly ")]
    assert commands == ["nightly load", "nightly load --date 2026-07-14"]
    for command in commands:
        words = shlex.split(command.replace("2026-07-14", str(SECOND)))[1:]
        assert app([*words, "-w", str(workspace.root)], result_action="return_value") == 0
    assert "loaded" in capsys.readouterr().out
    queries, rights, schema = blocks("postgresql")[1:]
    for query in statements(queries):
        assert roles.run(query), query
    roles.run(*statements(rights))
    roles.run(*statements(schema))


def test_every_setting_the_page_names_is_one() -> None:
    """What stands in its prose as `key = value` is a setting of this name, with this default."""
    from tasks.ingest.pull_config import PostgresConfig, PullConfig
    from tasks.load.config import LoadPostgresConfig

    known = PullConfig.model_fields | PostgresConfig.model_fields | LoadPostgresConfig.model_fields
    prose = re.sub(r"^```.*?^```$", "", PAGE, flags=re.DOTALL | re.MULTILINE)
    named = [tomllib.loads(text) for text in re.findall(r"`(\w+ = [^`]+)`", prose)]
    assert {name for one in named for name in one} <= set(known)
    for one in named:
        for name, value in one.items():
            assert not isinstance(value, int) or known[name].default == value, name
