"""A whole night from a database: the same tables as from files, nothing of the database in what decides it, and no secret anywhere."""

from __future__ import annotations

import logging
import shutil
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adbc_driver_postgresql import dbapi

from flows.attempt import Ending, Options
from flows.nightly import run_night
from flows.pulling import pull_if_due
from flows.settings import load_settings
from tasks.ingest.pulled import waiting_pulls
from tasks.shop import Shop
from tasks.tables import TABLES
from tasks.workspace import SOURCES, Workspace
from tests.conftest import SMALL_SHOP, WITHOUT_NETWORKS
from tests.postgres.conftest import SOURCE
from tests.postgres_server import PASSWORD, PostgresServer

DAY = SMALL_SHOP.delivery_dates[0]
FROM_POSTGRES = """
[source.postgres.interactions]
table = "live.orders"
cursor = "arrived_at"
[source.postgres.items]
table = "live.items"
[source.postgres.users]
table = "live.users"
[load.postgres]
after_publish = true
retries = 0
"""
UNREACHABLE = "postgresql://loader:very-s3cret@127.0.0.1:1/shop"
NIGHTS_OWN = {"run_id"}
"""What tells a table which run it is of."""


def fill(server: PostgresServer) -> None:
    """Put what the shop delivers on its first date into a database, as its own tables would hold it."""
    days = list(Shop(SMALL_SHOP).days_of(DAY))
    arrived = pa.scalar(datetime.combine(DAY, datetime.min.time()), pa.timestamp("us", "UTC"))
    with dbapi.connect(server.uri) as link, link.cursor() as cursor:
        cursor.execute("drop schema if exists live cascade")
        cursor.execute("create schema live")
        for source, table in zip(SOURCES, ("orders", "items", "users"), strict=True):
            rows = pa.concat_tables([getattr(day, source) for day in days])
            if source == "interactions":
                rows = rows.append_column("arrived_at", pa.repeat(arrived, len(rows)))
            cursor.adbc_ingest(table, rows.to_reader(), mode="create", db_schema_name="live")
        link.commit()


@pytest.fixture(scope="module")
def pulled_night(_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path, Ending, list[str]]:
    """Publish a night from a database; returns its workspace, the files that were pulled, its ending and its log."""
    workspace = Workspace(tmp_path_factory.mktemp("pulled") / "shop")
    workspace.create(WITHOUT_NETWORKS + FROM_POSTGRES)
    files, told = tmp_path_factory.mktemp("files"), []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("nightly").addHandler(handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SOURCE, _server.uri)
        patch.setenv("NIGHTLY_LOAD_POSTGRES_URI", UNREACHABLE)
        fill(_server)

        def watched(*given: object, **options: bool) -> object:
            refusal = pull_if_due(*given, **options)
            for path in waiting_pulls(workspace):
                shutil.copy(path, files / f"{path.parent.name}.parquet")
            return refusal

        patch.setattr("flows.attempt.pull_if_due", watched)
        ending = run_night(workspace.root, DAY, load_settings(workspace.root), Options())
    logging.getLogger("nightly").removeHandler(handler)
    return workspace, files, ending, told


def rows_of(workspace: Workspace, name: str, day: date = DAY) -> pa.Table:
    table = pq.read_table(workspace.table(name, day), partitioning=None)
    return table.drop_columns([column for column in table.column_names if column in NIGHTS_OWN]).replace_schema_metadata()


def test_a_night_from_a_database_publishes_what_it_would_from_files(pulled_night, published_once: Workspace) -> None:
    """The shop's CSV and JSONL files, and its rows in PostgreSQL, give the same tables, but for the run's name and files' names."""
    workspace, _, ending, _ = pulled_night
    assert ending.ending == "published", ending.reason
    for name in sorted(set(TABLES) - {"runs", "rejects"}):
        assert rows_of(workspace, name).equals(rows_of(published_once, name)), name
    counts = [rows_of(one, "rejects").group_by(["source", "rule"]).aggregate([([], "count_all")]) for one in (workspace, published_once)]
    assert sorted(counts[0].to_pylist(), key=str) == sorted(counts[1].to_pylist(), key=str)


def test_the_same_rows_delivered_as_files_give_the_same_bytes(pulled_night, tmp_path: Path) -> None:
    """Where rows came from decides nothing: the pulled files, put into the inbox of a workspace without a database, are the same run."""
    workspace, files, ending, _ = pulled_night
    other = Workspace(tmp_path / "shop")
    other.create(WITHOUT_NETWORKS)
    for source in SOURCES:
        shutil.copy(files / f"{source}.parquet", other.inbox(source) / f"postgres-{DAY}-01.parquet")
    repeated = run_night(other.root, DAY, load_settings(other.root), Options())
    assert repeated.run_id == ending.run_id
    for name in set(TABLES) - {"runs"}:
        assert other.table(name, DAY).read_bytes() == workspace.table(name, DAY).read_bytes(), name


def test_a_published_night_run_again_is_unchanged_without_the_database(pulled_night) -> None:
    """raw/ holds all that the night was made from: nobody asks the server, or needs its address."""
    workspace, _, published, _ = pulled_night
    ending = run_night(workspace.root, DAY, load_settings(workspace.root), Options())
    assert (ending.ending, ending.run_id) == ("unchanged", published.run_id)


def test_a_load_that_fails_is_a_warning_that_names_the_command(pulled_night) -> None:
    """The night stays published; the log and .history/ tell that the database does not hold it."""
    workspace, _, ending, told = pulled_night
    assert ending.exit_code == 0
    assert any("load: not done" in line and "Then: nightly load --workspace" in line for line in told)
    assert '"done":false' in (workspace.history / "afterwards.jsonl").read_text()


def test_no_password_is_written_anywhere(pulled_night) -> None:
    """Neither the log nor any file of the workspace holds a secret: not the report, a receipt, a manifest, the warehouse or a raw note."""
    workspace, _, _, told = pulled_night
    files = [path for path in workspace.root.rglob("*") if path.is_file()]
    assert len(files) > 50
    for secret in (PASSWORD, "very-s3cret"):
        assert [path for path in files if secret.encode() in path.read_bytes()] == []
        assert not any(secret in line for line in told)
