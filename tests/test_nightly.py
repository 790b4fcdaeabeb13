"""Whole nights, end to end: real files, a real warehouse, real models, real processes killed for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from flows.attempt import Options
from flows.backfill import run_backfill
from flows.refresh import run_refresh
from flows.republish import run_republish
from flows.retrain import run_retrain
from flows.settings import load_settings
from tasks.refusals import LockHeldError, UsageError
from tasks.shop import write_bad_delivery, write_delivery
from tasks.storage import file_hash
from tasks.workspace import Workspace
from tests.conftest import SMALL_SETTINGS, SMALL_SHOP, WITHOUT_NETWORKS

FIRST, SECOND, THIRD, FOURTH = SMALL_SHOP.delivery_dates[:4]


def served(workspace: Workspace) -> dict[str, str]:
    """Return the hash of every file a reader may see."""
    folders = (workspace.tables, workspace.latest, workspace.manifests, workspace.models)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()] + [workspace.pointer]
    return {workspace.relative(path): file_hash(path) for path in files if path.is_file()}


@pytest.mark.fault("D3", "B4")
def test_a_night_run_twice_is_unchanged_and_touches_nothing(published_workspace, run):
    before = served(published_workspace)
    ending = run(published_workspace, SECOND)
    assert (ending.ending, ending.exit_code) == ("unchanged", 0)
    assert served(published_workspace) == before


@pytest.fixture
def _in_kathmandu(monkeypatch):
    """Put the process into a time zone that is off by a quarter of an hour."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.fault("D3")
@pytest.mark.usefixtures("_in_kathmandu")
def test_the_same_inputs_give_the_same_bytes_in_another_workspace_zone_and_number_of_threads(published_workspace, tmp_path, shop, run):
    """Everything but `runs`, which tells how long things took, is the same to the byte."""
    other = Workspace(tmp_path / "other")
    other.create(f"{WITHOUT_NETWORKS}\n[warehouse]\nthreads = 1\n")
    write_delivery(shop, FIRST, other.root / "inbox")
    assert run(other, FIRST).ending == "published"
    for path in sorted(other.tables.glob("*/*/*.parquet")):
        if "runs" not in path.parts:
            assert file_hash(path) == file_hash(published_workspace.root / other.relative(path)), path


def test_a_night_that_searches_its_catalogue_keeps_every_promise_and_says_what_it_found(tmp_path, shop, run):
    """Two hundred items, taken for many: the lists are whole, and the coverage tells how much of the best was found."""
    workspace = Workspace(tmp_path / "large")
    few_models = '[train]\nmodels = ["popularity", "als", "transitions", "content_knn"]\n'
    workspace.create(f"{SMALL_SETTINGS}\n{few_models}[score]\nexact_up_to_items = 50\nmin_search_recall = 0.5\n")
    write_delivery(shop, FIRST, workspace.root / "inbox")
    assert run(workspace, FIRST).ending == "published"
    facts = {row["fact"]: row["value"] for row in pq.read_table(workspace.table("coverage", FIRST)).to_pylist()}
    assert 0.5 <= facts["search_recall"] <= 1
    assert 0 < facts["search_share"] < 1
    counts = pq.read_table(workspace.table("recommendations", FIRST)).group_by("user_id").aggregate([("rank", "count")])
    assert set(counts["rank_count"].to_pylist()) == {20}
    compared = pq.read_table(workspace.table("similar_items", FIRST))["item_id"].unique()
    assert len(compared) > 150


def test_everybody_has_a_full_list_of_new_items(published_workspace):
    rows = pq.read_table(published_workspace.table("recommendations", SECOND))
    counts = rows.group_by("user_id").aggregate([("rank", "count")])
    assert set(counts["rank_count"].to_pylist()) == {20}
    assert rows.num_rows == 20 * counts.num_rows


def test_recommendations_follow_the_planted_tastes(published_workspace, shop):
    """People are shown items of their own tastes far more often than these make up the catalogue."""
    rows = pq.read_table(published_workspace.table("recommendations", SECOND), columns=["user_id", "item_id", "rank"])
    top = rows.filter(pc.less_equal(rows["rank"], 5))
    tastes = {str(user): set(row) for user, row in zip(shop.planted.user_ids, shop.planted.user_tastes.tolist(), strict=True)}
    taste = {str(item): serves for item, serves in zip(shop.planted.item_ids, shop.planted.item_taste.tolist(), strict=True)}
    own = [taste[str(row["item_id"])] in tastes[str(row["user_id"])] for row in top.to_pylist() if str(row["user_id"]) in tastes]
    assert sum(own) / len(own) > 0.6


@pytest.mark.fault("B1")
def test_a_corrupt_delivery_is_refused_and_served_tables_stay(published_workspace, run):
    bad = published_workspace.inbox("interactions") / "corrupt.parquet"
    bad.write_bytes(b"PAR1 this is no parquet file PAR1")
    before = served(published_workspace)
    ending = run(published_workspace, THIRD)
    assert (ending.ending, ending.exit_code) == ("kept_last_good", 3)
    assert "corrupt.parquet" in ending.reason
    assert "set_aside" in ending.next_step
    assert served(published_workspace) == before
    assert bad.is_file()


@pytest.mark.fault("B1", "B10")
def test_a_delivery_cut_short_is_refused_and_accepted_once_it_is_whole(published_workspace, shop, run):
    inbox = published_workspace.root / "inbox"
    write_bad_delivery(shop, THIRD, inbox)
    refused = run(published_workspace, THIRD)
    assert (refused.ending, refused.exit_code) == ("kept_last_good", 3)
    write_delivery(shop, THIRD, inbox)
    assert run(published_workspace, THIRD).ending == "published"
    runs = pq.read_table(published_workspace.table("runs", THIRD))
    assert runs["ending"].to_pylist() == ["published", "published", "kept_last_good", "published"]


@pytest.mark.fault("D4")
def test_a_date_that_would_change_is_replaced_only_when_asked(published_workspace, shop, run):
    write_delivery(shop, THIRD, published_workspace.root / "inbox")
    with pytest.raises(UsageError, match="--replace"):
        run(published_workspace, SECOND)
    before = served(published_workspace)
    assert run(published_workspace, SECOND, replace=True).ending == "published"
    changed = published_workspace.table("recommendations", SECOND)
    assert file_hash(changed) != before[published_workspace.relative(changed)]
    assert list(published_workspace.history.rglob("recommendations.parquet"))


def test_nothing_new_is_skipped_when_asked(published_workspace, run):
    assert run(published_workspace, THIRD, if_new=True).ending == "skipped"


@pytest.mark.fault("B8")
def test_no_deliveries_at_all_is_said_so(workspace, run):
    ending = run(workspace, FIRST)
    assert (ending.exit_code, ending.ending) == (3, "kept_last_good")
    assert "no delivery" in ending.reason


def test_a_first_night_with_too_little_data_is_refused(workspace, deliver, run):
    deliver("few.csv", "user_id,item_id,occurred_at\n1,2,2026-01-05T10:00:00Z\n1,3,2026-01-05T11:00:00Z\n")
    ending = run(workspace, FIRST)
    assert (ending.exit_code, ending.ending) == (3, "kept_last_good")
    assert not workspace.tables.exists()


def test_interactions_without_times_are_published_and_said_to_be(workspace, shop, run):
    workspace.settings_file.write_text(f'{SMALL_SETTINGS}\n[train]\nmodels = ["popularity", "ease", "content_knn"]\n')
    rows = shop.deliver(FIRST).interactions.select(["user_id", "item_id"])
    pq.write_table(rows, workspace.inbox("interactions") / "pairs.parquet")
    ending = run(workspace, FIRST)
    assert ending.ending == "published"
    report = (workspace.report(FIRST) / "index.html").read_text()
    assert "no times" in report


@pytest.mark.fault("D1")
def test_a_second_run_ends_at_once_and_touches_nothing(published_workspace, run):
    """The lock is held by another process, as a scheduler and a human would."""
    code = "import sys,time; from datetime import datetime; from pathlib import Path; from tasks.lock import locked\n"
    code += "from tasks.workspace import Workspace\n"
    code += "with locked(Workspace(Path(sys.argv[1])), 'the other run', datetime(2026,1,1)): print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code, str(published_workspace.root)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        before = served(published_workspace)
        with pytest.raises(LockHeldError, match=f"the other run.*{holder.pid}"):
            run(published_workspace, THIRD)
        assert served(published_workspace) == before
    finally:
        holder.kill()
        holder.wait()


def nightly(*arguments: str | Path, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=240, **kwargs
    )


@pytest.mark.fault("A3")
def test_a_killed_night_resumes_where_it_was(published_workspace, shop):
    """Kill -9 after the refit: the next start redoes only what has no receipt, and readers saw nothing of the killed one."""
    root = published_workspace.root
    write_delivery(shop, THIRD, root / "inbox")
    before = served(published_workspace)
    command = [sys.executable, "-m", "flows.cli", "run", "--workspace", str(root), "--run-date", str(THIRD)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not list(published_workspace.staging.glob("*/refit.json")):
        assert process.poll() is None, "the night ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert served(published_workspace) == before
    done = {path.stem for path in published_workspace.staging.glob("*/*.json")}
    again = nightly("run", "--workspace", root, "--run-date", THIRD, "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["ending"] == "published"
    assert {line.split()[1].rstrip(":") for line in again.stderr.splitlines() if "done by an earlier attempt" in line} == done
    endings = [attempt["ending"] for attempt in published_workspace.attempts()]
    assert endings == ["published", "published", "failed", "published"]


def test_an_earlier_set_of_models_can_be_served_again(published_workspace, shop, run):
    first = json.loads(next(published_workspace.models.glob("*/card.json")).read_text())["model_version"]
    write_delivery(shop, THIRD, published_workspace.root / "inbox")
    ending = run_republish(published_workspace.root, THIRD, first, load_settings(published_workspace.root), Options())
    assert ending.ending == "published", ending.reason
    rows = pq.read_table(published_workspace.table("recommendations", THIRD))
    assert set(rows["model_version"].to_pylist()) == {first}


def test_retraining_keeps_models_and_publishes_nothing(published_workspace, shop):
    write_delivery(shop, THIRD, published_workspace.root / "inbox")
    before, sets = served(published_workspace), len(list(published_workspace.models.iterdir()))
    ending = run_retrain(published_workspace.root, THIRD, load_settings(published_workspace.root), Options())
    assert ending.exit_code == 0, ending.reason
    assert len(list(published_workspace.models.iterdir())) == sets + 1
    after = served(published_workspace)
    assert {name: after[name] for name in before} == before


def test_refreshing_takes_deliveries_in_and_publishes_nothing(published_workspace, shop):
    write_delivery(shop, THIRD, published_workspace.root / "inbox")
    before = served(published_workspace)
    assert run_refresh(published_workspace.root, THIRD, load_settings(published_workspace.root), Options()).exit_code == 0
    assert served(published_workspace) == before
    assert not list(published_workspace.inbox("interactions").iterdir())


def test_a_backfill_fills_dates_in_order_and_leaves_the_pointer(published_workspace):
    """An earlier date is as of itself: it sees no later event, and what is current stays current.

    A date published before a later delivery arrived might change by it, and does not unless asked.
    """
    pointer = published_workspace.pointer.read_text()
    settings = load_settings(published_workspace.root)
    endings = run_backfill(published_workspace.root, FIRST - timedelta(days=1), SECOND, settings, Options())
    assert [ending.ending for ending in endings] == ["published", "kept_last_good", "unchanged"], endings
    assert "--replace" in endings[1].next_step
    assert published_workspace.pointer.read_text() == pointer
    manifest = published_workspace.published()[0]
    assert manifest["run_date"] == str(FIRST - timedelta(days=1))
    assert date.fromisoformat(manifest["data_through"][:10]) < FIRST


def test_readers_of_a_plain_glob_get_every_date_once(published_workspace):
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow.dataset as ds

    root = published_workspace.tables / "recommendations"
    expected = {str(day): pq.read_metadata(published_workspace.table("recommendations", day)).num_rows for day in (FIRST, SECOND)}
    query = "select run_date, count(*) from read_parquet($glob, hive_partitioning = true) group by run_date"
    assert {str(day): rows for day, rows in duckdb.execute(query, {"glob": f"{root}/*/*.parquet"}).fetchall()} == expected
    assert pd.read_parquet(root)["run_date"].astype(str).value_counts().to_dict() == expected
    counted = pl.scan_parquet(f"{root}/*/*.parquet", hive_partitioning=True).group_by("run_date").len().collect()
    assert {str(day): rows for day, rows in counted.iter_rows()} == expected
    partitioned = ds.dataset(root, partitioning=ds.partitioning(pa.schema([("run_date", pa.string())]), flavor="hive")).to_table()
    assert {row["values"]: row["counts"] for row in partitioned["run_date"].value_counts().to_pylist()} == expected
