"""Whatever file or folder of a workspace is damaged, `nightly doctor` tells, writes nothing and does not fall over."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.diagnosis import machine, programs
from tasks.storage import file_hash, remove
from tasks.workspace import Workspace
from tests.doctor.typed import Doctor, carried_out
from tests.faults import tiny_night
from tests.faults.noons import TODAY, noon

ROOT = Path(__file__).parents[2]

DAMAGE: dict[str, Callable[[Path], object]] = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b'\xff\x00{"run_id": [1'),
    "other": lambda path: path.write_bytes(b'{"run_id": 1, "tables": [], "run_date": {}}'),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}

HARMLESS = {
    "gone": ("reference.json", ".lock", "runs.jsonl"),
    "empty": ("nightly.toml", ".lock"),
    "garbage": (".lock",),
    "other": (".lock",),
}
"""What may be so without anything having to be done: nothing is pinned, nothing is set."""

UNNEEDED = (".history/", ".lock", "reports/", "runs.jsonl")
"""What no night needs: a lock that nobody holds, and what is for people who look back."""


def one_of_each(root: Path) -> list[str]:
    """Return the files of a workspace, of those that differ only in a date, a hash or a table the last one."""
    kinds = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = path.relative_to(root).as_posix()
        kind = re.sub(r"\d{4}-\d\d-\d\d|[0-9a-f]{16,64}", "*", name)
        kinds[re.sub(r"^(tables|latest)/[^/]+", r"\1/*", kind)] = name
    return list(kinds.values())


def everything(root: Path) -> dict[str, Any]:
    """Return what a workspace consists of, with times; the root's own changes with the scratch folder in which the disk is tried."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mtime_ns, file_hash(path) if path.is_file() else "")
        for path in sorted(root.rglob("*"))
    }


def test_whatever_file_is_damaged_the_doctor_tells_writes_nothing_and_does_not_fall_over(
    shop: Workspace, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of file of the workspace is lost, emptied, filled with garbage, made to say something else, or turned into a folder."""
    monkeypatch.setattr(programs, "installed", functools.cache(programs.installed))
    monkeypatch.setattr(machine, "disk_fault", lambda _: None)  # its trial of the disk is tested elsewhere, and waits for the disk
    whole, tried = shop.root.with_name("whole"), 0
    shutil.copytree(shop.root, whole)
    for name in one_of_each(whole):
        for damage, harm in DAMAGE.items():
            harm(shop.root / name)
            before = everything(shop.root)
            found = doctor(shop, hashes=True)
            assert everything(shop.root) == before, (name, damage)
            assert len(found["findings"]) > 15, (name, damage)
            if not name.startswith(UNNEEDED) and name not in HARMLESS.get(damage, ()):
                assert found["to_do"], (name, damage)
            remove(shop.root / name)
            shutil.copy2(whole / name, shop.root / name)
            tried += 1
    assert doctor(shop, hashes=True)["to_do"] == []
    assert tried > 60


@pytest.mark.parametrize("folder", ["inbox", "raw", "tables", "latest", "manifests", "models", ".history", "reports"])
@pytest.mark.parametrize("damage", ["gone", "a file"])
def test_whatever_folder_is_damaged_the_doctor_tells(shop: Workspace, doctor: Doctor, folder: str, damage: str) -> None:
    shutil.rmtree(shop.root / folder)
    if damage == "a file":
        (shop.root / folder).write_bytes(b"no folder")
    found = doctor(shop)
    assert len(found["findings"]) > 15
    if damage == "a file" or folder not in (".history", "reports"):
        assert found["to_do"]


def test_a_folder_that_never_was_a_workspace_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "doctor", "-w", str(tmp_path)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, "nightly init" in done.stderr) == (2, True)


@pytest.mark.parametrize("content", ['{"run_date": "2026-01-09"}', '{"run_date": {}, "started_at": 1}'])
def test_a_note_of_a_killed_attempt_that_says_little_keeps_no_night_from_running(
    shop: Workspace, doctor: Doctor, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does a line of the record that tells of no attempt: the command that the doctor names publishes."""
    shop.open_attempt.write_text(content)
    with shop.runs.open("a") as file:
        file.write('{"ending": "failed"}\n')
    (todo,) = doctor(shop)["to_do"]
    carried_out(todo["next_step"], noon(TODAY), monkeypatch)
    assert doctor(shop)["to_do"] == []
    assert shop.published()[-1]["run_date"] == str(tiny_night.day(TODAY))
