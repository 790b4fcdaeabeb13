"""A soak: nights in a row, to each of which something happens; beside them the same nights in a workspace to which nothing does."""

from __future__ import annotations

import errno
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.faults import tiny_night
from tests.faults.children import exit_code
from tests.faults.disks import DyingDisk, FailingDisk
from tests.faults.power import RecordingDisk, power_loss
from tests.faults.readers import what_readers_see

Fault = Callable[[Path, int, random.Random], bool]


def soak(folder: Path, nights: int, seed: int) -> Counter[str]:
    """Live through so many nights; returns how often each thing happened. After each, both workspaces hold the same bytes."""
    lots, happened = random.Random(seed), Counter[str]()
    root, twin = folder / "shop", folder / "twin"
    for workspace in (root, twin):
        tiny_night.new_workspace(workspace)
    for number in range(nights):
        for workspace in (root, twin):
            tiny_night.deliver(workspace, number)
        if number and lots.random() < 0.3:
            late = lots.randrange(max(0, number - 3), number)
            for workspace in (root, twin):
                tiny_night.deliver(workspace, late, variant=1 + number)
            happened["late delivery"] += 1
        assert tiny_night.run(twin, number).ending == "published"
        for name in lots.sample(sorted(FAULTS), lots.choice([0, 1, 1, 2, 3])):
            if FAULTS[name](root, number, lots):
                happened[name] += 1
            what_readers_see(root, tiny_night.K, known=what_readers_see(twin, tiny_night.K, settled=True).dated.values())
        ending = tiny_night.run(root, number)
        assert (ending.ending, ending.exit_code) in {("published", 0), ("unchanged", 0)}, (number, ending)
        _afterwards(root, twin, number, lots, happened)
        happened["nights"] += 1
    return happened


def _afterwards(root: Path, twin: Path, number: int, lots: random.Random, happened: Counter[str]) -> None:
    """Now and then roll back or remove what is old, in both; then compare them."""
    if number > 2 and lots.random() < 0.15:
        assert [tiny_night.rolled_back(workspace, number - 1).exit_code for workspace in (root, twin)] == [0, 0]
        happened["rollback"] += 1
    if lots.random() < 0.2:
        assert [tiny_night.collected(workspace, number).exit_code for workspace in (root, twin)] == [0, 0]
        happened["gc"] += 1
    seen, expected = (what_readers_see(workspace, tiny_night.K, settled=True) for workspace in (root, twin))
    assert seen.without_clocks() == expected.without_clocks(), f"night {number}"
    assert (seen.run_id, seen.run_date) == (expected.run_id, expected.run_date), f"night {number}"


def _kill(root: Path, number: int, lots: random.Random) -> bool:
    return exit_code(tiny_night.run, root, number, DyingDisk(lots.randint(1, 340), lots.choice(["before", "half", "after"]))) < 0


def _fail(root: Path, number: int, lots: random.Random) -> bool:
    disk = FailingDisk(lots.randint(1, 340), lots.choice([errno.ENOSPC, errno.EIO]), persistent=lots.random() < 0.5)
    assert tiny_night.run(root, number, disk).exit_code in (0, 6)
    return disk.fired > 0


def _cut_power(root: Path, number: int, lots: random.Random) -> bool:
    disk, image = RecordingDisk(root), root.with_name("image")
    assert tiny_night.run(root, number, disk).exit_code == 0
    power_loss(disk, lots.randint(disk.began, len(disk.events)), lots.randrange, image)
    shutil.rmtree(root)
    image.rename(root)
    return True


def _flip_a_served_bit(root: Path, number: int, lots: random.Random) -> bool:
    """Damage a table of tonight's date: the next run of the date makes it again."""
    tiny_night.run(root, number)
    files = sorted(root.glob(f"tables/*/run_date={tiny_night.day(number)}/*.parquet"))
    served = [path for path in files if path.parts[-3] != "runs"]
    path = lots.choice(served)
    content = bytearray(path.read_bytes())
    content[lots.randrange(len(content))] ^= 1 << lots.randrange(8)
    path.unlink()
    path.write_bytes(content)
    assert tiny_night.run(root, number).ending == "published"
    return True


def _tear_the_record(root: Path, _number: int, lots: random.Random) -> bool:
    """Cut the last line of runs.jsonl short, as a crash does."""
    path = root / "runs.jsonl"
    content = path.read_bytes() if path.exists() else b""
    path.write_bytes(content[: len(content) - lots.randint(1, 40)] if content else b'{"torn')
    return True


def _empty_the_staging(root: Path, _number: int, _lots: random.Random) -> bool:
    """Lose everything that was staged, unless it is what a killed publication is completed from."""
    there = (root / ".staging").is_dir() and not list((root / ".staging").glob("*/publication/note.json"))
    if not there:
        return False
    shutil.rmtree(root / ".staging", ignore_errors=True)
    return there


def _lose_latest(root: Path, _number: int, _lots: random.Random) -> bool:
    there = (root / "latest").is_dir()
    shutil.rmtree(root / "latest", ignore_errors=True)
    (root / ".latest.json").unlink(missing_ok=True)
    return there


FAULTS: dict[str, Fault] = {
    "kill": _kill,
    "disk error": _fail,
    "power cut": _cut_power,
    "flipped bit": _flip_a_served_bit,
    "torn record": _tear_the_record,
    "staging lost": _empty_the_staging,
    "latest/ lost": _lose_latest,
}
