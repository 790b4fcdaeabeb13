"""What a disk or the memory of the machine refuses, in the words of an operator."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.inspection import command
from tasks.refusals import StorageError
from tasks.workspace import Workspace

REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EXDEV, errno.EFBIG)
"""What a disk answers that will answer the same until somebody looks after it; all else is a fault of ours."""

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def named_faults(workspace: Workspace) -> Iterator[None]:
    """Turn what the disk or the memory refuses in the block into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        raise _named(workspace, error) from error
    except MemoryError as error:
        next_step = "run on a machine with more memory, or lower [judging] users_at_once and [warehouse] memory"
        next_step += f"; {command(workspace.root, 'plan')} says which step needs how much; then run again"
        raise StorageError("memory of this machine", "enough for tonight's data", str(error) or "none left", next_step) from error


def needed_bytes(workspace: Workspace) -> int:
    """Estimate what a night writes to the disk: the tables of the last one twice (staged and in latest/), and its models twice."""
    current = workspace.current()
    if current is None:
        return 0
    models = workspace.models / current["model_version"]
    sizes = [table["bytes"] for table in current["tables"].values()] + [path.stat().st_size for path in models.rglob("*") if path.is_file()]
    return 2 * sum(sizes)


def _named(workspace: Workspace, error: OSError) -> StorageError:
    where, found = str(error.filename or workspace.root), error.strerror or str(error)
    if error.errno not in FULL:
        return StorageError(where, "a disk to write to", found, "check the disk, its mount and the owner of the folder, then run again")
    free, needed = shutil.disk_usage(workspace.root).free, needed_bytes(workspace)
    expected = f"about {needed / 1e6:,.0f} MB of free space, as the last night needed" if needed else "free space"
    next_step = f"{command(workspace.root, 'gc')}, or free space in another way; then run again"
    return StorageError(where, expected, f"{found}: {free / 1e6:,.0f} MB free", next_step)
