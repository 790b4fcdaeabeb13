"""A shop of four nights of the tiny world, and the doctor that is asked about it."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.doctor import show_diagnosis
from flows.doctor_settings import look
from tasks.workspace import Workspace
from tests.doctor.typed import Doctor
from tests.faults import tiny_night
from tests.faults.noons import TODAY, noon, publish_all

AN_HOUR = timedelta(hours=1)


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish four nights of the tiny world, each at noon of its own day; nobody may change them."""
    return publish_all(tmp_path_factory.mktemp("doctor") / "shop")


@pytest.fixture
def shop(published_once: Path, tmp_path: Path) -> Workspace:
    """Return a copy of the four nights, free to break."""
    shutil.copytree(published_once, tmp_path / "shop")
    return Workspace(tmp_path / "shop")


@pytest.fixture(autouse=True)
def _tiny_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands run nights of the tiny world, and the doctor look at settings in this process, which has loaded all it needs."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr("flows.nightly.night", tiny_night.tiny)
    monkeypatch.setattr("flows.doctor.ask", look)
    tiny_night.warm()


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Return what asks the doctor on a day of the tiny world, or at a moment; its exit code is told as `exit`."""

    def ask_it(shop: Workspace, at: int | datetime = TODAY, **named: bool) -> dict[str, Any]:
        capsys.readouterr()
        code = show_diagnosis(shop.root, noon(at) + AN_HOUR if isinstance(at, int) else at, as_json=True, **named)
        return json.loads(capsys.readouterr().out) | {"exit": code}

    return ask_it
