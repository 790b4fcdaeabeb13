import io
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.steps import AFTER, BEFORE, BETWEEN, Step, _watched, merged

NIGHT = """
import sys, time
def say(line):
    print("12:00:00", line, file=sys.stderr, flush=True)
    time.sleep(0.3)  # a process that goes on at once could allocate before the watcher has read the line
say("large: started")
held = bytearray(200_000_000)
held[::4096] = b"x" * len(held[::4096])
with open(sys.argv[1], "wb") as file:
    file.write(bytes(5_000_000))
del held
say("ease: fitted in 0.1 s")
say("large: done in 1.0 s")
say("small: started")
say("small: done in 0.2 s")
if len(sys.argv) > 2:
    say("broken: started")
    sys.exit(1)
"""

needs_proc = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the memory of single steps is read from /proc")


@needs_proc
def test_memory_and_bytes_belong_to_the_step_that_took_them(tmp_path):
    """Two hundred megabytes that the first step gave back do not count for the second, nor do its five written megabytes."""
    log = io.BytesIO()
    steps = {step.name: step for step in _watched(_process(tmp_path / "written"), log)}
    assert list(steps) == [BEFORE, "large", "small", AFTER, BETWEEN]
    assert steps["large"].peak_bytes > 200_000_000 > steps["small"].peak_bytes > 0
    assert steps["large"].written_bytes >= 5_000_000 > 100_000 > steps["small"].written_bytes
    assert b"ease: fitted in 0.1 s" in log.getvalue()


@needs_proc
def test_a_step_that_does_not_end_is_told_by_its_name(tmp_path):
    assert [step.name for step in _watched(_process(tmp_path / "written", "break"), io.BytesIO())][-2:] == ["broken", BETWEEN]


def test_what_happens_under_one_name_is_added_up():
    """Seconds and bytes are sums, the peak is the highest; what is no step comes last."""
    parts = [Step(BETWEEN, 1.0, 10, 5), Step("score", 2.0, 30, 7), Step(BETWEEN, 0.5, 20, 1)]
    assert merged(parts) == (Step("score", 2.0, 30, 7), Step(BETWEEN, 1.5, 20, 6))


def _process(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", NIGHT, *map(str, arguments)], stderr=subprocess.PIPE)
