"""A machine that is not as it should be: too little memory, a damaged working store, a disk that does not keep its word."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flows.attempt import Options, attempted
from flows.settings import Settings, load_settings
from tasks import self_test, storage
from tasks.disk import Disk
from tasks.ingest import ingest
from tasks.memory import Offered
from tasks.night import Night, Runner
from tasks.refusals import StorageError, WarehouseDamagedError
from tasks.stage import stage
from tasks.storage_faults import named_faults
from tasks.warehouse import WarehouseConfig, open_warehouse
from tasks.workspace import Workspace
from tests.conftest import MONDAY

EVENTS = "user_id,item_id,occurred_at\n" + "".join(f"{user},{user * 7 % 50},2026-01-05T{user % 24:02}:00:00Z\n" for user in range(2000))


def staged(at: Night, settings: Settings, options: Options, step: Runner) -> None:
    """Take in what was delivered, as the first two steps of a night."""
    delivered = step(ingest, at, settings.source, settings.volume, options.allow_volume)
    step(stage, at, delivered, settings.source, settings.events, settings.warehouse)


def _run(root: Path) -> None:
    ending = attempted(staged, root, MONDAY, load_settings(root), Options(), publishes=False)
    assert ending.exit_code == 0, ending.reason


def _rows(workspace: Workspace) -> int:
    import duckdb

    with duckdb.connect(workspace.warehouse, read_only=True) as connection:
        return int(connection.execute("select count(*) from staging.interactions").fetchall()[0][0])


@pytest.mark.fault("A7")
def test_too_little_memory_names_the_limit_and_the_setting(night):
    with (
        pytest.raises(StorageError, match=r"30MB.*\[warehouse\] memory"),
        open_warehouse(night(), WarehouseConfig(memory="30MB")) as warehouse,
    ):
        warehouse.execute("create table staging.everything as select list(hash(range)) as hashes from range(20_000_000)")


@pytest.mark.fault("A7")
def test_a_bound_for_the_whole_night_bounds_the_warehouse_too(night):
    """Half of it is what SQL may take, however much the warehouse is allowed by itself; the message names the bound."""
    bounded = replace(night(), memory=Offered(60_000_000, "[compute] memory_gb"))
    with (
        pytest.raises(StorageError, match=r"half of what \[compute\] memory_gb offers.*raise \[compute\] memory_gb"),
        open_warehouse(bounded, WarehouseConfig()) as warehouse,
    ):
        warehouse.execute("create table staging.everything as select list(hash(range)) as hashes from range(20_000_000)")


@pytest.mark.fault("A8")
def test_a_process_out_of_memory_says_what_to_lower(workspace):
    with pytest.raises(StorageError, match="users_at_once"), named_faults(workspace):
        raise MemoryError("Unable to allocate 90 GiB")


def _flipped(store: Path, rng: random.Random) -> None:
    content = bytearray(store.read_bytes())
    for _ in range(20):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    store.write_bytes(content)


def _cut(store: Path, rng: random.Random) -> None:
    with store.open("rb+") as stream:
        stream.truncate(rng.randrange(store.stat().st_size))


def _no_database(store: Path, rng: random.Random) -> None:
    store.write_bytes(rng.randbytes(5000))


def _broken_log(store: Path, rng: random.Random) -> None:
    """Leave what a process killed after a commit leaves, a log not yet in the file, and damage that."""
    code = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute(\"set checkpoint_threshold = '1TB'\"); "
    code += "c.execute('create table logged as select range as a from range(5000)'); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(store)], check=True)
    log = store.with_name(f"{store.name}.wal")
    content = bytearray(log.read_bytes())
    content[len(content) // 2 + rng.randrange(100)] ^= 255
    log.write_bytes(content)


DAMAGES = (_flipped, _cut, _no_database, _broken_log)


def _damaged_and_run(workspace: Workspace, folder: Path, damage: Callable[[Path, random.Random], None], seed: int) -> bool:
    """Run a night over a damaged store; returns whether the store had to be moved aside."""
    copy = Workspace(folder / f"{damage.__name__}-{seed}")
    shutil.copytree(workspace.root, copy.root)
    damage(copy.warehouse, random.Random(seed))
    _run(copy.root)
    assert _rows(copy) == 2000
    return bool(list(copy.history.glob("damaged-*")))


@pytest.fixture
def taken_in(workspace: Workspace, deliver: Callable[..., Path]) -> Workspace:
    """Return a workspace whose first delivery lies in the warehouse and in the inbox still."""
    deliver("first.csv", EVENTS)
    _run(workspace.root)
    return workspace


@pytest.mark.fault("A12")
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_a_damaged_warehouse_is_moved_aside_and_made_again(taken_in, tmp_path, damage):
    moved = [_damaged_and_run(taken_in, tmp_path, damage, seed) for seed in range(2)]
    assert any(moved), "no damage was noticed: nothing is proven"


@pytest.mark.slow
@pytest.mark.fault("A12")
def test_thirty_damaged_warehouses_are_made_again(taken_in, tmp_path):
    moved = [_damaged_and_run(taken_in, tmp_path, DAMAGES[seed % len(DAMAGES)], seed) for seed in range(2, 32)]
    assert sum(moved) >= 20


@pytest.mark.fault("A12")
def test_a_store_damaged_in_the_middle_of_a_night_costs_one_more_try(taken_in, monkeypatch):
    """The first step that meets the damage moves the store aside; the night starts over with a new one, by itself."""
    met = []

    def meets_damage_once(at: Night, settings: Settings, options: Options, step: Runner) -> None:
        if not met:
            met.append(at)
            raise WarehouseDamagedError("warehouse.duckdb", "a file that reads", "garbage", "run again")
        staged(at, settings, options, step)

    assert attempted(meets_damage_once, taken_in.root, MONDAY, load_settings(taken_in.root), Options(), publishes=False).exit_code == 0
    assert met


@pytest.mark.fault("A12", "B1")
def test_rows_of_an_accepted_delivery_that_changed_on_the_disk_are_not_learned_from(workspace, deliver):
    """Half of all flipped bits in Parquet read well: the hash of the day of acceptance tells."""
    from flows.refresh import run_refresh

    deliver("first.csv", EVENTS)
    assert run_refresh(workspace.root, MONDAY, load_settings(workspace.root), Options()).exit_code == 0
    (rows,) = workspace.raw.glob("interactions/*.parquet")
    content = bytearray(rows.read_bytes())
    content[len(content) // 2] ^= 1
    rows.chmod(0o644)
    rows.write_bytes(content)
    storage.remove(workspace.warehouse)
    ending = run_refresh(workspace.root, MONDAY, load_settings(workspace.root), Options())
    assert ending.exit_code == 6
    assert rows.name in ending.reason


@pytest.mark.fault("A10")
def test_a_workspace_that_cannot_be_written_is_one_sentence_and_exit_6(workspace, monkeypatch):
    class ReadOnlyDisk(Disk):
        def create(self, path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(storage, "DISK", ReadOnlyDisk())
    with pytest.raises(StorageError, match="Read-only file system") as refusal:
        attempted(staged, workspace.root, MONDAY, load_settings(workspace.root), Options())
    assert refusal.value.exit_code == 6


class _Unlocked:
    """A lock of a disk that knows no locks: everybody gets it."""

    def __init__(self, *_path: object, **_options: object) -> None: ...

    def acquire(self, **_options: object) -> _Unlocked:
        return self

    def __enter__(self) -> _Unlocked:
        return self

    def __exit__(self, *_error: object) -> None: ...


class _CopyingDisk(Disk):
    """A disk that renames by copying: old and new are both there for a while, or for ever."""

    def replace(self, source: Path, target: Path) -> None:
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)


@pytest.mark.fault("D14")
def test_a_disk_without_locks_is_refused_before_anything_is_touched(workspace, monkeypatch):
    monkeypatch.setattr(self_test, "FileLock", _Unlocked)
    with pytest.raises(StorageError, match=r"two holders of one lock.*trust_disk"):
        attempted(staged, workspace.root, MONDAY, load_settings(workspace.root), Options())
    assert not workspace.runs.exists()


@pytest.mark.fault("D14")
def test_a_disk_that_copies_instead_of_renaming_is_refused(workspace, monkeypatch):
    monkeypatch.setattr(storage, "DISK", _CopyingDisk())
    with pytest.raises(StorageError, match="could not be renamed"):
        self_test.require_fit(workspace, trusted=False)


@pytest.mark.fault("D14")
def test_an_operator_may_trust_such_a_disk(workspace, monkeypatch):
    monkeypatch.setattr(self_test, "FileLock", _Unlocked)
    self_test.require_fit(workspace, trusted=True)
