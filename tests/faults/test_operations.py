"""The operator's commands in the tiny world: they tell the truth when all else is broken, and mend what they say they mend."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows import backfill
from flows.attempt import Ending, Options
from flows.backfill import run_backfill
from flows.clock import now
from flows.doctor import show_diagnosis
from flows.doctor_settings import look
from flows.gc import collect
from flows.rollback import roll_back
from flows.settings import Settings, load_settings, set_in_file
from flows.status import show_status
from flows.verify import verify
from models.compute import ComputeConfig
from tasks import storage
from tasks.adopt import adopt
from tasks.intact import faults_of
from tasks.lock import locked
from tasks.night import Night
from tasks.recovery import recover
from tasks.refusals import LockHeldError, StorageError, UsageError
from tasks.storage import file_hash
from tasks.workspace import Workspace
from tests.faults import tiny_night
from tests.faults.children import exit_code
from tests.faults.counts import Count
from tests.faults.disks import CountingDisk, DyingDisk, FailingDisk
from tests.faults.noons import noon
from tests.faults.tiny_night import day

NIGHTS = 4
Told = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish four nights of the tiny world; nobody may change them."""
    root = tmp_path_factory.mktemp("operations") / "shop"
    tiny_night.new_workspace(root)
    tiny_night.nights(root, *range(NIGHTS))
    return root


@pytest.fixture
def shop(published_once: Path, memory_path: Path) -> Workspace:
    """Return a copy of the four nights, free to change."""
    shutil.copytree(published_once, memory_path / "shop")
    return Workspace(memory_path / "shop")


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Return what calls a command with --json and returns its exit code and its object."""

    def call(command: Callable[..., int], *arguments: Any, **named: Any) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = command(*arguments, as_json=True, **named)
        return code, json.loads(capsys.readouterr().out)

    return call


@pytest.fixture
def _tiny_backfill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a backfill run nights of the tiny world."""
    monkeypatch.setattr(backfill, "run_night", tiny_run)


def tiny_run(root: Path, run_date: Any, _settings: Settings, options: Options, *_others: Any) -> Ending:
    """Run one tiny night as `flows.nightly.run_night` would; UsageError goes through, as there."""
    from flows.attempt import attempted

    tiny_night.warm()
    return attempted(tiny_night.tiny, root, run_date, load_settings(root), options)


def flip(path: Path) -> None:
    """Turn one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def contents(root: Path, *folders: str) -> dict[str, str]:
    """Return the hash of every file below some folders of a workspace."""
    return {str(path.relative_to(root)): file_hash(path) for folder in folders for path in (root / folder).rglob("*") if path.is_file()}


def lines(workspace: Workspace, at: datetime, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    show_status(workspace.root, at, as_json=False)
    return capsys.readouterr().out


# --- status -----------------------------------------------------------------------------------------------------------


@pytest.mark.fault("C13")
@pytest.mark.parametrize(("later", "code"), [(0, 0), (1, 0), (2, 7), (30, 7)])
def test_status_warns_and_exits_7_once_the_served_date_is_two_days_old(shop: Workspace, told: Told, later: int, code: int) -> None:
    found, status = told(show_status, shop.root, noon(NIGHTS - 1 + later))
    assert (found, status["age_days"], status["stale"]) == (code, later, code == 7)


@pytest.mark.fault("C13")
def test_how_old_is_too_old_is_a_setting(shop: Workspace, told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    keep(shop, stale_after_days=5)
    assert told(show_status, shop.root, noon(NIGHTS + 3))[0] == 0
    assert told(show_status, shop.root, noon(NIGHTS + 4))[0] == 7
    assert "WARN stale: 5 days old" in lines(shop, noon(NIGHTS + 4), capsys)


@pytest.mark.fault("D12", "D5")
@pytest.mark.usefixtures("_tiny_backfill")
def test_missed_nights_are_shown_and_made_up_for_once_each_oldest_first(
    memory_path: Path, told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = tiny_night.new_workspace(memory_path / "gaps")
    tiny_night.nights(workspace.root, 0, 1, 4)
    _, status = told(show_status, workspace.root, noon(5))
    assert list(status["calendar"].values())[-7:] == ["not yet", "published", "published", "missed", "missed", "published", "not yet"]
    command = f"nightly backfill --workspace {workspace.root} --from {day(2)} --to {day(3)}"
    assert command in lines(workspace, noon(5), capsys)
    pointer = workspace.pointer.read_bytes()
    endings = run_backfill(workspace.root, day(0), day(4), load_settings(workspace.root), Options())
    expected = ["unchanged", "unchanged", "published", "published", "unchanged"]
    assert [(ending.run_date, ending.ending) for ending in endings] == [(day(number), word) for number, word in enumerate(expected)]
    assert workspace.pointer.read_bytes() == pointer
    _, status = told(show_status, workspace.root, noon(5))
    assert status["missed"] == []
    assert list(status["calendar"].values())[-6:] == ["published"] * 5 + ["not yet"]


@pytest.mark.fault("D5", "D4", "B5")
@pytest.mark.usefixtures("_tiny_backfill")
def test_dates_built_on_older_input_are_flagged_until_they_are_made_again(
    shop: Workspace, told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    """A delivery of the second date comes with the fifth: the second to the fourth would be others now, the first would not."""
    tiny_night.deliver(shop.root, 1, variant=1)
    assert tiny_night.run(shop.root, NIGHTS).ending == "published"
    _, status = told(show_status, shop.root, noon(NIGHTS))
    assert status["built_on_older_input"] == [[str(day(1)), str(day(3))]]
    command = f"nightly backfill --workspace {shop.root} --from {day(1)} --to {day(3)} --replace"
    assert command in lines(shop, noon(NIGHTS), capsys)
    pointer = shop.pointer.read_bytes()
    endings = run_backfill(shop.root, day(1), day(3), load_settings(shop.root), Options())
    assert [(ending.ending, ending.exit_code) for ending in endings] == [("kept_last_good", 2)] * 3
    endings = run_backfill(shop.root, day(1), day(3), load_settings(shop.root), Options(replace=True))
    assert [ending.ending for ending in endings] == ["published"] * 3
    assert told(show_status, shop.root, noon(NIGHTS))[1]["built_on_older_input"] == []
    assert shop.pointer.read_bytes() == pointer


@pytest.mark.usefixtures("_tiny_backfill")
def test_a_backfill_names_the_dates_it_left_behind(shop: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    """What it takes in for an early date counts for the later ones too."""
    logger = logging.getLogger("nightly")
    logger.addHandler(caplog.handler)
    try:
        tiny_night.deliver(shop.root, 0, variant=1)
        run_backfill(shop.root, day(0), day(0), load_settings(shop.root), Options(replace=True))
    finally:
        logger.removeHandler(caplog.handler)
    assert f"built on older input: {day(1)} to {day(3)}" in caplog.text
    assert "--replace" in caplog.text


def _backfill_and_die(root: Path, at: int) -> None:
    backfill.run_night = tiny_run  # in a child of its own
    tiny_night.warm()
    storage.DISK = DyingDisk(at)
    run_backfill(root, day(0), day(2), load_settings(root), Options())


@pytest.mark.fault("D5")
def test_a_backfill_killed_anywhere_goes_on_where_it_was(memory_path: Path, count: Count, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "run_night", tiny_run)

    def prepared(name: str) -> Workspace:
        workspace = tiny_night.new_workspace(memory_path / name)
        for number in range(3):
            tiny_night.deliver(workspace.root, number)
        return workspace

    whole, log = prepared("whole"), CountingDisk()
    monkeypatch.setattr(storage, "DISK", log)
    run_backfill(whole.root, day(0), day(2), load_settings(whole.root), Options())
    monkeypatch.undo()
    monkeypatch.setattr(backfill, "run_night", tiny_run)
    points = range(len(log.log) // 4, len(log.log), len(log.log) // 3)
    for at in points:
        killed = prepared(f"killed-{at}")
        assert exit_code(_backfill_and_die, killed.root, at) == -signal.SIGKILL
        endings = run_backfill(killed.root, day(0), day(2), load_settings(killed.root), Options())
        assert {ending.ending for ending in endings} <= {"published", "unchanged"}
        assert {name: value for name, value in contents(killed.root, "tables").items() if "/runs/" not in name} == {
            name: value for name, value in contents(whole.root, "tables").items() if "/runs/" not in name
        }
        current = killed.current()
        assert current is not None
        assert current["run_date"] == str(day(2))
    count("backfills killed", len(points))


# --- everything is broken ---------------------------------------------------------------------------------------------


def _damage_everything(shop: Workspace) -> None:
    shop.warehouse.write_bytes(b"no database")
    shop.settings_file.write_bytes(b"[keeping\n\xff")
    shop.pointer.write_bytes(b"{")
    shop.manifest_file(shop.published()[0]["run_id"]).write_bytes(b"\xff\x00")
    shop.manifest_file(shop.published()[0]["run_id"]).write_text('{"run_date": "2026-01-xx"}')
    with shop.runs.open("ab") as file:
        file.write(b'\n"no object"\n{"ending": "failed"}\n{"torn": \xff')
    with shop.pointer_log.open("ab") as file:
        file.write(b'\n[]\n{"at": 5}\n{"torn": \xff')


@pytest.mark.fault("A12", "D8")
@pytest.mark.parametrize("as_json", [True, False])
def test_status_verify_and_doctor_tell_the_truth_when_all_is_broken(
    shop: Workspace, as_json: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _damage_everything(shop)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    codes = {
        "status": show_status(shop.root, noon(NIGHTS), as_json),
        "verify": verify(shop.root, as_json),
        "doctor": show_diagnosis(shop.root, noon(NIGHTS), as_json),
    }
    assert set(codes.values()) == {6}, codes
    told = capsys.readouterr().out
    for sentence in ("nightly.toml cannot be read", "current.json", "a manifest that can be read", "does not answer at http://127.0.0.1:9"):
        assert sentence in told
    assert f"rollback --workspace {shop.root} --to {day(3)}" in told


def test_rollback_works_when_all_is_broken_and_mends_the_pointer(shop: Workspace) -> None:
    _damage_everything(shop)
    assert roll_back(shop.root, day(2), noon(NIGHTS), as_json=False) == 0
    current = shop.current()
    assert current is not None
    assert current["run_date"] == str(day(2))


def test_gc_removes_nothing_where_it_cannot_know_what_is_needed(shop: Workspace) -> None:
    before = contents(shop.root, "tables", "manifests", "models")
    manifest = shop.manifest_file(shop.published()[0]["run_id"])
    settings, whole = shop.settings_file.read_bytes(), manifest.read_bytes()
    shop.settings_file.write_text("[keeping]\ntables_days = 'some'\n")
    with pytest.raises(UsageError, match=r"keeping\.tables_days"):
        collect(shop.root, noon(400), as_json=False, dry_run=False, with_orphans=True)
    shop.settings_file.write_bytes(settings)
    manifest.write_bytes(b"{")
    with pytest.raises(StorageError, match="verify"):
        collect(shop.root, noon(400), as_json=False, dry_run=False, with_orphans=True)
    manifest.write_bytes(whole)
    assert contents(shop.root, "tables", "manifests", "models") == before


def test_the_operators_commands_need_none_of_the_heavy_libraries(shop: Workspace) -> None:
    verbs = ("status", "verify", "doctor", f"rollback --to {day(1)}", "gc")
    code = "import sys; from flows.cli import app\nfor verb in sys.argv[2:]:\n"
    code += "    app([*verb.split(), '--workspace', sys.argv[1], '--json'], exit_on_error=False, result_action='return_value')\n"
    code += "print(*[name for name in ('duckdb', 'tensorflow', 'great_expectations', 'prefect', 'pandas') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, str(shop.root), *verbs], capture_output=True, text=True, check=True)
    *objects, loaded = done.stdout.splitlines()
    assert len([json.loads(line) for line in objects]) == len(verbs)
    assert loaded == ""


@pytest.mark.fault("A11")
def test_a_report_that_fails_is_a_warning_and_the_night_is_published(shop: Workspace, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    fired = []

    def broken(*_arguments: Any) -> None:
        fired.append("report")
        raise RuntimeError("no ink")

    monkeypatch.setattr("tasks.report.report", broken)
    tiny_night.deliver(shop.root, NIGHTS)
    ending = tiny_night.run(shop.root, NIGHTS)
    assert (ending.ending, ending.report, fired) == ("published", None, ["report"])
    assert told(show_status, shop.root, noon(NIGHTS))[1]["serving"]["run_date"] == str(day(NIGHTS))


# --- verify -----------------------------------------------------------------------------------------------------------


def test_verify_finds_a_flipped_bit_in_whatever_file(shop: Workspace, told: Told, count: Count) -> None:
    assert told(verify, shop.root) == (0, {**told(verify, shop.root)[1], "damaged": []})
    served = [name for name in contents(shop.root, "tables") if str(day(2)) in name]
    files = [shop.root / name for name in (*served, *contents(shop.root, "latest", "models", "raw"))]
    files = [path for path in files if path.suffix == ".parquet" or path.name in ("counts.json", "blend.json")]
    for path in files:
        whole = path.read_bytes()
        flip(path)
        code, found = told(verify, shop.root)
        assert (code, len(found["damaged"])) == (6, 1), path
        assert str(path.relative_to(shop.root)).startswith(found["damaged"][0]["file"])
        path.write_bytes(whole)
    count("bits flipped under verify", len(files))


@pytest.mark.parametrize("path", ["/etc/passwd", "tables/../../secret", 7, None])
def test_a_manifest_that_names_a_file_elsewhere_is_damaged(shop: Workspace, told: Told, path: object) -> None:
    manifest = shop.published()[1]
    manifest["tables"]["metrics"]["path"] = path
    file = shop.manifest_file(manifest["run_id"])
    file.write_text(json.dumps(manifest))
    code, found = told(verify, shop.root)
    assert (code, [each["file"] for each in found["damaged"]]) == (6, [shop.relative(file)])
    assert f"--run-date {day(1)}" in found["damaged"][0]["next_step"]


def test_verify_says_how_far_it_is(shop: Workspace, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.verify.PATIENCE_SECONDS", 0.0)
    with caplog.at_level("INFO", logger="nightly"):
        verify(shop.root, as_json=True)
    assert " of " in caplog.text


def test_what_verify_says_of_a_damaged_table_mends_it(shop: Workspace, told: Told) -> None:
    served = shop.table("recommendations", day(1))
    whole = served.read_bytes()
    for harm in (lambda: flip(served), served.unlink):
        harm()
        _, found = told(verify, shop.root)
        assert found["damaged"][0]["next_step"].startswith(f"nightly run --workspace {shop.root} --run-date {day(1)};")
        assert tiny_night.run(shop.root, 1).ending == "published"
        assert served.read_bytes() == whole
        assert told(verify, shop.root)[0] == 0


def test_a_damaged_newest_table_keeps_no_night_from_starting_and_mending_it(shop: Workspace, told: Told) -> None:
    """Not even when latest/ has to be brought back, and the pointer with it."""
    served = shop.table("recommendations", day(NIGHTS - 1))
    served.unlink()
    shop.pointer.unlink()
    shop.latest_note.unlink()
    assert tiny_night.run(shop.root, NIGHTS - 1).ending == "published"
    assert told(verify, shop.root)[0] == 0


def test_what_verify_says_of_damaged_copies_and_pointers_mends_them(shop: Workspace, told: Told) -> None:
    for path in (shop.latest / "recommendations.parquet", shop.pointer):
        flip(path)
        if path == shop.pointer:
            path.write_bytes(b"{")
        _, found = told(verify, shop.root)
        assert found["damaged"][0]["next_step"].startswith(f"nightly rollback --workspace {shop.root} --to {day(3)};")
        assert roll_back(shop.root, day(3), noon(4), as_json=True) == 0
        assert told(verify, shop.root)[0] == 0


@pytest.mark.fault("A13")
def test_damaged_models_are_refused_before_they_are_read_and_whole_ones_named(shop: Workspace, told: Told) -> None:
    versions = [manifest["model_version"] for manifest in shop.published()]
    flip(shop.models / versions[0] / "popularity" / "counts.json")
    night = Night(shop, day(NIGHTS), "run", "attempt", noon(NIGHTS), None, 0, ComputeConfig())
    with pytest.raises(StorageError) as refused:
        adopt(night, None, versions[0])  # type: ignore[arg-type]
    assert versions[0] in refused.value.where
    assert all(version in refused.value.next_step for version in versions[1:])
    assert versions[0] not in refused.value.next_step
    _, found = told(verify, shop.root)
    assert str(day(0)) in found["damaged"][0]["next_step"]


# --- rollback ---------------------------------------------------------------------------------------------------------


def test_a_rollback_serves_an_earlier_date_until_the_next_night(shop: Workspace, told: Told) -> None:
    for _ in range(2):
        code, _ = told(roll_back, shop.root, day(1), noon(4))
        assert code == 0
        assert contents(shop.root, "latest") == {
            f"latest/{name}.parquet": table["sha256"] for name, table in shop.published()[1]["tables"].items()
        }
    _, status = told(show_status, shop.root, noon(4))
    assert status["rolled_back"] == {"to": str(day(1)), "at": f"{noon(4):%Y-%m-%dT%H:%M:%SZ}", "newer": [str(day(2)), str(day(3))]}
    tiny_night.deliver(shop.root, 4)
    assert tiny_night.run(shop.root, 4).ending == "published"
    _, status = told(show_status, shop.root, noon(4))
    assert (status["serving"]["run_date"], status["rolled_back"]) == (str(day(4)), None)


def test_a_rollback_to_nowhere_or_to_a_damaged_date_moves_nothing(shop: Workspace) -> None:
    pointer = shop.pointer.read_bytes()
    with pytest.raises(UsageError, match=str(day(2))):
        roll_back(shop.root, day(9), noon(9), as_json=False)
    flip(shop.table("recommendations", day(1)))
    with pytest.raises(StorageError, match="--run-date"):
        roll_back(shop.root, day(1), noon(9), as_json=False)
    with locked(shop, "a night", noon(9)), pytest.raises(LockHeldError, match="a night"):
        roll_back(shop.root, day(2), noon(9), as_json=False)
    assert shop.pointer.read_bytes() == pointer


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any], int], bool]:
    """Return what carries something out on a disk that refuses everything from its n-th operation on, and tells whether it did."""

    def carry_out(act: Callable[[], Any], at: int) -> bool:
        disk = FailingDisk(at, errno.EIO, persistent=True)
        with monkeypatch.context() as context:
            context.setattr(storage, "DISK", disk)
            with suppress(StorageError):
                act()
        return disk.fired > 0

    return carry_out


def test_a_rollback_cut_off_anywhere_leaves_latest_to_the_next_start(
    shop: Workspace, failing: Callable[[Callable[[], Any], int], bool], count: Count
) -> None:
    at, turn = 1, (day(0), day(3))
    while failing(lambda to=turn[at % 2]: roll_back(shop.root, to, noon(4), as_json=True), at):  # type: ignore[misc]
        recover(shop, noon(4))
        current = shop.current()
        assert current is not None
        assert contents(shop.root, "latest") == {f"latest/{name}.parquet": table["sha256"] for name, table in current["tables"].items()}
        at += 1
    count("rollbacks cut off", at - 1)


# --- gc ---------------------------------------------------------------------------------------------------------------


def keep(shop: Workspace, **keeping: float) -> None:
    """Set how the workspace is kept."""
    for name, value in keeping.items():
        set_in_file(shop.settings_file, "keeping", name, value)


def names_nothing_missing(shop: Workspace) -> bool:
    """Tell whether every file that a manifest or a card names is there."""
    return not any(list(faults_of(shop, manifest)) for manifest in shop.published())


@pytest.fixture
def old(shop: Workspace) -> Workspace:
    """Return a workspace whose first night is 40 days older than the others."""
    far = 40 + NIGHTS
    tiny_night.deliver(shop.root, far)
    assert tiny_night.run(shop.root, far).ending == "published"
    keep(shop, tables_days=30, grace_hours=0, history_days=30)
    return shop


def later() -> datetime:
    """Return a moment after all that this process has published by the machine's own clock."""
    return now() + timedelta(seconds=5)


def test_gc_lets_old_dates_go_and_keeps_their_record(old: Workspace, told: Told) -> None:
    raw, remembered = contents(old.root, "raw"), old.remembered()
    before = contents(old.root, "tables", "manifests", "models", "latest", "reports")
    _, listed = told(collect, old.root, later(), dry_run=True, with_orphans=False)
    assert contents(old.root, "tables", "manifests", "models", "latest", "reports") == before
    code, done = told(collect, old.root, later(), dry_run=False, with_orphans=False)
    assert (code, done["removed"]) == (0, listed["removed"])
    assert done["bytes"] > 0
    # The three oldest of five: the two newest stay whatever their age, and the reference's models though its date has gone.
    assert [night["run_date"] for night in old.published()] == [str(day(3)), str(day(44))]
    assert {path.parent.name for path in old.tables.rglob("*.parquet")} == {f"run_date={day(3)}", f"run_date={day(44)}"}
    versions = {night["model_version"] for night in old.published()} | {json.loads(old.reference.read_text())["model_version"]}
    assert {path.name for path in old.models.iterdir()} == versions
    assert old.remembered() == remembered
    assert contents(old.root, "raw") == raw
    assert told(verify, old.root)[0] == 0
    assert told(collect, old.root, later(), dry_run=False, with_orphans=True)[1]["removed"] == []


@pytest.mark.fault("D7")
def test_gc_keeps_what_was_served_lately_and_open_files_stay_readable(old: Workspace, told: Told) -> None:
    """Somebody still reads the first date, which the pointer left a moment ago; of the second a file is open."""
    roll_back(old.root, day(0), later(), as_json=True)
    roll_back(old.root, day(44), later(), as_json=True)
    text = old.settings_file.read_text()
    old.settings_file.write_text(text.replace("grace_hours = 0", "grace_hours = 1"))
    opened = old.table("recommendations", day(1))
    whole = opened.read_bytes()
    with opened.open("rb") as reader:
        told(collect, old.root, later() + timedelta(minutes=50), dry_run=False, with_orphans=False)
        published = {night["run_date"] for night in old.published()}
        # The four nights were all served within this hour by the machine's clock.
        assert str(day(0)) in published
        old.settings_file.write_text(text)
        told(collect, old.root, later() + timedelta(hours=2), dry_run=False, with_orphans=False)
        assert not opened.exists()
        assert reader.read() == whole
    assert str(day(0)) not in {night["run_date"] for night in old.published()}


def test_gc_never_touches_what_is_served_even_when_it_is_old(old: Workspace, told: Told) -> None:
    roll_back(old.root, day(0), later(), as_json=True)
    told(collect, old.root, later() + timedelta(days=400), dry_run=False, with_orphans=True)
    assert [night["run_date"] for night in old.published()] == [str(day(0)), str(day(3)), str(day(44))]
    assert told(verify, old.root)[0] == 0


def test_gc_cut_off_anywhere_names_no_missing_file_and_the_next_one_ends_it(
    old: Workspace, memory_path: Path, told: Told, failing: Callable[[Callable[[], Any], int], bool], count: Count
) -> None:
    at, tried, whole = 1, 0, memory_path / "whole"
    shutil.copytree(old.root, whole)
    collect(whole, later(), as_json=True, dry_run=False, with_orphans=False)
    kept = contents(whole, "tables", "manifests", "models")
    fired = True
    while fired:
        cut = Workspace(memory_path / f"cut-{at}")
        shutil.copytree(old.root, cut.root)
        fired = failing(lambda root=cut.root: collect(root, later(), as_json=True, dry_run=False, with_orphans=False), at)
        assert names_nothing_missing(cut)
        assert told(verify, cut.root)[0] == 0, at
        collect(cut.root, later(), as_json=True, dry_run=False, with_orphans=False)
        assert contents(cut.root, "tables", "manifests", "models") == kept
        shutil.rmtree(cut.root)
        at, tried = at + 7, tried + fired
    count("collections cut off", tried)


def test_gc_clears_what_old_attempts_left(shop: Workspace, told: Told) -> None:
    keep(shop, history_days=30)
    for name in ("2025-09-01T02-00-00Z-abc", "damaged-2025-09-01T02-00-00Z", "2026-01-08T02-00-00Z-new"):
        (shop.history / name).mkdir()
        (shop.history / name / "file").write_bytes(b"old")
    (shop.staging / "some-run").mkdir(parents=True)
    last = shop.attempts()[-1]["run_id"]
    (shop.staging / last).mkdir()
    told(collect, shop.root, noon(4), dry_run=False, with_orphans=False)
    assert sorted(path.name for path in shop.history.iterdir()) == ["2026-01-08T02-00-00Z-new", "pointer.jsonl"]
    assert [path.name for path in shop.staging.iterdir()] == [last]


# --- doctor -----------------------------------------------------------------------------------------------------------


def levels(told: dict[str, Any]) -> dict[str, str]:
    return {finding["subject"]: finding["level"] for finding in told["findings"] if finding["level"] != "ok"}


def test_doctor_finds_a_sound_workspace_sound(shop: Workspace, told: Told) -> None:
    at = now()
    code, found = told(show_diagnosis, shop.root, at)
    # Of real time the tiny world knows little: its dates are long past.
    assert (code, levels(found)) == (0, {"freshness": "warn", "nights": "warn"})


def _leave_a_table(shop: Workspace) -> None:
    (shop.tables / "recommendations" / "copy.parquet").write_bytes(b"PAR1")


def _leave_half_a_set(shop: Workspace) -> None:
    (shop.models / "0123456789abcdef").mkdir()
    (shop.models / "0123456789abcdef" / "half").write_bytes(b"half")


def _lose_rows(shop: Workspace) -> None:
    next((shop.raw / "interactions").glob("*.parquet")).unlink()


def _lose_a_note(shop: Workspace) -> None:
    next((shop.raw / "interactions").glob("*.json")).unlink()


def _lose_a_table(shop: Workspace) -> None:
    shop.table("coverage", day(2)).unlink()


def _spoil_latest(shop: Workspace) -> None:
    (shop.latest / "recommendations.parquet").write_bytes(b"PAR1")


def _forget_a_delivery(shop: Workspace) -> None:
    path = shop.inbox("interactions") / "old.csv"
    path.write_text("user_id,item_id\n")
    os.utime(path, (0, 0))


def _die(shop: Workspace) -> None:
    shop.open_attempt.write_text(json.dumps({"run_date": str(day(4)), "started_at": "2026-01-10T02:00:00Z"}))


@pytest.mark.parametrize(
    ("harm", "subject", "level", "typed"),
    [
        (_leave_a_table, "orphans", "warn", "gc --workspace {root} --orphans"),
        (_leave_half_a_set, "orphans", "warn", "gc --workspace {root} --orphans"),
        (_lose_rows, "raw", "bad", "restore the rows from a backup"),
        (_lose_a_note, "raw", "warn", "restore their notes"),
        (_lose_a_table, "tables", "bad", f"run --workspace {{root}} --run-date {day(2)}"),
        (_spoil_latest, "pointer", "warn", f"rollback --workspace {{root}} --to {day(3)}"),
        (_forget_a_delivery, "inbox", "warn", "status --workspace {root}"),
        (_die, "attempt", "warn", f"run --workspace {{root}} --run-date {day(4)}"),
    ],
)
def test_doctor_names_what_is_wrong_and_what_to_type(
    shop: Workspace, told: Told, harm: Callable[[Workspace], None], subject: str, level: str, typed: str
) -> None:
    harm(shop)
    code, found = told(show_diagnosis, shop.root, now())
    assert levels(found) == {"freshness": "warn", "nights": "warn", subject: level}
    assert code == (6 if level == "bad" else 0)
    finding = next(finding for finding in found["findings"] if finding["subject"] == subject)
    assert typed.format(root=shop.root) in finding["next_step"]


@pytest.mark.parametrize("harm", [_leave_a_table, _leave_half_a_set])
def test_orphans_go_when_asked_and_not_before(shop: Workspace, told: Told, harm: Callable[[Workspace], None]) -> None:
    before = contents(shop.root, "tables", "latest", "manifests", "models")
    harm(shop)
    assert told(collect, shop.root, noon(4), dry_run=False, with_orphans=True)[0] == 0
    assert contents(shop.root, "tables", "latest", "manifests", "models") == before


@pytest.mark.fault("B7")
def test_doctor_notices_a_clock_that_is_behind(shop: Workspace, told: Told) -> None:
    _, found = told(show_diagnosis, shop.root, noon(0))
    assert levels(found)["clock"] == "warn"


@pytest.mark.fault("A10")
def test_doctor_says_that_the_disk_cannot_be_written_to(shop: Workspace, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FailingDisk(1, errno.EROFS, persistent=True)
    monkeypatch.setattr(storage, "DISK", disk)
    code, found = told(show_diagnosis, shop.root, now())
    assert disk.fired > 0
    assert (code, levels(found)["disk"]) == (6, "bad")


def test_who_is_at_work_is_told_and_a_dead_one_is_not(shop: Workspace, told: Told) -> None:
    with locked(shop, "night for 2026-01-09", noon(4)):
        assert f"pid {os.getpid()}" in told(show_status, shop.root, noon(4))[1]["at_work"]
        note = json.loads((shop.root / ".lock.json").read_text())
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    (shop.root / ".lock.json").write_text(json.dumps(note | {"pid": child.pid}))
    assert told(show_status, shop.root, noon(4))[1]["at_work"] is None


@pytest.fixture(autouse=True)
def _no_prefect_and_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shield the tests from a developer's server, and let the doctor look at settings in this process, which has loaded all it needs."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr("flows.doctor.ask", look)
