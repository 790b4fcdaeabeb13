"""Watch a night from outside, step by step: seconds by its log, memory and bytes by what Linux says of its process."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

from benchmarks import nights

BEFORE, BETWEEN, AFTER = "start-up", "between steps", "report and end"
"""What a night does outside its steps: until the first begins, from one to the next, after the last."""

GLANCE_SECONDS = 0.1
MARK = re.compile(rb"(\w+): (started|done in [\d.]+ s)$")


@dataclass(frozen=True)
class Step:
    """What one step took: seconds, the most memory the process held during it, and the bytes it wrote."""

    name: str
    seconds: float
    peak_bytes: int
    written_bytes: int


@dataclass(frozen=True)
class Watched:
    """A night that was watched: its steps in order, together the whole process."""

    night: nights.Night
    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps)

    @property
    def peak_bytes(self) -> int:
        return max(step.peak_bytes for step in self.steps)

    def record(self) -> dict[str, Any]:
        """Return what is kept of it."""
        ending = {name: self.night.ending.get(name) for name in ("ending", "reason")}
        return {**ending, "seconds": round(self.seconds, 2), "peak_bytes": self.peak_bytes, "steps": [asdict(step) for step in self.steps]}


def watch(workspace: Path, run_date: date, settings: Mapping[str, str]) -> Watched:
    """Run a night as a process of its own and watch it; the workspace takes its log. Raises RuntimeError where there is no /proc."""
    if not Path("/proc/self/clear_refs").exists():
        raise RuntimeError("the memory of single steps is read from /proc, which this system does not have")
    with tempfile.TemporaryFile() as told, (workspace / "night.log").open("wb", buffering=0) as log:
        command = nights.night_command(workspace, run_date)
        process = subprocess.Popen(command, cwd=nights.HERE, env=nights.environment(settings), stdout=told, stderr=subprocess.PIPE)
        steps = _watched(process, log)
        told.seek(0)
        ending = nights.ending_told(told.read().decode(), (workspace / "night.log").read_text())
    seconds, peak_bytes = sum(step.seconds for step in steps), max(step.peak_bytes for step in steps)
    return Watched(nights.Night(workspace, run_date, ending, seconds, peak_bytes), steps)


def _watched(process: subprocess.Popen[bytes], log: BinaryIO) -> tuple[Step, ...]:
    """Read the log of a night as it comes, a step ending where it says so, and glance at the process in between."""
    steps, name, line = list[Step](), BEFORE, b""
    began = glance = _Glance.at(process.pid)
    with process:
        told = cast(BinaryIO, process.stderr).fileno()
        while True:
            readable, _, _ = select.select([told], [], [], GLANCE_SECONDS)
            glance = glance.again(process.pid)
            if not readable:
                continue
            chunk = os.read(told, 65_536)
            if not chunk:
                return merged([*steps, glance.since(began, AFTER if name == BETWEEN else name)])
            log.write(chunk)
            *whole, line = (line + chunk).split(b"\n")
            for mark in filter(None, map(MARK.search, whole)):
                steps.append(glance.since(began, name))
                name = mark[1].decode() if mark[2] == b"started" else BETWEEN
                began = glance = glance.anew(process.pid)


def merged(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Add up what happened under one name; the order is that of the first of each, what is no step of its own last."""
    names = sorted(dict.fromkeys(step.name for step in steps), key=lambda name: name == BETWEEN)
    groups = {name: [step for step in steps if step.name == name] for name in names}
    return tuple(
        Step(
            name,
            round(sum(step.seconds for step in group), 3),
            max(step.peak_bytes for step in group),
            sum(step.written_bytes for step in group),
        )
        for name, group in groups.items()
    )


@dataclass(frozen=True)
class _Glance:
    """What Linux said of a process at a moment: its largest memory since that was last set back, and the bytes it has written so far."""

    moment: float
    peak_bytes: int
    written_bytes: int

    @classmethod
    def at(cls, pid: int) -> Self:
        moment = time.monotonic()
        status, io = (Path(f"/proc/{pid}/{name}").read_text() for name in ("status", "io"))
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        written = re.search(r"wchar: (\d+)", io)
        return cls(moment, int(peak[1]) * 1024 if peak else 0, int(written[1]) if written else 0)

    def again(self, pid: int) -> _Glance:
        """Look once more; of a process that has gone, what was last seen stays."""
        try:
            now = _Glance.at(pid)
        except OSError:
            return replace(self, moment=time.monotonic())
        # A process that has ended but was not waited for has no memory left to tell of.
        return now if now.peak_bytes else replace(self, moment=now.moment)

    def anew(self, pid: int) -> _Glance:
        """Set the largest memory back to what is held now, and look."""
        try:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        except OSError:
            return self
        return self.again(pid)

    def since(self, began: _Glance, name: str) -> Step:
        return Step(name, self.moment - began.moment, self.peak_bytes, self.written_bytes - began.written_bytes)


def main() -> None:
    """Print the steps of one night: `python -m benchmarks.steps WORKSPACE RUN_DATE`."""
    watched = watch(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), {})
    print(json.dumps(watched.record(), indent=1))


if __name__ == "__main__":
    main()
