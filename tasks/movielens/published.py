"""A MovieLens data set as it was published: a folder, or a zip that is read in place and never unpacked."""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from tasks.refusals import UsageError

RATINGS_FILES = ("u.data", "ratings.dat", "ratings.csv")
"""The file that makes a folder a MovieLens data set, by age of the layout."""

# What does not parse is a ValueError or, in CSV, a csv.Error; a column that Arrow misses a KeyError; an encrypted archive a
# RuntimeError; a torn one any of the other three.
UNREADABLE = (ValueError, csv.Error, KeyError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)

Opener = Callable[[], IO[bytes]]

NEXT_STEP = "point to the folder or zip as it comes from grouplens.org/datasets/movielens"


class LayoutError(UsageError, ValueError):
    """What was pointed at is no published MovieLens layout, or a file of it is damaged."""


@dataclass(frozen=True)
class Published:
    """The files of one data set by name, each with a way to open it."""

    path: Path
    files: dict[str, Opener]

    def __contains__(self, name: str) -> bool:
        return name in self.files

    def fault(self, name: str, expected: str, found: str) -> LayoutError:
        """Say what is wrong with one of the files."""
        return LayoutError(f"{self.path}: {name}", expected, found, NEXT_STEP)

    @contextmanager
    def reading(self, name: str, expected: str) -> Iterator[IO[bytes]]:
        """Open a file; whatever inside the block goes wrong with its content becomes a LayoutError."""
        if name not in self.files:
            raise self.fault(name, expected, f"no such file among {listed(self.files)}")
        try:
            with self.files[name]() as stream:
                yield stream
        except LayoutError:
            raise
        except UNREADABLE as error:
            raise self.fault(name, expected, str(error).partition("\n")[0]) from error


@contextmanager
def open_published(path: Path) -> Iterator[Published]:
    """Find the one data set in a folder or zip, at its top or one folder below."""
    if path.is_dir():
        found = [file for pattern in ("*", "*/*") for file in sorted(path.glob(pattern)) if file.is_file()]
        yield Published(path, _one_data_set(path, {file.relative_to(path).as_posix(): _on_disk(file) for file in found}))
        return
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise LayoutError(str(path), "a folder or zip with a MovieLens data set", str(error), NEXT_STEP) from error
    with archive:
        yield Published(path, _one_data_set(path, {name: partial(archive.open, name) for name in archive.namelist()}))


def listed(names: Iterable[str]) -> str:
    """Name a few files for a message."""
    few = sorted(names)[:12]
    return ", ".join(few) if few else "no files"


def _one_data_set(path: Path, files: dict[str, Opener]) -> dict[str, Opener]:
    """Keep the files that lie beside the ratings, by their bare names."""
    markers = [name for name in files if name.rpartition("/")[2] in RATINGS_FILES and name.count("/") <= 1]
    if len(markers) != 1:
        found = f"several: {listed(markers)}" if markers else listed(files)
        raise LayoutError(str(path), f"one file of ratings: {', '.join(RATINGS_FILES)}", found, NEXT_STEP)
    folder = markers[0].rpartition("/")[0]
    return {name.rpartition("/")[2]: opener for name, opener in files.items() if name.rpartition("/")[0] == folder}


def _on_disk(file: Path) -> Opener:
    return lambda: file.open("rb")
