"""The machine's clock is years off, or jumps while the night runs: the same bytes are published, and durations stay durations."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flows.clock import now
from tasks.shop import Shop, write_delivery
from tasks.workspace import Workspace
from tests.conftest import SMALL_SETTINGS, SMALL_SHOP
from tests.faults.counts import Count
from tests.faults.lanes import clock_of, need_faketime
from tests.faults.readers import View, what_readers_see

DAY = 86_400
NIGHT = SMALL_SHOP.delivery_dates[0]


def published(root: Path, clock: Iterable[int] = ()) -> View:
    """Publish the first night of the small shop, by a clock that is off by so many seconds now, in half a second, and so on."""
    workspace = Workspace(root)
    workspace.create(SMALL_SETTINGS)
    write_delivery(Shop(SMALL_SHOP), NIGHT, workspace.root / "inbox")
    offsets = iter(clock)
    preloaded, set_to = clock_of(next(offsets, 0), root.with_name(f"clock-of-{root.name}"))
    command = [sys.executable, "-c", "from flows.cli import main; main()", "run", "-w", str(root), "--run-date", str(NIGHT)]
    environment = {**os.environ, **preloaded}  # noqa: TID251 - a child has ours, and a clock of its own
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as night:
        while night.poll() is None:
            time.sleep(0.5)
            if (offset := next(offsets, None)) is not None:
                set_to(offset)
        assert night.returncode == 0, night.communicate()
    return what_readers_see(root, 20, settled=True)


def recorded(root: Path) -> tuple[datetime, float]:
    """Return when the one run of a workspace began, by its clock, and how many seconds it took, by its own account."""
    (line,) = (root / "runs.jsonl").read_text().splitlines()
    entry = json.loads(line)
    return datetime.fromisoformat(entry["started_at"].removesuffix("Z")), entry["seconds"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault("B7")
def test_a_night_by_a_wrong_clock_and_by_one_that_jumps(tmp_path: Path, count: Count) -> None:
    """A month behind its data, twenty years ahead of it, and thrown to and fro by days while it works."""
    need_faketime()
    expected = published(tmp_path / "right").without_clocks()
    today = now()
    jumping = ((-1) ** number * number * DAY for number in itertools.count())
    for name, clock in {"behind": [-30 * DAY], "ahead": [20 * 365 * DAY], "jumping": jumping}.items():
        root = tmp_path / name
        began = time.monotonic()
        assert published(root, clock).without_clocks() == expected, name
        told, seconds = recorded(root)
        assert 0 < seconds < time.monotonic() - began
        assert name == "jumping" or abs(told - today) > timedelta(days=29), "the clock was not off"
    count("B7 jumps of the clock", abs(next(jumping)) // DAY)
