"""The mirror in MLflow: a real store, which is told of each night once."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

pytest.importorskip("mlflow")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # noqa: TID251 - before MLflow is imported, which then asks nobody

from mlflow import MlflowClient
from mlflow.entities import Run

from tasks.mirror import NightTold, mirror, published_nights
from tasks.mirror_config import MlflowConfig
from tasks.refusals import StorageError, UsageError
from tasks.workspace import Workspace
from tests.small_tables import FIRST, SECOND, publish, rows_of

CONFIG = MlflowConfig(mirror=True)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of an empty store; to lay out its tables takes seconds."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"
    MlflowClient(uri).search_experiments()
    return uri


@pytest.fixture
def small(workspace: Workspace) -> Workspace:
    publish(workspace)
    report = workspace.report(SECOND) / "index.html"
    report.parent.mkdir(parents=True)
    report.write_text("<p>the night</p>")
    return workspace


def runs_in(uri: str, experiment: str) -> dict[str, Run]:
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    return {run.data.tags["nightly.run_id"]: run for run in client.search_runs([found.experiment_id])} if found else {}


def test_each_night_becomes_a_run_with_its_figures_and_files(
    once: str, small: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Metrics with intervals, weights, tags, the report and the manifest; nothing is written where the command was typed."""
    monkeypatch.chdir(tmp_path)
    config = CONFIG.model_copy(update={"experiment": "whole"})
    assert mirror(published_nights(small), config, once) == ["first", "second"]
    run = runs_in(once, "whole")["second"]
    assert (run.info.status, run.info.run_name) == ("FINISHED", f"{SECOND} published")
    assert run.data.tags["run_date"] == str(SECOND)
    assert run.data.tags["model_version"] == "m"
    row = next(
        row for row in rows_of("metrics", SECOND) if row["ranking"] == "blend" and row["segment"] == "__all__" and row["metric"] == "ndcg"
    )
    told = [run.data.metrics[f"ndcg_at_{row['k']}{end}/blend"] for end in ("", "_low", "_high")]
    assert told == [row["value"], row["low"], row["high"]]
    assert any(name.startswith("weight/") for name in run.data.metrics)
    files = {file.path for file in MlflowClient(once).list_artifacts(run.info.run_id)}
    assert files == {"index.html", "second.json"}
    assert not (tmp_path / "mlruns").exists()


def test_a_night_is_told_of_once(once: str, small: Workspace) -> None:
    """What the server knows is not told again; what it lacks of earlier nights is sent with the next one."""
    config = CONFIG.model_copy(update={"experiment": "once"})
    first, second = published_nights(small)
    assert mirror([first], config, once) == ["first"]
    assert mirror([first, second], config, once) == ["second"]
    assert mirror([first, second], config, once) == []
    assert set(runs_in(once, "once")) == {"first", "second"}


def test_a_night_told_of_halfway_is_told_again_in_the_same_run(once: str, small: Workspace) -> None:
    """A run that was never closed is completed, without a second one and without doubled figures."""
    config = CONFIG.model_copy(update={"experiment": "halfway"})
    night = published_nights(small)[0]
    mirror([night], config, once)
    known = runs_in(once, "halfway")["first"]
    client = MlflowClient(once)
    client.update_run(known.info.run_id, "RUNNING")
    assert mirror([night], config, once) == ["first"]
    again = runs_in(once, "halfway")["first"]
    assert (again.info.run_id, again.info.status) == (known.info.run_id, "FINISHED")
    name = next(iter(night.figures))
    assert len(client.get_metric_history(again.info.run_id, name)) == 1


def test_a_held_night_is_a_failed_run_with_its_reason(once: str) -> None:
    """It has no figures that were published, but says why there are none."""
    config = CONFIG.model_copy(update={"experiment": "held"})
    held = NightTold("held", FIRST, "kept_last_good", datetime.combine(FIRST, datetime.min.time()), {"verdict": "too few likes"})
    mirror([held], config, once)
    run = runs_in(once, "held")["held"]
    assert run.info.status == "FAILED"
    assert run.data.tags["verdict"] == "too few likes"


def test_a_server_that_does_not_answer_is_named_without_its_password(small: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal says where and what to type."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StorageError, match=r"http://127\.0\.0\.1:1") as raised:
        mirror(published_nights(small), CONFIG, "http://me:s3cret@127.0.0.1:1")
    assert "s3cret" not in str(raised.value)
    with pytest.raises(StorageError) as raised:
        mirror(published_nights(small), CONFIG, "http://t0ken@127.0.0.1:1")
    assert "t0ken" not in str(raised.value)


@pytest.mark.parametrize("uri", ["", "./mlruns", "file:./mlruns"])
def test_folders_are_no_tracking_server(small: Workspace, uri: str) -> None:
    """MLflow has given up stores of files; the refusal names what to set instead."""
    with pytest.raises(UsageError, match="sqlite:////path"):
        mirror(published_nights(small), CONFIG, uri)
