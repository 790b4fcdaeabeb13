"""The same inputs, settings, code and date give the same bytes, wherever and however the night runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.shop import Shop, write_delivery
from tasks.storage import file_hash, remove
from tasks.workspace import Workspace
from tests.conftest import SMALL_SHOP

SETTINGS = """
[train]
models = ["ease", "als", "transitions", "popularity"]

[blend]
resamples = 2
"""

PLACES: dict[str, dict[str, str]] = {
    "one thread, UTC, little memory": {
        "NIGHTLY__COMPUTE__MEMORY_GB": "0.7",
        "NIGHTLY__WAREHOUSE__THREADS": "1",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "1",
    },
    "two threads, east": {"NIGHTLY__WAREHOUSE__THREADS": "2", "TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2"},
    # Without coercion this locale knows ASCII only: what is written and read without naming an encoding breaks here.
    "four threads, west, ASCII": {"NIGHTLY__WAREHOUSE__THREADS": "4", "TZ": "America/St_Johns", "LC_ALL": "POSIX", "PYTHONHASHSEED": "3"}
    | {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}
DAYS = SMALL_SHOP.delivery_dates[:2]


def _published(root: Path, place: dict[str, str], *, without_warehouse: bool) -> dict[str, str]:
    """Run two nights in processes of their own; returns the hash of every served file but `runs` and what names it."""
    workspace = Workspace(root)
    workspace.create(SETTINGS)
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    for day in DAYS:
        write_delivery(Shop(SMALL_SHOP), day, root / "inbox")
        command = [sys.executable, "-m", "flows.cli", "run", "--workspace", str(root), "--run-date", str(day)]
        code = Path(__file__).parents[2]
        environment = {**os.environ, **place, "PYTHONPATH": str(code)}  # noqa: TID251 - a child process needs one
        ended = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False, timeout=250)
        assert ended.returncode == 0, ended.stderr
        if without_warehouse:
            assert workspace.warehouse.is_file()
            remove(workspace.warehouse)
    files = [*workspace.tables.rglob("*.parquet"), *workspace.latest.glob("*.parquet"), *workspace.models.rglob("*")]
    return {
        workspace.relative(path): file_hash(path)
        for path in sorted(files)
        if path.is_file() and "runs" not in str(workspace.relative(path))
    }


@pytest.mark.slow
@pytest.mark.fault("D3", "C11")
@pytest.mark.timeout(900)
def test_threads_memory_zone_locale_hash_seed_folder_and_a_lost_warehouse_change_no_byte(tmp_path):
    """Three nights of two dates each; in the second place the warehouse is deleted between the dates."""
    published = {
        name: _published(tmp_path / f"shop {number}{'' if 'ASCII' in name else ' ü'}", place, without_warehouse=number == 1)
        for number, (name, place) in enumerate(PLACES.items())
    }
    first, *others = published.values()
    assert len(first) > 2 * 7, "nothing was compared"
    assert [other == first for other in others] == [True] * len(others)
