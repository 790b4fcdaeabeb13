"""The machine: whether its disk and its clock are fit for tonight; its memory and cores are looked at in `tasks.diagnosis.compute`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tasks.diagnosis.finding import Finding, Level, Scene
from tasks.retention import forgettable
from tasks.self_test import disk_fault
from tasks.storage_faults import needed_bytes

FEW_INODES = 1000
"""Free inodes below which a night cannot be sure to make its files; ten times as many are few."""

NETWORK = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "glusterfs", "fuse.glusterfs", "ceph", "afs", "lustre")
"""How file systems are called that lie on other machines; their locks are only as good as their servers."""

MOVE = "move the workspace to a local disk"


def disk(scene: Scene) -> Iterator[Finding]:
    """Try the disk in a scratch folder, and ask what kind of file system it is."""
    try:
        fault = disk_fault(scene.workspace)
    except OSError as error:
        yield Finding("disk", "bad", f"cannot be written to: {error}", "check its owner, its permissions and the free space")
        return
    kind = file_system(scene.workspace.root)
    if fault and scene.keeping.trust_disk:
        yield Finding("disk", "warn", f"does not keep its word ({fault}), and is trusted all the same", MOVE)
    elif fault:
        yield Finding("disk", "bad", f"does not keep its word: {fault}", MOVE)
    elif kind.startswith(NETWORK) and not scene.keeping.trust_disk:
        step = f"{MOVE}; where you know that its locks hold on every machine: trust_disk = true in [keeping]"
        yield Finding("disk", "warn", f"lies on a network file system ({kind}): the lock may not keep two machines apart", step)
    else:
        yield Finding("disk", "ok", "can be written to, and locks, links and renames as it should")


def file_system(path: Path, system: Path = Path("/")) -> str:
    """Return the kind of file system a folder lies on, as Linux calls it; nothing where nobody tells."""
    try:
        mounts = (system / "proc" / "self" / "mountinfo").read_text().splitlines()
    except OSError:
        return ""
    kinds = {}
    for line in mounts:
        before, _, behind = line.partition(" - ")
        kinds[Path(before.split()[4].replace("\\040", " "))] = behind.split()[0]
    return next((kinds[folder] for folder in (path, *path.parents) if folder in kinds), "")


def space(scene: Scene) -> Iterator[Finding]:
    """Compare what is free with what a night like the last one writes."""
    root = scene.workspace.root
    free, needed = shutil.disk_usage(root).free, needed_bytes(scene.workspace)
    level: Level = "bad" if free < needed else "warn" if free < 3 * needed else "ok"
    sentence = f"{free / 1e6:,.0f} MB free; a night like the last writes about {needed / 1e6:,.0f} MB"
    yield Finding("space", level, sentence, _room(scene) if level != "ok" else "")
    inodes = os.statvfs(root)
    if inodes.f_files and inodes.f_favail < 10 * FEW_INODES:
        level = "bad" if inodes.f_favail < FEW_INODES else "warn"
        step = f"{scene.command('gc')}; then remove files on that disk that nobody needs"
        yield Finding("space", level, f"the disk has room for {inodes.f_favail:,} more files only (inodes)", step)


def _room(scene: Scene) -> str:
    going = sum(item.bytes for item in forgettable(scene.workspace, scene.keeping, scene.now))
    if going:
        return f"{scene.command('gc')}; it frees about {going / 1e6:,.0f} MB"
    return "free space on that disk; gc has nothing to remove before tables_days in [keeping] is lower"


def clock(scene: Scene) -> Iterator[Finding]:
    """Compare the clock with the newest data and nights."""
    now = scene.now
    times = [str(night[name])[:19] for night in scene.published for name in ("published_at", "data_through") if night[name]]
    ahead = max((time for time in times if time > now.isoformat(timespec="seconds")), default="")
    if ahead:
        sentence = f"the clock says {now:%Y-%m-%d %H:%M} UTC, and there are data or nights of {ahead}"
        yield Finding("clock", "warn", sentence, "set the machine's clock right; dates are given by --run-date meanwhile")
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC, after all data and nights")
