"""Every write to the workspace's files goes through here: staged beside its place, synced, then renamed.

Fact behind it: a writer killed half way leaves a torn file under whatever name it was given, and readers' globs find it.
What libraries write under .staging/ is scratch: nobody reads it before `tasks.publish` has synced, hashed and linked it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tasks.disk import Disk

DISK = Disk()
"""What carries out each write."""

PARTIAL = ".partial"
"""Ending of a file that has not got its name yet; whoever finds one after a crash may remove it."""


def file_hash(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_hash(text: str) -> str:
    """Return the sha256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """Write a value as JSON that is the same for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def make_folders(path: Path) -> None:
    """Make a folder and those above it, each to stay; folders that exist are fine."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        DISK.make_folder(folder)
        DISK.sync(folder.parent)


@contextmanager
def replaced(path: Path, *, without_lock: bool = False) -> Iterator[BinaryIO]:
    """Write a file's new content in the block; readers see the old bytes until its end and the new ones from then on.

    An error in the block leaves the old file as it was. What is also written `without_lock` may have two writers at once: each stages its
    own file, and the last one's stays.
    """
    make_folders(path.parent)
    staged = path.with_name(f".{path.name}{f'.{os.getpid()}' if without_lock else ''}{PARTIAL}")
    with DISK.create(staged) as stream:
        yield stream
    _take_name(staged, path)


def write_bytes(path: Path, content: bytes, *, without_lock: bool = False) -> None:
    """Replace a file in one step: readers see the old bytes or the new ones, also after a power cut."""
    with replaced(path, without_lock=without_lock) as stream:
        stream.write(content)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file in one step."""
    write_bytes(path, (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n").encode())


def append_line(path: Path, line: str) -> None:
    """Append one line and sync it; an earlier line cut off by a crash is closed first, so that it cannot swallow this one."""
    make_folders(path.parent)
    is_new = not path.exists()
    torn = b"" if is_new or _ends_a_line(path) else b"\n"
    with DISK.extend(path) as stream:
        stream.write(torn + line.encode() + b"\n")
    DISK.sync(path)
    if is_new:
        DISK.sync(path.parent)


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as stream:
        if stream.seek(0, 2) == 0:
            return True
        stream.seek(-1, 2)
        return stream.read(1) == b"\n"


def link_file(source: Path, target: Path) -> None:
    """Put a file in its place in one step while it also stays where it was; nobody may write to either name afterwards."""
    make_folders(target.parent)
    staged = target.with_name(f".{target.name}{PARTIAL}")
    remove(staged)
    DISK.link(source, staged)
    _take_name(staged, target)
    # Two names of one file already: a rename does nothing then, and leaves the staged name.
    remove(staged)


def copy_file(source: Path, target: Path) -> None:
    """Replace a file by a copy of another one, in one step."""
    with source.open("rb") as original, replaced(target) as stream:
        shutil.copyfileobj(original, stream, 1 << 20)


def move(source: Path, target: Path) -> None:
    """Rename a file or folder within the workspace, replacing a file or an empty folder that stands there."""
    make_folders(target.parent)
    DISK.replace(source, target)
    DISK.sync(target.parent)
    if source.parent != target.parent:
        DISK.sync(source.parent)


def remove(path: Path) -> None:
    """Remove a file or a whole folder; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        for part in sorted(path.iterdir()):
            remove(part)
        DISK.remove_folder(path)
    elif path.exists() or path.is_symlink():
        DISK.unlink(path)


def sync_file(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    DISK.sync(path)


def sync_tree(path: Path) -> None:
    """Wait until everything in a folder is on the disk: the bytes of its files and the entries of its folders."""
    for part in sorted(path.iterdir()):
        if part.is_dir():
            sync_tree(part)
        else:
            DISK.sync(part)
    DISK.sync(path)


def _take_name(staged: Path, path: Path) -> None:
    DISK.sync(staged)
    DISK.replace(staged, path)
    DISK.sync(path.parent)
