"""The tutorial can be followed: its commands run in order, over a made-up set in place of the download."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_movielens import write_zip

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tutorial.md").read_text()

QUICK = {
    "PYTHONPATH": str(ROOT),
    "NIGHTLY__TRAIN__MODELS": '["als", "transitions", "content_knn", "popularity"]',
    "NIGHTLY__BLEND__RESAMPLES": "2",
}
"""Settings under which a night takes seconds; models of other kinds have tests of their own."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like that of the project: the command where the page types it, and what `curl` would have fetched."""
    folder = tmp_path_factory.mktemp("tutorial")
    write_zip(folder / "ml-latest-small.zip")
    command = folder / ".venv" / "bin" / "nightly"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flows.cli "$@"\n')
    command.chmod(0o755)
    return folder


def test_the_tutorial_can_be_followed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed one after the other, all blocks but the download end with exit 0, and the nights are there that the page speaks of."""
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        if not block.startswith("curl"):
            done = subprocess.run(["sh", "-eu", "-c", block], cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    dates = sorted(path.name for path in (folder / "movies" / "tables" / "recommendations").iterdir())
    assert dates == ["run_date=2018-09-24", "run_date=2018-09-25", "run_date=2018-09-26"]
    assert '"2018-09-25"' in (folder / "movies" / "current.json").read_text()
