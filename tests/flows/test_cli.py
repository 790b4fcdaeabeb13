"""The command line as people meet it: real processes, their output and their exit codes."""

import json
import logging
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from flows.attempt import Ending
from flows.console import RUNBOOKS, _Legible, finish_all
from flows.doctor import PENDING
from tasks.workspace import Workspace
from tests.small_tables import publish
from tests.test_documentation import anchors


def nightly(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


def test_a_new_workspace_says_what_to_do_next(tmp_path):
    done = nightly("init", tmp_path / "shop")
    assert done.returncode == 0
    assert "nightly run --workspace" in done.stdout
    again = nightly("init", tmp_path / "shop")
    assert again.returncode == 2
    assert "nightly status" in again.stderr


def test_a_folder_that_is_no_workspace_is_refused(tmp_path):
    done = nightly("run", "--workspace", tmp_path)
    assert done.returncode == 2
    assert "nightly init" in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_empty_inbox_is_told_apart_and_exits_3(workspace):
    done = nightly("run", "--workspace", workspace.root, "--run-date", "2026-01-05", "--json")
    ending = json.loads(done.stdout)
    assert (done.returncode, ending["ending"], ending["exit_code"]) == (3, "kept_last_good", 3)
    assert "no delivery" in ending["reason"]
    assert str(workspace.inbox("interactions")) in ending["next_step"]


MISTYPED = [("run", "--run-date", "yesterday"), ("run", "--unknown"), ("backfill",), ("rollback",), ("gc", "--all"), ("nonsense",)]


@pytest.mark.parametrize("arguments", MISTYPED)
def test_a_mistyped_command_exits_2(workspace, arguments):
    done = nightly(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr


def test_status_tells_of_attempts_before_anything_is_published(workspace):
    nightly("run", "--workspace", workspace.root, "--run-date", "2026-01-05")
    done = nightly("status", "--workspace", workspace.root)
    assert done.returncode == 0
    assert "nothing is published yet" in done.stdout
    assert "kept_last_good" in done.stdout


def test_status_reads_a_workspace_whose_warehouse_is_broken(published_workspace):
    published_workspace.warehouse.write_bytes(b"no database")
    done = nightly("status", "--workspace", published_workspace.root, "--json")
    assert json.loads(done.stdout)["serving"]["run_date"] == published_workspace.published()[-1]["run_date"]


def test_the_operators_commands_exit_with_their_codes(published_workspace):
    """Its two nights are of January: what is served is stale, and a date that was never published is refused with those that were."""
    root, first = published_workspace.root, published_workspace.published()[0]["run_date"]
    assert nightly("status", "--workspace", root).returncode == 7
    assert nightly("verify", "--workspace", root).returncode == 0
    assert nightly("plan", "--workspace", root, "--run-date", first, "--replace").returncode == 0
    refused = nightly("rollback", "--workspace", root, "--to", "2020-01-01")
    assert (refused.returncode, first in refused.stderr) == (2, True)
    assert "runbook:  docs/operations.md#a-command-or-a-date-is-refused-exit-2" in refused.stderr
    published_workspace.table("recommendations", date.fromisoformat(first)).write_bytes(b"PAR1")
    assert nightly("verify", "--workspace", root).returncode == 6
    assert nightly("rollback", "--workspace", root, "--to", first).returncode == 6


def test_every_runbook_that_a_message_names_is_there():
    assert set(RUNBOOKS.values()) | {PENDING.partition("#")[2]} <= anchors(Path(__file__).parents[2] / "docs" / "operations.md")


def test_movielens_arrives_in_the_inbox_with_its_settings(workspace, tmp_path):
    nightly("init", tmp_path / "films")
    published = tmp_path / "ml-latest-small"
    published.mkdir()
    (published / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,10,4.0,964982703\n2,10,3.5,964982704\n")
    (published / "movies.csv").write_text("movieId,title,genres\n10,A Film (1995),Comedy|Drama\n")
    done = nightly("import", "movielens", published, "--workspace", tmp_path / "films")
    assert done.returncode == 0, done.stderr
    assert "2 ratings" in done.stdout
    assert "positive_from = 4.0" in (tmp_path / "films" / "nightly.toml").read_text().splitlines()


def test_those_who_begin_are_told_where_things_are_as_json_too(tmp_path):
    ready = json.loads(nightly("init", tmp_path / "shop", "--json").stdout)
    assert Path(ready["inbox"]).is_dir()
    published = tmp_path / "ml-latest-small"
    published.mkdir()
    (published / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,10,4.0,964982703\n")
    (published / "movies.csv").write_text("movieId,title,genres\n10,A Film (1995),Comedy|Drama\n")
    brought = json.loads(nightly("--json", "import", "movielens", published, "--workspace", ready["workspace"]).stdout)
    assert brought["rows"] == {"interactions": 1, "items": 1, "users": 0}
    assert brought["next_step"].startswith("nightly run")


def test_several_nights_are_one_object(capsys):
    endings = [
        Ending(ending=ending, exit_code=code, run_date=date(2026, 1, 5)) for ending, code in (("published", 0), ("kept_last_good", 4))
    ]
    assert finish_all(endings, as_json=True) == 4
    told = json.loads(capsys.readouterr().out)
    assert (told["exit_code"], [night["ending"] for night in told["nights"]]) == (4, ["published", "kept_last_good"])


@pytest.mark.parametrize("shape", ["--csv", "--json", "--rows=9"])
def test_a_reader_who_leaves_early_is_no_error(tmp_path, shape, monkeypatch):
    """`nightly query | head` prints no complaint, whether the reader leaves before the first line or Python still holds the last."""
    publish(Workspace(tmp_path)).settings_file.touch()
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "flows.cli", "query", "from recommendations", shape, "--workspace", str(tmp_path)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_how_a_command_ended_is_told_to_those_who_do_not_read_it(tmp_path):
    """What is served is stale, which is exit 7 although the pipe has no reader: a schedule goes by the code alone."""
    publish(Workspace(tmp_path)).settings_file.touch()
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "flows.cli", "status", "--workspace", str(tmp_path)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (7, "")


@pytest.mark.fault("B14")
def test_a_hostile_name_in_the_log_moves_no_cursor_and_makes_no_line():
    record = logging.LogRecord("nightly", logging.INFO, "", 0, "ingest: %s", ("a\x1b[2J\nday.csv \u202egnp",), None)
    assert _Legible("%(message)s").format(record) == "ingest: a\\x1b[2J\\nday.csv \\u202egnp"
