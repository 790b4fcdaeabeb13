"""A workspace set apart: what a search or a simulation works in, so that nothing of the real one changes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from tasks.storage import remove
from tasks.workspace import SOURCES, Workspace

LAID_OUT = ("raw", "tables", "models", "manifests", ".history")
"""What is laid out anew each time; staging and the warehouse stay, for whoever goes on with an earlier work."""


def set_apart(workspace: Workspace, folder: Path, deliveries: Collection[str] | None = None, further: Iterable[Path] = ()) -> Workspace:
    """Lay out a workspace in a folder: what was accepted so far, or some deliveries by hash, and further files and folders in their places.

    They are second names of the same files where the disk can, copies elsewhere: no file is ever changed in place, and to remove one of
    its names leaves the other. Links to folders would not do, since the warehouse reads nothing that leads out of its own folder.
    """
    apart = Workspace(folder)
    for name in LAID_OUT:
        remove(folder / name)
    folder.mkdir(parents=True, exist_ok=True)
    if workspace.raw.is_dir():
        shutil.copytree(workspace.raw, apart.raw, copy_function=_linked, ignore=_others(workspace, deliveries))
    for path in further:
        target = folder / path.relative_to(workspace.root)
        if path.is_dir():
            shutil.copytree(path, target, copy_function=_linked)
        elif path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            _linked(str(path), str(target))
    if workspace.pointer_log.is_file():
        # A copy: lines are added to it in place.
        apart.history.mkdir()
        shutil.copyfile(workspace.pointer_log, apart.pointer_log)
    return apart


def _others(workspace: Workspace, deliveries: Collection[str] | None) -> Callable[[str, list[str]], list[str]]:
    """Return what tells `copytree` to leave out deliveries that are not among some."""
    sources = {str(workspace.raw / source) for source in SOURCES}

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if name.partition(".")[0] not in deliveries] if folder in sources and deliveries is not None else []

    return left_out


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
