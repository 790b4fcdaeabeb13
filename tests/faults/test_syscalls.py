"""The faults come from the kernel itself: a signal or an error at the n-th system call of a run that publishes."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.acts import NEXT_DATE, REPLACEMENT, Act
from tests.faults.children import CONTEXT, started
from tests.faults.counts import Count
from tests.faults.doomed import wait_then_act
from tests.faults.lanes import need_strace, remount, small_disk
from tests.faults.sweep import Undisturbed, assert_done, assert_old_or_new, undisturbed

CALLS = (
    "write",
    "fsync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "link",
    "linkat",
    "mkdir",
    "rmdir",
    "openat",
    "ftruncate",
)
WRITING = ("write", "rename", "link", "linkat", "mkdir")

slow = pytest.mark.slow
pytestmark = pytest.mark.timeout(1800)


def traced(act: Act, root: Path, *options: str) -> tuple[int, Counter[str], int]:
    """Do an act under strace; returns its exit code, how often each call was made, and how often strace interfered."""
    gate, log = CONTEXT.Barrier(2), root.with_name("strace")
    child = started(wait_then_act, act.act, root, gate)
    gate.wait(60)
    command = ["strace", "-f", "-p", str(child.pid), "-o", str(log), "-e", f"trace={','.join(CALLS)}", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        gate.wait(60)
        child.join(120)
        tracer.stderr.read()
    lines = log.read_text().splitlines()
    made = Counter(found[1] for line in lines if (found := re.match(r"\d+ +(\w+)\(", line)))
    interfered = sum("(INJECTED)" in line or "killed by SIGKILL" in line for line in lines)
    assert child.exitcode is not None
    return child.exitcode, made, interfered


def struck(act: Act, known: Undisturbed, folder: Path, calls: tuple[str, ...], fault: str, *, every: int) -> int:
    """Let a fault strike every so many of the given system calls; returns how often one did."""
    for _, root in known.copies(range(1), folder):
        code, made, _ = traced(act, root)
        assert code == 0
    points = [(call, number) for call in calls for number in range(1, made[call] + 1)][::every]
    fired = 0
    for index, root in known.copies(range(len(points)), folder):
        call, number = points[index]
        code, _, interfered = traced(act, root, "-e", f"inject={call}:{fault}:when={number}")
        try:
            assert code in ((-signal.SIGKILL,) if "KILL" in fault else (0, 6)), f"exit code {code}"
            fired += interfered > 0
            assert_old_or_new(root, known)
            assert act.act(root, None).exit_code == 0
            assert_done(root, known)
        except Exception as error:
            error.add_note(f"{act.name}: {fault} at {call} number {number}")
            raise
    return fired


@pytest.mark.fault("A2")
def test_a_run_killed_at_one_of_a_few_system_calls(memory_path: Path, count: Count) -> None:
    """So that every push tries the lane; the slow one tries a quarter of them."""
    need_strace()
    known = undisturbed(REPLACEMENT, memory_path)
    count("A2 kills at a system call", struck(REPLACEMENT, known, memory_path, ("rename", "write"), "signal=KILL", every=60))


@slow
@pytest.mark.fault("A2")
@pytest.mark.parametrize("act", [NEXT_DATE, REPLACEMENT], ids=lambda act: act.name)
def test_a_run_killed_at_a_system_call(act: Act, memory_path: Path, count: Count) -> None:
    need_strace()
    known = undisturbed(act, memory_path)
    count(f"A2 kills at a system call: {act.name}", struck(act, known, memory_path, CALLS, "signal=KILL", every=4))


@slow
@pytest.mark.fault("A2", "A5")
def test_a_system_call_that_finds_the_disk_full(memory_path: Path, count: Count) -> None:
    need_strace()
    known = undisturbed(REPLACEMENT, memory_path)
    count("A5 ENOSPC of a system call", struck(REPLACEMENT, known, memory_path, WRITING, "error=ENOSPC", every=3))


@slow
@pytest.mark.fault("A2", "A6")
def test_a_system_call_that_finds_the_disk_broken(memory_path: Path, count: Count) -> None:
    need_strace()
    known = undisturbed(REPLACEMENT, memory_path)
    count("A6 EIO of a system call", struck(REPLACEMENT, known, memory_path, ("fsync", "write"), "error=EIO", every=4))


@slow
@pytest.mark.fault("A5")
def test_a_real_disk_that_fills_up(memory_path: Path, count: Count) -> None:
    """Of every size from one on which nothing goes to one on which the night publishes; with room made, the next run does."""
    known, full = undisturbed(REPLACEMENT, memory_path), 0
    with small_disk(memory_path / "mounted", 64 << 20) as disk:
        subprocess.run(["cp", "-r", str(known.template), str(disk / "shop")], check=True)
        used = 64 * (1 << 20) - shutil.disk_usage(disk).free
    for spare in range(4096, 16 << 20, 20 * 1024):
        with small_disk(memory_path / "mounted", used + spare) as disk:
            root = disk / "shop"
            subprocess.run(["cp", "-r", str(known.template), str(root)], check=True)
            ending = REPLACEMENT.act(root, None)
            assert_old_or_new(root, known)
            if ending.exit_code == 0:
                assert_done(root, known)
                break
            assert ending.exit_code == 6, ending
            assert "No space left on device" in ending.reason
            full += 1
            remount(disk, "size=64m")
            assert REPLACEMENT.act(root, None).exit_code == 0
            assert_done(root, known)
    else:
        raise AssertionError("no disk was large enough")
    count("A5 real disks that were full", full)


@slow
@pytest.mark.fault("A10")
def test_a_disk_mounted_for_reading_only(memory_path: Path) -> None:
    known = undisturbed(NEXT_DATE, memory_path)
    with small_disk(memory_path / "mounted", 64 << 20) as disk:
        root = disk / "shop"
        subprocess.run(["cp", "-r", str(known.template), str(root)], check=True)
        remount(disk, "ro")
        ending = NEXT_DATE.act(root, None)
        assert ending.exit_code == 6
        assert "Read-only file system" in ending.reason
        remount(disk, "rw")
        assert NEXT_DATE.act(root, None).ending == "published"
        assert_done(root, known)
