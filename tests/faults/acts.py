"""What is done to a workspace of the tiny world while its disk fails or its process dies."""

from __future__ import annotations

import shutil
from pathlib import Path

from flows.attempt import Ending
from tasks.disk import Disk
from tests.faults import tiny_night
from tests.faults.children import exit_code
from tests.faults.disks import CountingDisk, DyingDisk
from tests.faults.sweep import Act


def _nothing_yet(root: Path) -> None:
    tiny_night.deliver(root, 0)


def _two_nights(root: Path) -> None:
    tiny_night.nights(root, 0, 1)
    tiny_night.deliver(root, 2)


def _a_late_delivery(root: Path) -> None:
    tiny_night.nights(root, 0, 1)
    tiny_night.deliver(root, 1, variant=1)


def _killed_while_publishing(root: Path) -> None:
    """Leave a replacement half done: some tables of the date are new, others are not."""
    _a_late_delivery(root)
    log = CountingDisk()
    scratch = root.with_name("scratch")
    shutil.copytree(root, scratch)
    second(scratch, log, replace=True)
    moves = [number for number, step in enumerate(log.log, start=1) if step.name == "replace" and "/tables/" in str(step.target)]
    moves = [number for number in moves if "/.staging/" not in str(log.log[number - 1].target)]
    assert exit_code(second, root, DyingDisk(moves[len(moves) // 2]), replace=True) < 0


def first(root: Path, disk: Disk | None) -> Ending:
    return tiny_night.run(root, 0, disk)


def third(root: Path, disk: Disk | None) -> Ending:
    return tiny_night.run(root, 2, disk)


def second(root: Path, disk: Disk | None, *, replace: bool = True) -> Ending:
    return tiny_night.run(root, 1, disk, replace=replace)


def _three_nights(root: Path) -> None:
    tiny_night.nights(root, 0, 1, 2)


def _five_nights(root: Path) -> None:
    tiny_night.nights(root, *range(5))


def back(root: Path, disk: Disk | None) -> Ending:
    return tiny_night.rolled_back(root, 1, disk)


def collecting(root: Path, disk: Disk | None) -> Ending:
    return tiny_night.collected(root, 4, disk)


FIRST_PUBLICATION = Act("first publication", _nothing_yet, first)
NEXT_DATE = Act("next date", _two_nights, third)
REPLACEMENT = Act("replacement of a date", _a_late_delivery, second)
RECOVERY = Act("recovery", _killed_while_publishing, second)
ROLLBACK = Act("rollback", _three_nights, back)
COLLECTION = Act("gc", _five_nights, collecting)
ACTS = (FIRST_PUBLICATION, NEXT_DATE, REPLACEMENT, RECOVERY, ROLLBACK, COLLECTION)
