"""Twins of `tasks.disk.Disk` that count, fail or die at the n-th primitive. A write to an open file is a primitive too."""

from __future__ import annotations

import errno
import io
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from tasks.disk import Disk


@dataclass(frozen=True)
class Primitive:
    """One thing asked of the disk; `content` is what was written, `target` the new name of a link or rename."""

    name: str
    path: Path
    target: Path | None = None
    content: bytes = b""

    def __str__(self) -> str:
        return f"{self.name} {self.path}" + (f" -> {self.target}" if self.target else "")


class CountingDisk(Disk):
    """A disk that remembers what was asked of it, in order, and does it."""

    def __init__(self) -> None:
        self.log: list[Primitive] = []

    def carry_out(self, primitive: Primitive, action: Callable[[], Any], part: Callable[[], Any] | None = None) -> Any:  # noqa: ARG002
        """Do what was asked; `part` does half of it, where there are halves. Twins override this."""
        self.log.append(primitive)
        return action()

    def counted(self) -> Counter[str]:
        """Say how often each primitive was asked for."""
        return Counter(primitive.name for primitive in self.log)

    def make_folder(self, path: Path) -> None:
        self.carry_out(Primitive("make_folder", path), lambda: Disk.make_folder(self, path))

    def create(self, path: Path) -> BinaryIO:
        return self._opened("create", path, "wb")

    def extend(self, path: Path) -> BinaryIO:
        return self._opened("extend", path, "ab")

    def sync(self, path: Path) -> None:
        self.carry_out(Primitive("sync", path), lambda: Disk.sync(self, path))

    def link(self, source: Path, target: Path) -> None:
        self.carry_out(Primitive("link", source, target), lambda: Disk.link(self, source, target))

    def replace(self, source: Path, target: Path) -> None:
        self.carry_out(Primitive("replace", source, target), lambda: Disk.replace(self, source, target))

    def unlink(self, path: Path) -> None:
        self.carry_out(Primitive("unlink", path), lambda: Disk.unlink(self, path))

    def remove_folder(self, path: Path) -> None:
        self.carry_out(Primitive("remove_folder", path), lambda: Disk.remove_folder(self, path))

    def _opened(self, name: str, path: Path, mode: str) -> BinaryIO:
        stream = self.carry_out(Primitive(name, path), lambda: _Stream(path, mode, self))
        return cast(BinaryIO, io.BufferedWriter(stream))


class _Stream(io.FileIO):
    """An open file whose every write is a primitive of its disk."""

    def __init__(self, path: Path, mode: str, disk: CountingDisk) -> None:
        super().__init__(path, mode)
        self._path, self._disk = path, disk

    def write(self, content: Any) -> int:
        view = bytes(content)
        whole, half = super().write, view[: len(view) // 2]
        return int(self._disk.carry_out(Primitive("write", self._path, content=view), lambda: whole(view), lambda: whole(half)))


class FailingDisk(CountingDisk):
    """A disk whose n-th primitive raises OSError, or every one from the n-th on.

    A write that meets a full disk writes half first, as the kernel does. A failed sync loses what was not on the disk yet, and the
    next sync of the same file claims success: that is what Linux does, so nobody may try again and believe it.
    """

    def __init__(self, at: int, error: int = errno.ENOSPC, *, persistent: bool = False) -> None:
        super().__init__()
        self.at, self.error, self.persistent, self.fired = at, error, persistent, 0
        self._cut_short = False
        self._synced: set[tuple[int, int]] = set()
        self._born = time.time_ns()

    def carry_out(self, primitive: Primitive, action: Callable[[], Any], part: Callable[[], Any] | None = None) -> Any:
        self.log.append(primitive)
        number = len(self.log)
        due = number == self.at or (self.persistent and number > self.at)
        if self._cut_short and primitive.name == "write":
            self._cut_short = False
            self._fail(primitive)
        if due and part is not None and len(primitive.content) > 1 and self.error == errno.ENOSPC:
            self._cut_short = True
            return part()
        if due:
            if primitive.name == "sync":
                self._lose(primitive.path)
            self._fail(primitive)
        result = action()
        if primitive.name == "sync":
            self._synced.add(_state(primitive.path))
        return result

    def _fail(self, primitive: Primitive) -> None:
        self.fired += 1
        raise OSError(self.error, os.strerror(self.error), str(primitive.path))

    def _lose(self, path: Path) -> None:
        """Keep the length of a file and nothing of what it held, unless that was on the disk already."""
        if path.is_file() and path.stat().st_mtime_ns >= self._born and _state(path) not in self._synced:
            size = path.stat().st_size
            with path.open("r+b") as stream:
                stream.write(bytes(size))


class DyingDisk(CountingDisk):
    """A disk under whose n-th primitive the process is killed: before it, after it, or half way through where it has halves."""

    def __init__(self, at: int, moment: Literal["before", "half", "after"] = "before") -> None:
        super().__init__()
        self.at, self.moment = at, moment

    def carry_out(self, primitive: Primitive, action: Callable[[], Any], part: Callable[[], Any] | None = None) -> Any:
        self.log.append(primitive)
        if len(self.log) != self.at:
            return action()
        if self.moment == "after":
            action()
        elif self.moment == "half" and part is not None:
            part()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")


class InterruptedDisk(CountingDisk):
    """A disk at whose n-th primitive somebody sends the process a signal; what was asked for is done all the same."""

    def __init__(self, at: int, number: signal.Signals) -> None:
        super().__init__()
        self.at, self.number = at, number

    def carry_out(self, primitive: Primitive, action: Callable[[], Any], part: Callable[[], Any] | None = None) -> Any:  # noqa: ARG002
        self.log.append(primitive)
        if len(self.log) == self.at:
            os.kill(os.getpid(), self.number)
        return action()


def _state(path: Path) -> tuple[int, int]:
    """Tell one content of one file from another."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns
