"""Self-test: the promises rest on a disk that locks, links, renames and syncs as POSIX says; network disks do not always."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.refusals import StorageError
from tasks.storage import link_file, move, remove, write_bytes
from tasks.workspace import Workspace


def require_fit(workspace: Workspace, *, trusted: bool) -> None:
    """Raise StorageError where the workspace lies on a disk that does not keep its word, unless it is trusted all the same."""
    if trusted:
        return
    fault = disk_fault(workspace)
    if fault:
        next_step = "move the workspace to a local disk; to run all the same, without any promise: [keeping] trust_disk = true"
        raise StorageError(str(workspace.root), "a disk that locks, links and renames", fault, next_step)


def disk_fault(workspace: Workspace) -> str | None:
    """Try what the promises need in a scratch folder; returns what failed, None where all is well.

    Raises OSError where the disk cannot be written to at all.
    """
    # A folder of its own, for `nightly doctor` may try the disk while a run does, and not under .staging/, which that run sweeps.
    ours = f".self_test-{socket.gethostname()}-"
    scratch = workspace.root / f"{ours}{os.getpid()}"
    for left in workspace.root.glob(f"{ours}*"):
        if left == scratch or not _is_alive(left.name.removeprefix(ours)):
            with suppress(FileNotFoundError):  # another trial has just removed it
                remove(left)
    try:
        return _lock_fault(scratch) or _link_fault(scratch, workspace)
    finally:
        remove(scratch)


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, OverflowError):  # somebody else's process
        pass
    return True


def _lock_fault(scratch: Path) -> str | None:
    write_bytes(scratch / "lock", b"")
    # Two openings of one file, as two processes would: the second must not get the lock.
    first, second = FileLock(scratch / "lock", is_singleton=False), FileLock(scratch / "lock", is_singleton=False)
    try:
        with first:
            try:
                with second.acquire(timeout=0):
                    return "two holders of one lock"
            except Timeout:
                return None
    except NotImplementedError as error:
        return str(error) or "no locks"


def _link_fault(scratch: Path, workspace: Workspace) -> str | None:
    write_bytes(scratch / "from" / "file", b"new")
    write_bytes(scratch / "to" / "file", b"old")
    link_file(scratch / "from" / "file", scratch / "to" / "file")
    if (scratch / "to" / "file").read_bytes() != b"new" or not (scratch / "from" / "file").is_file():
        return "a link and a rename that did not replace the file"
    move(scratch / "from", scratch / "moved")
    if (scratch / "from").exists() or not (scratch / "moved" / "file").is_file():
        return "a folder that could not be renamed"
    here = scratch.stat().st_dev
    parts = (workspace.staging, workspace.tables, workspace.manifests, workspace.models, workspace.raw, workspace.history, workspace.latest)
    elsewhere = [folder.name for folder in parts if folder.is_dir() and folder.stat().st_dev != here]
    return f"{', '.join(elsewhere)} on another disk than the workspace itself" if elsewhere else None
