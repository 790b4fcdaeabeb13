"""A backfill of real nights, killed for real, and a workspace made again from what cannot be made again."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.shop import write_delivery
from tasks.storage import file_hash
from tasks.workspace import Workspace, read_json
from tests.conftest import SMALL_SETTINGS, SMALL_SHOP

LIGHT = (
    SMALL_SETTINGS.replace("[blend]\n", '[blend]\ncompare = []\nmethod = "popularity"\n') + '\n[train]\nmodels = ["popularity", "ease"]\n'
)
DATES = SMALL_SHOP.delivery_dates[:3]


def backfill(root: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "flows.cli",
        "backfill",
        "--workspace",
        str(root),
        "--from",
        str(DATES[0]),
        "--to",
        str(DATES[-1]),
        "--json",
    ]


def published(workspace: Workspace) -> dict[str, str]:
    """Return the hash of every published file but `runs`, which tells how long things took."""
    return {
        str(path.relative_to(workspace.root)): file_hash(path) for path in workspace.tables.rglob("*.parquet") if "runs" not in path.parts
    }


def _attempted(workspace: Workspace) -> str | None:
    """Return the date of the attempt that is under way."""
    return (read_json(workspace.open_attempt) or {}).get("run_date")


@pytest.mark.slow
@pytest.mark.fault("D5", "D12", "A12")
def test_a_killed_backfill_goes_on_and_raw_alone_gives_the_same_tables(tmp_path, shop):
    """Kill -9 in the second of three nights; then keep nothing but raw/ and nightly.toml, and run it again elsewhere."""
    workspace = Workspace(tmp_path / "shop")
    workspace.create(LIGHT)
    write_delivery(shop, DATES[0], workspace.root / "inbox")
    process = subprocess.Popen(backfill(workspace.root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not (_attempted(workspace) == str(DATES[1]) and list(workspace.staging.glob("*/stage.json"))):
        assert process.poll() is None, "the backfill ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = subprocess.run(backfill(workspace.root), capture_output=True, text=True, check=False)
    assert [night["ending"] for night in json.loads(done.stdout)["nights"]] == ["unchanged", "published", "published"], done.stderr
    other = Workspace(tmp_path / "other")
    other.root.mkdir()
    shutil.copy(workspace.settings_file, other.settings_file)
    shutil.copytree(workspace.raw, other.raw)
    again = subprocess.run(backfill(other.root), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert published(other) == published(workspace)
