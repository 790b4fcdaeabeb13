"""`nightly tune` as people meet it: what it finds, what it leaves alone, and that it survives being killed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.cli import app
from flows.settings import load_settings
from flows.tune import Tuned, apply_proposal, run_tune
from models.compute import ComputeConfig
from tasks.ingest import ingest, keep
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.volume import VolumeConfig
from tasks.lock import locked
from tasks.night import Night, Receipt
from tasks.refusals import InputRefusedError, LockHeldError, UsageError
from tasks.shop import Shop, ShopConfig, write_delivery
from tasks.stage import EventsConfig, stage
from tasks.storage import file_hash, remove
from tasks.warehouse import WarehouseConfig
from tasks.workspace import Workspace

SHOP = ShopConfig(n_users=150, n_items=80, n_tastes=4, start=date(2026, 1, 5), days=21, history_days=20, interactions_per_day=150)
DAY = SHOP.delivery_dates[0]
SHORTLY_AFTER = datetime(2026, 2, 1, tzinfo=UTC).replace(tzinfo=None)
BADLY_SET = "[compute]\nthreads = 1\n\n[train.ease]\nreg = 0.01\n\n[train.als]\nreg = 0.5\n"


@pytest.fixture(scope="module")
def accepted_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Accept one delivery of a small shop whose `ease` is badly set; nobody may change it."""
    workspace = Workspace(tmp_path_factory.mktemp("accepted") / "shop")
    workspace.create(BADLY_SET)
    write_delivery(Shop(SHOP), DAY, workspace.root / "inbox")
    night = Night(workspace, DAY, "accepting", "attempt", SHORTLY_AFTER, None, 0, ComputeConfig())
    delivered = ingest(night, SourceConfig(), VolumeConfig(), True)
    stage(night, delivered, SourceConfig(), EventsConfig(), WarehouseConfig())
    keep(night, delivered, Receipt())
    remove(workspace.staging)
    return workspace


@pytest.fixture
def accepted(accepted_once: Workspace, tmp_path: Path) -> Workspace:
    """Return a copy of a workspace with an accepted delivery, free to change."""
    shutil.copytree(accepted_once.root, tmp_path / "copy")
    return Workspace(tmp_path / "copy")


def tune(workspace: Workspace, fresh: bool = False, **asked: object) -> Tuned:
    return run_tune(workspace.root, DAY, load_settings(workspace.root, tune=asked), fresh)


def everything(workspace: Workspace) -> dict[str, str]:
    """Return the hash of every file of a workspace outside `tuning/`, but for the lock, which any run touches."""
    files = [path for path in workspace.root.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(workspace.root)): file_hash(path) for path in files if (workspace.root / "tuning") not in path.parents}


def typed(*words: object) -> int:
    """Carry out a command line in this process and return its exit code."""
    return app([str(word) for word in words], exit_on_error=False, result_action="return_value")


def test_a_badly_set_model_is_proposed_a_better_setting_which_is_taken_over_only_when_asked(accepted, monkeypatch, capsys):
    before = everything(accepted)
    assert typed("tune", "-w", accepted.root, "--run-date", DAY, "--models", "ease", "--trials", 10, "--json") == 0
    tuned = Tuned.model_validate_json(capsys.readouterr().out)
    assert tuned.ending == "proposed"
    assert everything(accepted) == before
    assert tuned.proposal == (accepted.root / "tuning" / "proposal.toml").read_text()
    assert sorted(path.name for path in (accepted.root / "tuning").iterdir()) == ["proposal.toml", "trials"]
    reg = tomllib.loads(tuned.proposal)["train"]["ease"]["reg"]
    assert 5 <= reg <= 1000
    assert len(tuned.found[0].windows) == 3

    monkeypatch.setenv("NIGHTLY__TRAIN__EASE__REG", "7")
    with pytest.raises(UsageError, match=r"train\.ease\.reg"):
        apply_proposal(accepted.root)
    assert everything(accepted) == before
    monkeypatch.delenv("NIGHTLY__TRAIN__EASE__REG")
    assert typed(*shlex.split(tuned.next_step)[1:]) == 0
    assert f"train.ease.reg: 0.01 -> {reg}\nnext: nightly run" in capsys.readouterr().out
    assert accepted.settings_file.read_text() == BADLY_SET.replace("reg = 0.01", f"reg = {json.dumps(reg)}")
    assert apply_proposal(accepted.root).changed == {}


def test_nothing_is_proposed_where_nothing_is_better(accepted):
    accepted.settings_file.write_text(
        "[compute]\nthreads = 1\n[tune.spaces]\nease.reg = {choices = [50.0, 0.001]}\n[train.ease]\nreg = 50.0\n"
    )
    tuned = tune(accepted, models=["ease"])
    assert (tuned.ending, tuned.next_step) == ("nothing_better", "")
    assert tomllib.loads(tuned.proposal) == {}
    assert apply_proposal(accepted.root).changed == {}


def test_a_search_changes_nothing_but_its_own_folder_in_a_workspace_that_serves_tables(published_workspace):
    """Tables, pointer, manifests, models, runs, reports, settings, inbox, raw and warehouse stay as they are, byte for byte."""
    (published_workspace.inbox("interactions") / "tomorrow.csv").write_text("user_id,item_id,occurred_at\n")
    before = everything(published_workspace)
    run_date = date.fromisoformat(published_workspace.published()[-1]["run_date"])
    settings = load_settings(published_workspace.root, tune={"models": ["popularity"], "trials": 3})
    run_tune(published_workspace.root, run_date, settings)
    assert everything(published_workspace) == before


def test_a_budget_that_is_used_up_still_measures_the_present_settings(accepted):
    """Each model has its share of the minutes; without any, only what is set now is judged."""
    tuned = tune(accepted, models=["popularity", "ease"], minutes=1e-9)
    assert [(found.model, found.trials, found.proposed) for found in tuned.found] == [("popularity", 1, {}), ("ease", 1, {})]


def nightly(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "flows.cli", *map(str, arguments)]


def test_a_killed_search_goes_on_with_the_trials_that_were_there(accepted, tmp_path):
    """Kill -9 in the middle: no finished trial is judged again, and the proposal is that of a search that was never killed."""
    command = nightly("tune", "--workspace", accepted.root, "--run-date", DAY, "--models", "popularity", "--trials", 2000)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        reached = next(line for line in process.stderr if (match := re.search(r"trial (\d+):", line)) and int(match[1]) >= 2)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, bool(reached)) == (-9, True)
    assert not (accepted.root / "tuning" / "proposal.toml").exists()
    trials = sorted((accepted.root / "tuning" / "trials").glob("popularity-*/*.npz"))
    # The newest may have been judged without the study having heard of it.
    ended = {path: path.stat().st_mtime_ns for path in trials[:-1]}
    resumed = tune(accepted, models=["popularity"], trials=len(trials) + 3)
    assert {path: path.stat().st_mtime_ns for path in ended} == ended
    assert resumed.found[0].trials == len(trials) + 3
    afresh = tune(accepted, fresh=True, models=["popularity"], trials=len(trials) + 3)
    assert afresh.found == resumed.found
    assert afresh.proposal == resumed.proposal


def test_without_anything_accepted_there_is_nothing_to_tune_on(workspace):
    with pytest.raises(InputRefusedError, match="nightly run --workspace"):
        tune(workspace)


def test_a_search_keeps_out_of_the_way_of_a_run(accepted):
    with locked(accepted, "the other run", SHORTLY_AFTER), pytest.raises(LockHeldError, match="the other run"):
        tune(accepted)


def test_a_model_that_does_not_exist_or_take_part_is_named(accepted):
    with pytest.raises(UsageError, match=r"tune\.models\.1"):
        tune(accepted, models=["ease", "alz"])
    accepted.settings_file.write_text("[train]\nease_up_to_items = 10\n")
    with pytest.raises(UsageError, match="model ease"):
        tune(accepted, models=["ease"])


def test_there_is_nothing_to_apply_before_a_search(accepted):
    with pytest.raises(UsageError, match="nightly tune"):
        apply_proposal(accepted.root)
