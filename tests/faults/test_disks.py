"""The twins of the disk catch what they are made to catch: a bench that finds nothing must be one that would."""

from __future__ import annotations

import errno
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.disk import Disk
from tests.faults.children import exit_code
from tests.faults.disks import CountingDisk, DyingDisk, FailingDisk
from tests.faults.power import BEST, WORST, RecordingDisk, power_loss

OLD, NEW = b"the old content" * 20, b"and the new one" * 20


def careful(disk: Disk, path: Path) -> None:
    """Replace a file the way it is done."""
    staged = path.with_name("staged")
    with disk.create(staged) as stream:
        stream.write(NEW)
    disk.sync(staged)
    disk.replace(staged, path)
    disk.sync(path.parent)


def in_place(disk: Disk, path: Path) -> None:
    """Write over a file that others read."""
    with disk.create(path) as stream:
        stream.write(NEW)
    disk.sync(path)
    disk.sync(path.parent)


def without_sync(disk: Disk, path: Path) -> None:
    """Rename a file whose bytes may still be in memory alone."""
    staged = path.with_name("staged")
    with disk.create(staged) as stream:
        stream.write(NEW)
    disk.replace(staged, path)
    disk.sync(path.parent)


def without_folder_sync(disk: Disk, path: Path) -> None:
    """Leave the new name in memory."""
    staged = path.with_name("staged")
    with disk.create(staged) as stream:
        stream.write(NEW)
    disk.sync(staged)
    disk.replace(staged, path)


def trying_again(disk: Disk, path: Path) -> None:
    """Take the second sync's word for it."""
    staged = path.with_name("staged")
    with disk.create(staged) as stream:
        stream.write(NEW)
    try:
        disk.sync(staged)
    except OSError:
        disk.sync(staged)
    disk.replace(staged, path)
    disk.sync(path.parent)


Writer = Callable[[Disk, Path], None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def test_everything_asked_of_the_disk_is_counted_and_done(file: Path) -> None:
    disk = CountingDisk()
    careful(disk, file)
    disk.make_folder(file.parent / "sub")
    disk.link(file, file.parent / "sub" / "twin")
    with disk.extend(file) as stream:
        stream.write(b".")
    disk.unlink(file.parent / "sub" / "twin")
    disk.remove_folder(file.parent / "sub")
    assert [str(step.name) for step in disk.log] == (
        ["create", "write", "sync", "replace", "sync", "make_folder", "link", "extend", "write", "unlink", "remove_folder"]
    )
    assert file.read_bytes() == NEW + b"."
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("writer", [careful, in_place, without_sync, without_folder_sync])
def test_a_failing_disk_fails_at_every_primitive_in_turn(file: Path, writer: Writer) -> None:
    """And never beyond the last: that is how a sweep ends."""
    counting = CountingDisk()
    writer(counting, file)
    for at in range(1, len(counting.log) + 2):
        disk = FailingDisk(at, errno.EIO)
        file.write_bytes(OLD)
        if at > len(counting.log):
            writer(disk, file)
            assert disk.fired == 0
        else:
            with pytest.raises(OSError, match="Input/output"):
                writer(disk, file)
            assert disk.fired >= 1


def test_a_full_disk_takes_half_of_a_write(file: Path) -> None:
    """And once there is room again, as with a one-shot fault, whoever holds the stream may write the rest."""
    with pytest.raises(OSError, match="No space"), FailingDisk(2, errno.ENOSPC, persistent=True).create(file) as stream:
        stream.write(NEW)
    assert file.read_bytes() == NEW[: len(NEW) // 2]


def test_after_a_failed_sync_the_bytes_are_gone_whatever_the_next_sync_says(file: Path) -> None:
    trying_again(FailingDisk(3, errno.EIO), file)
    assert file.read_bytes() == bytes(len(NEW))


def test_a_failed_sync_of_what_is_on_the_disk_already_loses_nothing(file: Path) -> None:
    disk = FailingDisk(3, errno.EIO)
    disk.sync(file.parent)
    disk.sync(file)
    with pytest.raises(OSError, match="Input/output"):
        disk.sync(file)
    assert file.read_bytes() == OLD


@pytest.mark.parametrize(("moment", "left"), [("before", b""), ("half", NEW[: len(NEW) // 2]), ("after", NEW)])
def test_a_dying_disk_kills_its_process(file: Path, moment: str, left: bytes) -> None:
    """Before, half way through, or after the write."""
    assert exit_code(in_place, DyingDisk(2, moment), file) == -signal.SIGKILL  # type: ignore[arg-type]
    assert file.read_bytes() == left


def seen_after_power_cuts(writer: Writer, file: Path, scratch: Path) -> tuple[set[bytes | None], set[bytes | None]]:
    """Cut the power at every moment, many times; returns what a reader finds half way and what once the writer is done."""
    disk = RecordingDisk(file.parent)
    writer(disk, file)
    half_way, done = set[bytes | None](), set[bytes | None]()
    lots = [random.Random(seed).randrange for seed in range(20)]
    for moment in range(disk.began, len(disk.events) + 1):
        for number, chance in enumerate([WORST, BEST, *lots]):
            image = scratch / f"image-{moment}-{number}"
            power_loss(disk, moment, chance, image)
            left = image / file.name
            (done if moment == len(disk.events) else half_way).add(left.read_bytes() if left.exists() else None)
    return half_way, done


def test_a_careful_writer_survives_power_cuts(file: Path, tmp_path: Path) -> None:
    """Half way there is the old content or the new, at the end the new."""
    half_way, done = seen_after_power_cuts(careful, file, tmp_path)
    assert half_way == {OLD, NEW}
    assert done == {NEW}


@pytest.mark.parametrize("writer", [in_place, without_sync, without_folder_sync])
def test_a_careless_writer_is_caught_by_power_cuts(file: Path, tmp_path: Path, writer: Writer) -> None:
    half_way, done = seen_after_power_cuts(writer, file, tmp_path)
    assert not half_way <= {OLD, NEW} or done != {NEW}


def test_at_best_a_power_cut_takes_nothing(tmp_path: Path) -> None:
    """Also of what libraries wrote beside the disk, once it was asked to sync, link or rename it."""
    root = tmp_path / "root"
    (root / "there" / "before").mkdir(parents=True)
    (root / "there" / "before" / "file").write_bytes(OLD)
    disk = RecordingDisk(root)
    (root / "scratch").mkdir()
    (root / "scratch" / "by a library").write_bytes(NEW)
    disk.sync(root / "scratch" / "by a library")
    disk.sync(root / "scratch")
    disk.make_folder(root / "served")
    with disk.extend(root / "served" / "log") as stream:
        stream.write(b"a line")
    disk.unlink(root / "served" / "log")
    disk.link(root / "scratch" / "by a library", root / "served" / "file")
    disk.replace(root / "scratch", root / "there" / "moved")
    disk.unlink(root / "there" / "before" / "file")
    disk.remove_folder(root / "there" / "before")
    power_loss(disk, len(disk.events), BEST, tmp_path / "best")
    power_loss(disk, len(disk.events), WORST, tmp_path / "worst")
    assert _files(tmp_path / "best") == _files(root) == {"served/file": NEW, "there/moved/by a library": NEW}
    assert _files(tmp_path / "worst") == {"there/before/file": OLD}
    disk.sync(root / "there")
    power_loss(disk, len(disk.events), WORST, tmp_path / "settled")
    assert _files(tmp_path / "settled") == {"there/moved/by a library": NEW}


def _files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
