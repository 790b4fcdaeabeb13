"""What some benches need of the machine: a test that cannot have it is skipped for all to see, and fails in CI, which must have it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def need(there: bool, what: str, how: str) -> None:
    """Go on where something is there; skip where it is not, and fail in CI, which has to provide it."""
    if there:
        return
    if os.environ.get("CI"):  # noqa: TID251 - tests may ask where they run
        pytest.fail(f"{what} is missing, and CI must have it: {how}")
    pytest.skip(f"{what} is missing: {how}")


def need_strace() -> None:
    """Ask for strace, and for the right to look into our own children."""
    need(shutil.which("strace") is not None, "strace", "apt-get install strace")
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    need(tried.returncode == 0, "the right to trace a process", "allow ptrace in the container")


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a disk in memory of so many bytes for a block."""
    folder.mkdir(exist_ok=True)
    need(os.geteuid() == 0, "the right to mount a disk", "run as root")
    mounted = _mount("-o", f"size={size}", "-t", "tmpfs", "tmpfs", str(folder))
    need(mounted.returncode == 0, "the right to mount a disk", mounted.stderr.strip() or "allow mount in the container")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


LIBFAKETIME = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")


def need_faketime() -> None:
    """Ask for libfaketime."""
    need(bool(_libfaketime()), "libfaketime", "apt-get install libfaketime")


def clock_of(offset: int, file: Path) -> tuple[dict[str, str], Callable[[int], None]]:
    """Return the environment of a process whose wall clock is so many seconds off, and what sets it to another offset.

    Only the wall clock: a monotonic one neither jumps nor is ever off.
    """

    def set_to(seconds: int) -> None:
        replacement = file.with_suffix(".new")
        replacement.write_text(f"{seconds:+d}s\n")
        replacement.rename(file)

    set_to(offset)
    fake = {"LD_PRELOAD": str(_libfaketime()[0]), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1"}
    return fake | {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}, set_to


def _libfaketime() -> list[Path]:
    return [path for pattern in LIBFAKETIME for path in Path("/").glob(pattern.removeprefix("/"))]


def remount(folder: Path, options: str) -> None:
    """Change a mounted disk: its size, or whether it may be written to."""
    changed = _mount("-o", f"remount,{options}", str(folder))
    assert changed.returncode == 0, changed.stderr


def _mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
