"""A disk that is full or broken ends a night with exit 6 and one sentence; the last good tables stay, the next run makes good."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.faults.acts import ACTS, REPLACEMENT, Act
from tests.faults.counts import Count
from tests.faults.disks import FailingDisk
from tests.faults.sweep import Undisturbed, assert_done, assert_old_or_new, undisturbed

ids = [act.name for act in ACTS]
FAULTS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}


def failed(act: Act, known: Undisturbed, numbers: list[int], error: int, folder: Path, *, persistent: bool) -> int:
    """Do the act with a disk that fails at each of these primitives; returns how often one failed."""
    fired = 0
    for number, root in known.copies(iter(numbers), folder):
        disk = FailingDisk(number, error, persistent=persistent)
        try:
            ending = act.act(root, disk)
            assert disk.fired, "the disk did not fail"
            assert (ending.ending, ending.exit_code) in {("failed", 6), ("published", 0), ("unchanged", 0)}, ending
            seen = assert_old_or_new(root, known)
            if ending.exit_code == 0:
                assert seen.run_id == known.after.run_id, "called published, and readers do not see it"
            ending = act.act(root, None)
            assert (ending.ending, ending.exit_code) in {("published", 0), ("unchanged", 0)}, ending
            assert_done(root, known)
        except Exception as fault:
            fault.add_note(f"{act.name}: {errno.errorcode[error]} at primitive {number}: {known.log[number - 1]}")
            raise
        fired += disk.fired
    return fired


@pytest.fixture(params=ACTS, ids=ids)
def act(request: pytest.FixtureRequest) -> Act:
    found: Act = request.param
    return found


@pytest.mark.fault("A5", "A6")
@pytest.mark.parametrize("name", FAULTS)
def test_a_disk_that_fails_once_or_for_good(act: Act, name: str, memory_path: Path, count: Count) -> None:
    """At a few of the things asked of it here, once and for good in turn; at every one in the slow lane."""
    known = undisturbed(act, memory_path)
    for shift, persistent in enumerate((False, True), start=2 * (name == "EIO")):
        numbers = [1 + len(known.log) * (4 * part + shift) // 12 for part in range(3)]
        failed(act, known, numbers, FAULTS[name], memory_path, persistent=persistent)
        count(f"A5 A6 {name}{' for good' if persistent else ''}: {act.name}", len(numbers))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault("A5", "A6")
@pytest.mark.parametrize("persistent", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_disk_that_fails_anywhere(act: Act, name: str, persistent: bool, memory_path: Path, count: Count) -> None:
    """And not once more often: beyond the last primitive there is nothing to fail."""
    known = undisturbed(act, memory_path)
    # Each primitive fails in one of three ways or more: the four variants begin at different ones.
    numbers = list(range(1 + (2 * persistent + (name == "EIO")) % 3, len(known.log) + 1, 3))
    failed(act, known, numbers, FAULTS[name], memory_path, persistent=persistent)
    count(f"A5 A6 {name}{' for good' if persistent else ''}: {act.name}", len(numbers))
    beyond = FailingDisk(len(known.log) + 1, FAULTS[name], persistent=persistent)
    for _, root in known.copies(iter([1]), memory_path):
        assert (act.act(root, beyond).exit_code, beyond.fired) == (0, 0)


@pytest.mark.fault("A5")
def test_a_full_disk_is_told_in_numbers_and_with_what_to_type(memory_path: Path) -> None:
    known = undisturbed(REPLACEMENT, memory_path)
    (write,) = [number for number, step in enumerate(known.log, start=1) if step.name == "write" and "recommendations" in step.path.name][
        :1
    ]
    ending = REPLACEMENT.act(known.template, FailingDisk(write, errno.ENOSPC, persistent=True))
    assert ending.exit_code == 6
    assert "MB of free space, as the last night needed; found No space left on device" in ending.reason
    assert "nightly gc" in ending.next_step
