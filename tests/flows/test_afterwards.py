"""What follows a night: done where it is configured, a warning where it fails, never the end of the night."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta

import pytest

from flows.afterwards import afterwards
from flows.attempt import Ending
from flows.load import load_tables
from flows.settings import Settings, load_settings
from tasks.load.postgres import Loaded
from tasks.night import Night
from tasks.served_night import ServedNight
from tasks.workspace import Workspace
from tests.conftest import MONDAY
from tests.published_nights import publish_by_hand

TUESDAY = MONDAY + timedelta(days=1)
BOTH = "[load.postgres]\nafter_publish = true\n[mlflow]\nmirror = true\n"
PUBLISHED = Ending(ending="published", exit_code=0, run_date=MONDAY)


@pytest.fixture
def settings(workspace: Workspace) -> Settings:
    workspace.settings_file.write_text(BOTH)
    return load_settings(workspace.root)


def noted(workspace: Workspace) -> list[tuple[str, bool]]:
    lines = (workspace.history / "afterwards.jsonl").read_text().splitlines()
    return [(entry["what"], entry["done"]) for entry in map(json.loads, lines)]


def test_each_part_fails_apart_and_says_what_to_type(
    night: Callable[..., Night], workspace: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A load that fails, for whatever reason, does not keep the mirror from being tried."""
    tried = []

    def fails(*_: object) -> None:
        tried.append("load")
        raise RuntimeError("the server fell over")

    monkeypatch.setattr("flows.load.load_tables", fails)
    monkeypatch.setattr("flows.afterwards._mirror", lambda *_: tried.append("mlflow"))
    with caplog.at_level(logging.WARNING, logger="nightly"):
        afterwards(night(), PUBLISHED, settings)
    assert tried == ["load", "mlflow"]
    assert "the server fell over" in caplog.text
    assert f"nightly load --workspace {workspace.root}" in caplog.text
    assert noted(workspace) == [("load", False), ("mlflow", True)]


def test_a_night_that_is_not_published_is_not_loaded(
    night: Callable[..., Night], workspace: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was held is mirrored, with its reason; readers of the database keep what they have."""
    monkeypatch.setattr("flows.afterwards._mirror", lambda *_: None)
    afterwards(night(), PUBLISHED.model_copy(update={"ending": "kept_last_good", "exit_code": 4}), settings)
    assert noted(workspace) == [("mlflow", True)]


def test_without_settings_nothing_follows(night: Callable[..., Night], workspace: Workspace) -> None:
    """A night that nobody asked to send anywhere leaves no trace of it."""
    afterwards(night(), PUBLISHED, load_settings(workspace.root))
    assert not (workspace.history / "afterwards.jsonl").exists()


def test_a_held_night_reaches_mlflow(
    night: Callable[..., Night], workspace: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its date, its ending, its reason and the settings it was made with."""
    sent = []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example")
    monkeypatch.setattr("tasks.mirror.mirror", lambda nights, _, uri: sent.append((nights, uri)))
    at = night()
    at.origin["settings"] = {"score": {"k": 20}}
    mirrored = settings.model_copy(update={"load": type(settings.load)()})
    afterwards(at, PUBLISHED.model_copy(update={"ending": "kept_last_good", "reason": "too few likes"}), mirrored)
    [(nights, uri)] = sent
    assert uri == "http://mlflow.example"
    assert (nights[0].ending, nights[0].tags, nights[0].settings) == ("kept_last_good", {"verdict": "too few likes"}, {"score.k": 20})


def test_a_night_published_during_a_load_is_loaded_after_it(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """`nightly load` beside a night that loads its own tables: the older tables must not stay because they were last."""
    publish_by_hand(workspace, MONDAY, {})
    loaded = []

    def loads(night: ServedNight, *_: object) -> Loaded:
        loaded.append(night.run_date)
        publish_by_hand(workspace, TUESDAY, {})
        return Loaded(night.run_id, night.run_date, "nightly", {})

    monkeypatch.setenv("NIGHTLY_LOAD_POSTGRES_URI", "postgresql://db/shop")
    monkeypatch.setattr("tasks.load.postgres.load", loads)
    assert load_tables(workspace, load_settings(workspace.root)).run_date == TUESDAY
    assert load_tables(workspace, load_settings(workspace.root), MONDAY).run_date == MONDAY
    assert loaded == [MONDAY, TUESDAY, MONDAY]
