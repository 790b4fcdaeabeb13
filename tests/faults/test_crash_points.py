"""A killed run leaves whole tables, and the next run makes of them what an undisturbed one would have."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Literal

import pytest

from tests.faults.acts import ACTS, NEXT_DATE, Act
from tests.faults.children import exit_code
from tests.faults.counts import Count
from tests.faults.disks import DyingDisk, Primitive
from tests.faults.sweep import Undisturbed, assert_done, assert_old_or_new, undisturbed

ids = [act.name for act in ACTS]


def telling(log: list[Primitive]) -> list[int]:
    """Return the numbers of the primitives before which the files differ from those before the last: a sync changes none."""
    return [number for number, step in enumerate(log, start=1) if number == 1 or log[number - 2].name != "sync"]


def killed(act: Act, known: Undisturbed, numbers: list[int], moment: Literal["before", "half", "after"], folder: Path) -> int:
    """Kill the act at each of these primitives; returns how many kills there were."""
    for number, root in known.copies(iter(numbers), folder):
        assert exit_code(act.act, root, DyingDisk(number, moment)) == -signal.SIGKILL, f"nobody died at {number}"
        try:
            assert_old_or_new(root, known)
            ending = act.act(root, None)
            assert (ending.ending, ending.exit_code) in {("published", 0), ("unchanged", 0)}, ending
            assert_done(root, known)
        except Exception as error:
            error.add_note(f"{act.name}: killed {moment} primitive {number}: {known.log[number - 1]}")
            raise
    return len(numbers)


@pytest.fixture(params=ACTS, ids=ids)
def act(request: pytest.FixtureRequest) -> Act:
    found: Act = request.param
    return found


@pytest.mark.fault("A1")
def test_a_run_killed_between_two_operations_on_files(act: Act, memory_path: Path, count: Count) -> None:
    """A few of them here; all in the slow lane."""
    known = undisturbed(act, memory_path)
    points = telling(known.log)
    numbers = [points[len(points) * (2 * part + 1) // 14] for part in range(7)]
    count(f"A1 kills before a file operation: {act.name}", killed(act, known, numbers, "before", memory_path))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault("A1")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_killed_between_any_two_operations_on_files(
    act: Act, moment: Literal["before", "after"], memory_path: Path, count: Count
) -> None:
    """And not once more often: beyond the last there is nothing to kill."""
    known = undisturbed(act, memory_path)
    changes = [number for number, step in enumerate(known.log, start=1) if step.name != "sync"]
    # After one is before the next, but for what libraries write in between.
    numbers = telling(known.log) if moment == "before" else changes[::4]
    count(f"A1 kills {moment} a file operation: {act.name}", killed(act, known, numbers, moment, memory_path))
    for _, root in known.copies(iter([len(known.log) + 1]), memory_path):
        assert exit_code(act.act, root, DyingDisk(len(known.log) + 1, moment)) == 0


@pytest.mark.slow
@pytest.mark.fault("A1")
def test_a_run_killed_half_way_through_any_write(act: Act, memory_path: Path, count: Count) -> None:
    known = undisturbed(act, memory_path)
    writes = [number for number, step in enumerate(known.log, start=1) if step.name == "write"]
    count(f"A1 kills half way through a write: {act.name}", killed(act, known, writes, "half", memory_path))


@pytest.mark.fault("A1")
def test_the_night_under_test_is_light(memory_path: Path) -> None:
    """Its children load no TensorFlow and no Great Expectations: what they prove they prove in milliseconds."""
    known = undisturbed(NEXT_DATE, memory_path)
    assert exit_code(_assert_light, known.template) == 0


def _assert_light(root: Path) -> None:
    from tests.faults import tiny_night

    assert tiny_night.run(root, 2).ending == "published"
    assert tiny_night.is_light()
