"""The few things the night asks of a disk; all else that is written to a workspace is made of these.

Tests put a twin in its place that fails, or dies, at the n-th of them (tests/faults/disks.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


class Disk:
    """A file system that keeps its word: what was synced stays, and a rename shows the old entry or the new one."""

    def make_folder(self, path: Path) -> None:
        """Make one folder; its parent exists."""
        path.mkdir()

    def create(self, path: Path) -> BinaryIO:
        """Open a file for writing from its beginning, replacing what it held."""
        return path.open("wb")

    def extend(self, path: Path) -> BinaryIO:
        """Open a file for writing behind its end."""
        return path.open("ab")

    def sync(self, path: Path) -> None:
        """Wait until a file's bytes, or a folder's entries, are on the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name."""
        target.hardlink_to(source)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file or folder; a file that bears the target's name is gone in the same instant."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Take a name from a file."""
        path.unlink()

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()
