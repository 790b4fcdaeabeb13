"""What is done in processes of their own, some of which do not come back; apart from the tests, so that a child loads no pytest."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from datetime import date, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

from flows.attempt import Ending, Options, attempted
from flows.console import finish, guarded
from flows.settings import load_settings
from tasks.disk import Disk
from tasks.lock import locked
from tasks.refusals import LockHeldError
from tasks.workspace import Workspace
from tests.faults import tiny_night
from tests.faults.acts import NEXT_DATE
from tests.faults.disks import CountingDisk, InterruptedDisk, Primitive

SINCE = datetime.fromisoformat("2026-01-06T03:00:00")
NOBODY = 65534


def commanded(act: Callable[[Path, Disk | None], Ending], root: Path, disk: Disk | None, said: Path) -> int:
    """Do an act as the command line does: its result and its complaints go to a file."""
    with said.open("w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    return guarded(lambda **_: finish(act(root, disk), as_json=False))


def command(act: Callable[[Path, Disk | None], Ending], root: Path, disk: Disk | None, said: Path) -> None:
    # Whoever runs the tests in a shell's background ignores Ctrl-C, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    raise SystemExit(commanded(act, root, disk, said))


class _Hungry(CountingDisk):
    """A disk that asks for more memory than the process may have."""

    def carry_out(self, primitive: Primitive, action: Callable[[], object], part: Callable[[], object] | None = None) -> object:
        if primitive.path.name == ".recommendations.parquet.partial" and primitive.name == "create":
            bytearray(1 << 40)
        return super().carry_out(primitive, action, part)


def starve(root: Path) -> None:
    tiny_night.warm()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + (16 << 30), resource.RLIM_INFINITY))
    ending = NEXT_DATE.act(root, _Hungry())
    assert ending.exit_code == 6, ending
    assert "memory of this machine" in ending.reason
    assert "[warehouse] memory" in ending.next_step


def killed_for_memory(root: Path) -> None:
    """Die as the kernel lets a process die that it has no memory for."""
    NEXT_DATE.act(root, InterruptedDisk(150, signal.SIGKILL))


def somewhere_else(root: Path, _disk: Disk | None) -> Ending:
    return attempted(tiny_night.tiny, root, date(2026, 1, 5), load_settings(root), Options())


def as_nobody(root: Path, said: Path) -> None:
    """Give up the rights of the super-user, to whom no folder is closed; everything is loaded before."""
    rehearsal = root.with_name("rehearsal")
    tiny_night.new_workspace(rehearsal)
    tiny_night.deliver(rehearsal, 0)
    assert tiny_night.run(rehearsal, 0).ending == "published"
    tiny_night._settings(root)
    said.touch()
    said.chmod(0o666)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    command(NEXT_DATE.act, root, None, said)


def race(rounds: int, root: Path, gate: Barrier, result: Path) -> None:
    """Reach for the lock at the same moment as the other one, and let go only when both have tried."""
    told = []
    for number in range(rounds):
        gate.wait(60)
        try:
            with locked(Workspace(root), f"round {number}", SINCE):
                told.append("won")
                gate.wait(60)
        except LockHeldError as held:
            told.append(held.found)
            gate.wait(60)
        gate.wait(60)
    result.write_text("\n".join([str(os.getpid()), *told]))


def hold(root: Path, gate: Barrier) -> None:
    with locked(Workspace(root), "a long night", SINCE):
        gate.wait(60)
        gate.wait(60)


def must_publish(root: Path) -> None:
    assert tiny_night.run(root, 0, wait=True).ending == "published"


def die_holding(root: Path) -> None:
    with locked(Workspace(root), "a doomed night", SINCE):
        os.kill(os.getpid(), signal.SIGKILL)


def wait_then_act(act: Callable[[Path, Disk | None], Ending], root: Path, gate: Barrier) -> None:
    """Say that all is ready, and do the act once the gate opens again; the exit code is the ending's."""
    tiny_night.warm()
    gate.wait(60)
    gate.wait(60)
    raise SystemExit(act(root, None).exit_code)
