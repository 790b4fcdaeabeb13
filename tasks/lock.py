"""The lock: one writer to a workspace, who is named to whoever comes second."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.refusals import LockHeldError, StorageError
from tasks.storage import remove, write_json
from tasks.storage_faults import FULL
from tasks.workspace import Workspace, read_json

log = logging.getLogger("nightly")


@contextmanager
def locked(workspace: Workspace, purpose: str, since: datetime, *, wait: bool | None = None) -> Iterator[None]:
    """Be the only writer for as long as the block lasts; the kernel frees the lock of a killed process.

    Raises LockHeldError at once when another process writes, naming it, unless `wait` is asked for; None says that the command has no
    such option. Raises StorageError where the folder cannot be locked.
    """
    holder = workspace.root / ".lock.json"
    lock = FileLock(workspace.root / ".lock")
    try:
        _acquire(lock, holder, wait=bool(wait))
        _sign(holder, purpose, since)
    except Timeout:
        next_step = "wait for it to end" + ("" if wait is None else ", or add --wait")
        raise LockHeldError(str(workspace.root), "no other run", _describe(holder), next_step) from None
    except (OSError, NotImplementedError) as error:
        lock.release()
        next_step = "check its owner, its permissions and the free space, then run again"
        raise StorageError(str(workspace.root), "a folder this user may write to and lock", str(error), next_step) from error
    try:
        yield
    finally:
        with suppress(OSError):  # a name left behind says at worst who held the lock last
            remove(holder)
        lock.release()


def _acquire(lock: FileLock, holder: Path, *, wait: bool) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise
        log.info("waiting for %s to end", _describe(holder))
        lock.acquire()


def _sign(holder: Path, purpose: str, since: datetime) -> None:
    """Write down who holds the lock. A full disk keeps nobody from it: what makes room, `nightly gc`, needs the lock as well."""
    who = {"pid": os.getpid(), "host": socket.gethostname(), "since": f"{since:%Y-%m-%dT%H:%M:%SZ}", "purpose": purpose}
    try:
        write_json(holder, who)
    except OSError as error:
        if error.errno not in FULL:
            raise
        with suppress(OSError):  # what is left there names somebody who was killed
            remove(holder)


def at_work(workspace: Workspace) -> str | None:
    """Describe who holds the lock, None where nobody does; asked of its note and the process list, without touching the lock.

    Of a holder on another machine nothing is known but the note: it is then taken to be at work.
    """
    holder = workspace.root / ".lock.json"
    who = read_json(holder)
    if who is None or {"pid", "host", "since", "purpose"} - who.keys():
        return None
    if who["host"] == socket.gethostname():
        try:
            os.kill(int(who["pid"]), 0)
        except ProcessLookupError:
            return None
        except (OSError, ValueError, OverflowError):  # somebody else's process
            pass
    return _describe(holder)


def is_ours(workspace: Workspace) -> bool:
    """Tell whether it is this process that holds the lock, by its note."""
    who = read_json(workspace.root / ".lock.json") or {}
    return (who.get("pid"), who.get("host")) == (os.getpid(), socket.gethostname())


def _describe(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
    except (OSError, json.JSONDecodeError):
        return "a run that has just started"
    return f"{who['purpose']} (pid {who['pid']} on {who['host']}, since {who['since']})"
