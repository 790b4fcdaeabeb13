"""What some benches need of the machine: a test that cannot have it is skipped for all to see, and fails in CI, which must have it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
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


def remount(folder: Path, options: str) -> None:
    """Change a mounted disk: its size, or whether it may be written to."""
    changed = _mount("-o", f"remount,{options}", str(folder))
    assert changed.returncode == 0, changed.stderr


def _mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
