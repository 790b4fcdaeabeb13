"""The command line as people meet it: real processes, their output and their exit codes."""

import json
import subprocess
import sys

import pytest


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


@pytest.mark.parametrize("arguments", [("run", "--run-date", "yesterday"), ("run", "--unknown"), ("backfill",), ("nonsense",)])
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
