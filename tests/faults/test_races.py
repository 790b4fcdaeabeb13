"""Two runs at once: one wins, the other ends with exit 5 at once; a killed holder holds nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.faults import tiny_night
from tests.faults.children import CONTEXT, exit_code, started
from tests.faults.counts import Count
from tests.faults.doomed import die_holding, hold, must_publish, race
from tests.faults.readers import what_readers_see

ROUNDS = 50


@pytest.mark.fault("D1")
def test_of_two_that_reach_for_the_lock_one_gets_it(memory_path: Path, count: Count) -> None:
    """Each time; the other is told by whom it is held, unless that one has not yet had the time to say so."""
    root, gate = memory_path / "shop", CONTEXT.Barrier(2)
    tiny_night.new_workspace(root)
    results = [memory_path / "one", memory_path / "two"]
    racers = [started(race, ROUNDS, root, gate, result) for result in results]
    for racer in racers:
        racer.join(120)
        assert racer.exitcode == 0
    (one, *first), (two, *second) = (result.read_text().splitlines() for result in results)
    for number, told in enumerate(zip(first, second, strict=True)):
        assert told.count("won") == 1, f"round {number}: {told}"
        winner, loser = (one, told[1]) if told[0] == "won" else (two, told[0])
        assert f"pid {winner} on" in loser or "has just started" in loser or f"round {number - 1} " in loser, loser
    count("D1 races for the lock", len(first))


@pytest.mark.fault("D1")
def test_the_second_run_touches_nothing(memory_path: Path) -> None:
    """It names the first one's process, host and start, and what to type."""
    root, gate = memory_path / "shop", CONTEXT.Barrier(2)
    tiny_night.new_workspace(root)
    tiny_night.deliver(root, 0)
    holder = started(hold, root, gate)
    gate.wait(60)
    before = _everything(root)
    ending = tiny_night.run(root, 0)
    assert (ending.ending, ending.exit_code) == ("none", 5)
    assert f"a long night (pid {holder.pid} on {os.uname().nodename}, since 2026-01-06T03:00:00Z)" in ending.reason
    assert _everything(root) == before
    gate.wait(60)
    holder.join(60)
    assert tiny_night.run(root, 0).ending == "published"


@pytest.mark.fault("D1")
def test_a_run_that_waits_runs_when_the_other_has_ended(memory_path: Path) -> None:
    root, gate = memory_path / "shop", CONTEXT.Barrier(2)
    tiny_night.new_workspace(root)
    tiny_night.deliver(root, 0)
    holder = started(hold, root, gate)
    gate.wait(60)
    patient = started(must_publish, root)
    patient.join(0.2)
    assert patient.exitcode is None
    gate.wait(60)
    holder.join(60)
    patient.join(60)
    assert patient.exitcode == 0
    assert what_readers_see(root, tiny_night.K, settled=True).run_date == str(tiny_night.day(0))


@pytest.mark.fault("D2")
def test_the_lock_of_a_killed_run_is_free_at_once(memory_path: Path, count: Count) -> None:
    root = memory_path / "shop"
    tiny_night.new_workspace(root)
    for number in range(3):
        tiny_night.deliver(root, number)
        assert exit_code(die_holding, root) == -signal.SIGKILL
        assert (root / ".lock.json").is_file()
        assert tiny_night.run(root, number).ending == "published"
    count("D2 holders of the lock killed", 3)


def _everything(root: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}
