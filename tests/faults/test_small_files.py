"""A full disk is emptied by the command we name, and a small file that is damaged costs a sentence, never what it vouched for."""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flows import console
from flows.clock import now
from flows.doctor import show_diagnosis
from flows.gc import collect
from flows.keeping import load_keeping
from flows.settings import load_settings
from flows.status import show_status
from flows.verify import verify
from tasks import reference, storage
from tasks.lock import locked
from tasks.publication import NOTE
from tasks.reference import judge_reference
from tasks.refusals import LockHeldError, StorageError, UsageError
from tasks.self_test import disk_fault
from tasks.storage_faults import named_faults
from tasks.workspace import Workspace
from tests.faults import tiny_night
from tests.faults.disks import CountingDisk, Primitive
from tests.faults.tiny_night import day

NIGHTS = 5
FAR = 40 + NIGHTS
NO_OBJECT = (b"", b"{", b"[]", b"{}", b"\xff\x00")
"""What a damaged small file may hold: nothing, half of it, another shape, no field, no text."""


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish five nights of the tiny world; nobody may change them."""
    root = tmp_path_factory.mktemp("small") / "shop"
    tiny_night.new_workspace(root)
    tiny_night.nights(root, *range(NIGHTS))
    return root


@pytest.fixture
def shop(published_once: Path, memory_path: Path) -> Workspace:
    """Return a copy of the five nights, free to change; two of them are old enough for `gc`."""
    shutil.copytree(published_once, memory_path / "shop")
    return Workspace(memory_path / "shop")


@pytest.fixture(autouse=True)
def _no_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def dates(shop: Workspace) -> list[str]:
    return [night["run_date"] for night in shop.published()]


def later() -> datetime:
    """Return a moment after all that this process has published by the machine's own clock."""
    return now() + timedelta(seconds=5)


def told(capsys: pytest.CaptureFixture[str], command: Callable[..., int], *arguments: Any) -> tuple[int, dict[str, Any]]:
    """Call a command with --json; returns its exit code and its object."""
    capsys.readouterr()
    code = command(*arguments, as_json=True)
    return code, json.loads(capsys.readouterr().out)


# --- a full disk ------------------------------------------------------------------------------------------------------


class FullDisk(CountingDisk):
    """A disk that has no room for anything new until so many bytes of it were removed; names can be given and taken all the same.

    With `after` it is full only once a file of that name has been written.
    """

    def __init__(self, lacking: int, after: str = "") -> None:
        super().__init__()
        self.lacking, self.after = lacking, after

    def carry_out(self, primitive: Primitive, action: Callable[[], Any], part: Callable[[], Any] | None = None) -> Any:
        if self.lacking > 0 and not self.after and primitive.name in ("make_folder", "create", "extend", "write"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(primitive.path))
        stat = primitive.path.stat() if primitive.name == "unlink" else None
        done = super().carry_out(primitive, action, part)
        if stat is not None and stat.st_nlink == 1:
            self.lacking -= stat.st_size
        if primitive.name == "replace" and primitive.target is not None and primitive.target.name == self.after:
            self.after = ""
        return done


@pytest.mark.fault("A5")
def test_on_a_full_disk_a_run_says_what_makes_room_and_that_does(shop: Workspace) -> None:
    """Neither is kept from the lock by its note; of old dates the report goes first, and makes the room for their record."""
    disk = FullDisk(3000)
    tiny_night.deliver(shop.root, NIGHTS)
    refused = tiny_night.run(shop.root, NIGHTS, disk)
    assert refused.exit_code == 6
    assert "MB of free space" in refused.reason
    assert f"nightly gc --workspace {shop.root}" in refused.next_step
    kept = dates(shop)
    assert tiny_night.collected(shop.root, NIGHTS, disk).exit_code == 0
    assert dates(shop) == kept[2:]
    assert tiny_night.run(shop.root, NIGHTS, disk).ending == "published"


@pytest.mark.fault("A5")
def test_gc_makes_room_for_a_publication_that_a_full_disk_cut_off(shop: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """What it lets go of first is none of that publication's, and it tells of it."""
    tiny_night.deliver(shop.root, NIGHTS)
    disk = FullDisk(3000, after=NOTE.name)
    assert tiny_night.run(shop.root, NIGHTS, disk).exit_code == 6
    assert list(shop.staging.glob(f"*/{NOTE}"))
    capsys.readouterr()
    assert tiny_night.collected(shop.root, NIGHTS, disk).exit_code == 0
    gone = {item["what"] for item in json.loads(capsys.readouterr().out)["removed"]}
    assert {f"the tables of {day(number)}" for number in range(2)} <= gone
    assert dates(shop)[-1] == str(day(NIGHTS))
    assert verify(shop.root, as_json=True) == 0


@pytest.mark.fault("A5")
def test_a_publication_of_an_old_date_keeps_what_it_needs_of_a_full_disk(shop: Workspace) -> None:
    """The date it replaces is old enough to go, and must not before it is whole: it is named by a manifest all the while."""
    tiny_night.deliver(shop.root, 0, variant=1)
    disk = FullDisk(3000, after=NOTE.name)
    assert tiny_night.run(shop.root, 0, disk, replace=True).exit_code == 6
    removed = [step.path for step in disk.log if step.name == "unlink"]
    assert tiny_night.collected(shop.root, NIGHTS, disk).exit_code == 0
    recovered = next(number for number, step in enumerate(disk.log) if step.target == shop.table("recommendations", day(0)))
    early = [step.path for step in disk.log[:recovered] if step.name == "unlink" and step.path not in removed]
    assert any(f"run_date={day(1)}" in str(path) for path in early)
    assert not any(path.is_relative_to(shop.tables) and f"run_date={day(0)}" in str(path) for path in early)
    assert verify(shop.root, as_json=True) == 0


@pytest.mark.fault("A5", "D1")
def test_whoever_could_not_sign_the_lock_holds_it_all_the_same(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the note of whoever was killed before does not pass for theirs."""
    (shop.root / ".lock.json").write_text('{"pid": 1, "host": "h", "since": "s", "purpose": "a killed night"}')
    with monkeypatch.context() as full:
        full.setattr(storage, "DISK", FullDisk(10**9))
        with locked(shop, "a night", now()), pytest.raises(LockHeldError, match="a run that has just started"), locked(shop, "gc", now()):
            pass
    with locked(shop, "gc", now()):
        pass


# --- the lock and the trial of the disk -------------------------------------------------------------------------------


@pytest.mark.fault("D1")
@pytest.mark.parametrize(("wait", "hint"), [(None, "wait for it to end"), (False, "wait for it to end, or add --wait")])
def test_waiting_is_offered_by_the_commands_that_can(shop: Workspace, wait: bool | None, hint: str) -> None:
    with locked(shop, "a night", now()), pytest.raises(LockHeldError) as refused, locked(shop, "another", now(), wait=wait):
        pass
    assert refused.value.next_step == hint


class _SweptDisk(CountingDisk):
    """A disk on which somebody sweeps what is staged before each operation, as a night that starts and `gc` do."""

    def __init__(self, staging: Path) -> None:
        super().__init__()
        self.staging = staging

    def carry_out(self, primitive: Primitive, action: Callable[[], Any], part: Callable[[], Any] | None = None) -> Any:
        for left in self.staging.glob("*"):
            shutil.rmtree(left)
        return super().carry_out(primitive, action, part)


@pytest.mark.fault("D14")
def test_a_disk_can_be_tried_while_a_night_starts(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.staging.mkdir(exist_ok=True)
    before = set(shop.root.iterdir())
    monkeypatch.setattr(storage, "DISK", _SweptDisk(shop.staging))
    assert disk_fault(shop) is None
    assert set(shop.root.iterdir()) == before


@pytest.mark.fault("D14")
def test_the_trial_of_a_killed_process_goes_and_one_under_way_stays(shop: Workspace) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    here = socket.gethostname()
    killed, under_way, elsewhere = (shop.root / f".self_test-{who}" for who in (f"{here}-{dead.pid}", f"{here}-1", f"other-{dead.pid}"))
    for left in (killed, under_way, elsewhere):
        storage.write_bytes(left / "from" / "file", b"new")
    assert disk_fault(shop) is None
    assert not killed.exists()
    assert under_way.exists()
    assert elsewhere.exists()


# --- reference.json ---------------------------------------------------------------------------------------------------


@pytest.mark.fault("A13")
@pytest.mark.parametrize("content", NO_OBJECT)
def test_models_stay_while_nobody_can_read_which_are_pinned(shop: Workspace, content: bytes) -> None:
    tiny_night.deliver(shop.root, FAR)
    assert tiny_night.run(shop.root, FAR).ending == "published"
    models, pinned = set(shop.models.iterdir()), shop.reference.read_bytes()
    shop.reference.write_bytes(content)
    assert collect(shop.root, later(), as_json=True, dry_run=False, with_orphans=False) == 0
    assert set(shop.models.iterdir()) == models
    shop.reference.write_bytes(pinned)
    assert collect(shop.root, later(), as_json=True, dry_run=False, with_orphans=False) == 0
    assert shop.models / json.loads(pinned)["model_version"] in set(shop.models.iterdir()) < models


@pytest.mark.fault("A13")
@pytest.mark.parametrize("content", NO_OBJECT)
def test_verify_and_doctor_name_a_damaged_reference_and_what_mends_it(
    shop: Workspace, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.reference.write_bytes(content)
    code, found = told(capsys, verify, shop.root)
    assert (code, [each["file"] for each in found["damaged"]]) == (6, ["reference.json"])
    code, diagnosis = told(capsys, show_diagnosis, shop.root, now())
    (finding,) = [each for each in diagnosis["findings"] if each["subject"] == "reference"]
    assert (code, finding["level"]) == (6, "bad")
    for next_step in (found["damaged"][0]["next_step"], finding["next_step"]):
        assert "remove it: the next published night pins its own models" in next_step
    shop.reference.unlink()
    tiny_night.deliver(shop.root, NIGHTS)
    assert tiny_night.run(shop.root, NIGHTS).ending == "published"
    assert json.loads(shop.reference.read_text())["run_date"] == str(day(NIGHTS))


@pytest.mark.fault("A13", "C12")
@pytest.mark.parametrize("content", [*NO_OBJECT, b'{"model_version": "pinned", "data_through": "2026-91-05T00:00:00Z"}'])
def test_a_night_is_not_compared_with_a_reference_it_cannot_read(
    night: Callable[..., Any], content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on, and its sentence says why there is no comparison and how there will be one again."""
    at = night()
    at.workspace.reference.write_bytes(content)
    storage.write_json(at.workspace.models / "pinned" / "card.json", {"segment_bounds": []})
    monkeypatch.setattr(reference, "set_fault", lambda *_: None)
    nobody = np.zeros(0, np.int64)
    events = SimpleNamespace(user=nobody, occurred_at=nobody)
    known: Any = SimpleNamespace(n_users=3, segments=SimpleNamespace(bounds=()), events=events, holdout=np.zeros(0, bool))
    pinned = judge_reference(at, known, None, np.arange(3), 5, None, by_days=False)  # type: ignore[arg-type]
    assert (len(pinned.ndcg), len(pinned.users)) == (0, 0)
    assert pinned.why_not == "reference.json cannot be read; remove reference.json to pin the next published set"


# --- the notes under raw/ ---------------------------------------------------------------------------------------------


@pytest.mark.fault("A12")
@pytest.mark.parametrize("content", NO_OBJECT)
def test_a_damaged_note_of_a_delivery_ends_a_night_in_one_sentence(
    shop: Workspace, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Verify says the same, status goes on and says where to look; what the sentence says to do mends it."""
    note = next(path for path in (shop.raw / "interactions").glob("*.json") if json.loads(path.read_text())["name"].startswith(str(day(2))))
    note.write_bytes(content)
    tiny_night.deliver(shop.root, NIGHTS)
    ending = tiny_night.run(shop.root, NIGHTS)
    assert ending.exit_code == 6
    assert f"{shop.relative(note)}: expected a note that can be read" in ending.reason
    code, found = told(capsys, verify, shop.root)
    assert (code, found["damaged"][0]["file"], found["damaged"][0]["next_step"]) == (6, shop.relative(note), ending.next_step)
    show_status(shop.root, now(), as_json=False)
    assert "WARN a note under raw/ is damaged" in capsys.readouterr().out
    note.rename(shop.root.with_name("aside.json"))
    tiny_night.deliver(shop.root, 2)
    assert tiny_night.run(shop.root, NIGHTS).ending == "published"
    assert verify(shop.root, as_json=True) == 0


@pytest.mark.fault("A12")
@pytest.mark.parametrize("content", [*NO_OBJECT, b'{"user_id": "integer"}', b'{"user_id": "integer", "item_id": "number"}'])
def test_damaged_types_of_ids_are_never_guessed_again(
    workspace: Workspace, stage_inbox: Callable[..., Any], deliver: Callable[..., Path], content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Guessed from other data they could come out otherwise: a night and `verify` say how to write them down again."""
    deliver("first.csv", "user_id,item_id,occurred_at\n7,1,2026-01-05T10:00:00Z\n")
    types = workspace.raw / "id_types.json"
    types.parent.mkdir()
    types.write_bytes(content)
    with pytest.raises(StorageError, match=r'raw/id_types\.json: expected user_id and item_id, each "integer" or "text"') as refused:
        stage_inbox()
    code, found = told(capsys, verify, workspace.root)
    assert (code, found["damaged"][0]["file"], found["damaged"][0]["next_step"]) == (6, "raw/id_types.json", refused.value.next_step)
    types.write_text('{"user_id": "text", "item_id": "integer"}')
    delivered, _ = stage_inbox()
    assert delivered.id_types == {"user_id": "text", "item_id": "integer"}


# --- the note of a publication ----------------------------------------------------------------------------------------


@pytest.mark.fault("A12")
@pytest.mark.parametrize("content", [*NO_OBJECT, b'{"version": 9, "tables": {}, "manifest": {"run_date": "2026-01-10"}}'])
def test_a_publication_noted_in_another_shape_is_neither_carried_out_nor_swept_away(shop: Workspace, content: bytes) -> None:
    note = shop.staging / "some-run" / NOTE
    note.parent.mkdir(parents=True)
    note.write_bytes(content)
    tiny_night.deliver(shop.root, NIGHTS)
    endings = [act(shop.root, NIGHTS - 1) for act in (tiny_night.run, tiny_night.rolled_back, tiny_night.collected)]
    for ending in endings:
        assert ending.exit_code == 6
        assert f"{note}: expected the note of a publication" in ending.reason
        assert f"move {note.parent.parent} out of the workspace" in ending.next_step
    note.parent.parent.rename(shop.root.with_name("aside"))
    assert tiny_night.run(shop.root, NIGHTS).ending == "published"


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.fault("A10")
def test_settings_that_are_no_utf_8_are_refused(shop: Workspace) -> None:
    shop.settings_file.write_bytes("# für\n".encode("latin-1"))
    with pytest.raises(UsageError, match="expected text in UTF-8"):
        load_settings(shop.root)


@pytest.mark.fault("A10")
def test_a_section_in_the_environment_that_is_no_object_is_refused(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operator's commands do not read does not stop them."""
    monkeypatch.setenv("NIGHTLY__GATE", "abc")
    with pytest.raises(UsageError, match=r"NIGHTLY__.*gate"):
        load_settings(shop.root)
    assert load_keeping(shop.root)[1] == ""
    monkeypatch.setenv("NIGHTLY__KEEPING", "abc")
    assert load_keeping(shop.root)[1].startswith("NIGHTLY__KEEPING in the environment cannot be read")
    with pytest.raises(UsageError, match="NIGHTLY__KEEPING in the environment cannot be read"):
        collect(shop.root, later(), as_json=True, dry_run=False, with_orphans=False)


# --- what is to be typed ----------------------------------------------------------------------------------------------


def test_a_command_to_type_can_be_typed_wherever_the_workspace_lies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = Workspace(tmp_path / "my shop")
    shop.create("")
    typed = shlex.quote(str(shop.root))
    with pytest.raises(StorageError) as refused, named_faults(shop):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert refused.value.next_step.startswith(f"nightly gc --workspace {typed},")
    console.imported(SimpleNamespace(n_interactions=1, n_items=1, n_users=1, layout="100k"), shop.root, as_json=False)
    assert capsys.readouterr().out.endswith(f"nightly run --workspace {typed}\n")
