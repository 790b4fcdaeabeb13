"""Nights of the tiny world, each run at noon of its own day: the shop that `nightly doctor` and `nightly plan` are asked about."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path

from flows import attempt
from tests.faults import tiny_night
from tests.faults.disks import CountingDisk
from tests.faults.tiny_night import day

NIGHTS = 4
SERVED = day(NIGHTS - 1)
TODAY = NIGHTS


def noon(number: int) -> datetime:
    """Return the middle of a date of the tiny world: the clock of a test."""
    return datetime.combine(day(number), time(12))


def publish(root: Path, number: int, disk: CountingDisk | None = None) -> None:
    """Publish a night as of noon the same day, whatever the machine's clock says."""
    before, attempt.now = attempt.now, lambda: noon(number)
    try:
        ending = tiny_night.run(root, number, disk)
    finally:
        attempt.now = before
    assert ending.ending == "published", ending


def publish_all(root: Path) -> Path:
    """Publish all nights before today in a new workspace, and return its folder."""
    tiny_night.new_workspace(root)
    for number in range(NIGHTS):
        tiny_night.deliver(root, number)
        publish(root, number)
    return root
