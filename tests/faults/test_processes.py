"""What the machine and its operators do to a process: no memory, a signal, a folder that is not its own."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path

import pytest

from tests.faults.acts import NEXT_DATE
from tests.faults.children import exit_code
from tests.faults.counts import Count
from tests.faults.disks import InterruptedDisk
from tests.faults.doomed import as_nobody, command, killed_for_memory, somewhere_else, starve
from tests.faults.sweep import assert_done, assert_old_or_new, undisturbed


@pytest.mark.fault("A9")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "told to stop"])
def test_a_run_that_is_stopped_stops(number: signal.Signals, code: int, memory_path: Path, count: Count) -> None:
    """With one line at most, whatever it was doing, and the next run makes good."""
    known, said = undisturbed(NEXT_DATE, memory_path), memory_path / "said"
    points = range(5 + 7 * (number == signal.SIGTERM), len(known.log) + 1, 60)
    for at, root in known.copies(points, memory_path):
        assert exit_code(command, NEXT_DATE.act, root, InterruptedDisk(at, number), said) == code, f"{at}: {known.log[at - 1]}"
        assert "Traceback" not in said.read_text()
        assert_old_or_new(root, known)
        entries = [json.loads(line) for line in (root / "runs.jsonl").read_text().splitlines()]
        assert NEXT_DATE.act(root, None).exit_code == 0
        assert_done(root, known)
        if at < len(known.log) // 2 and len(entries) > 2:
            assert (entries[-1]["ending"], entries[-1]["exit_code"]) == ("failed", code)
    count(f"A9 {number.name} during a file operation", len(points))


@pytest.mark.fault("A8")
def test_a_night_without_memory_says_so_and_leaves_the_tables(memory_path: Path) -> None:
    """Exit 6 and the settings to lower; with more memory the next run publishes."""
    known = undisturbed(NEXT_DATE, memory_path)
    for _, root in known.copies(range(1), memory_path):
        assert exit_code(starve, root) == 0
        assert_old_or_new(root, known)
        assert NEXT_DATE.act(root, None).ending == "published"
        assert_done(root, known)


@pytest.mark.fault("A8")
def test_a_night_that_the_kernelkilled_for_memory_is_told_of_at_the_next_start(memory_path: Path) -> None:
    known = undisturbed(NEXT_DATE, memory_path)
    for _, root in known.copies(range(1), memory_path):
        assert exit_code(killed_for_memory, root) == -signal.SIGKILL
        assert NEXT_DATE.act(root, None).ending == "published"
        entries = [json.loads(line) for line in (root / "runs.jsonl").read_text().splitlines()]
        assert [(entry["ending"], entry["reason"]) for entry in entries[-2:-1]] == [("failed", "killed, or the machine stopped")]


@pytest.mark.fault("A10")
def test_a_workspace_that_is_not_there_is_one_sentence(memory_path: Path) -> None:
    said = memory_path / "said"
    assert exit_code(command, somewhere_else, memory_path / "nowhere", None, said) == 2
    text = said.read_text()
    assert "Traceback" not in text
    assert "nightly init" in text
    assert not (memory_path / "nowhere").exists()


@pytest.mark.fault("A10")
@pytest.mark.parametrize("closed", [".", "tables", ".staging", "raw"])
def test_a_workspace_of_somebody_else_is_one_sentence(closed: str, memory_path: Path) -> None:
    """Exit 6 wherever in it nothing may be written; the tables stay."""
    known, said = undisturbed(NEXT_DATE, memory_path), memory_path / "said"
    for _, root in known.copies(range(1), memory_path):
        _open_to_everybody(memory_path)
        (root / closed).chmod(0o555)
        for path in (root / closed).rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        assert exit_code(as_nobody, root, said) == 6
        text = said.read_text()
        assert "Traceback" not in text
        assert "check" in text
        seen = assert_old_or_new(root, known)
        assert seen.run_id == known.before.run_id


def _open_to_everybody(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | (0o777 if stat.S_ISDIR(path.stat().st_mode) else 0o666))
