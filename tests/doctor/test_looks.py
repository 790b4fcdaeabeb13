"""What `nightly doctor` says of the machine, the programs, the settings and the pages."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from flows.doctor import show_diagnosis
from flows.doctor_settings import ask, missing_secrets
from tasks import diagnosis, memory
from tasks.diagnosis import machine, programs
from tasks.diagnosis.finding import Finding, Scene
from tasks.retention import KeepingConfig
from tasks.workspace import Workspace
from tests.doctor.typed import Doctor, carried_out
from tests.faults import tiny_night
from tests.faults.noons import NIGHTS, TODAY, noon


def test_people_are_told_last_what_to_do_and_most_urgent_first(shop: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    (shop.latest / "recommendations.parquet").write_bytes(b"PAR1")
    (shop.table("coverage", tiny_night.day(1))).unlink()
    assert show_diagnosis(shop.root, noon(TODAY), as_json=False) == 6
    lines = capsys.readouterr().out.splitlines()
    todo = [line for line in lines[lines.index("what to do now") :] if re.match(r"  \d\.", line)]
    assert [line.split()[:3] for line in todo] == [["1.", "nightly", "run"], ["2.", "nightly", "rollback"]]
    assert show_diagnosis(shop.root, noon(TODAY), as_json=False) == 6
    shutil.rmtree(shop.root)
    tiny_night.new_workspace(shop.root)
    assert show_diagnosis(shop.root, noon(TODAY), as_json=False) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing to do"


def test_settings_are_looked_at_by_a_child_whose_death_is_a_finding(
    shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where DuckDB cannot be loaded, the doctor says so and goes on; where it can, memory and threads are told too."""
    told = ask(shop.root, noon(TODAY))
    assert {each.subject: each.level for each in told.findings}.items() >= {"settings": "ok", "memory": "ok"}.items()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text("import sys\nsys.modules['duckdb'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    (finding,) = ask(shop.root, noon(TODAY)).findings
    assert (finding.level, "duckdb" in finding.sentence, finding.next_step) == ("bad", True, "make setup")


def test_packages_out_of_their_range_are_named(shop: Workspace, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """FastAPI 0.155 is what installing Prefect alone brings: flows die with it."""
    real = programs.installed
    fakes = {"fastapi": "0.155.0", "optuna": None, "duckdb": "2.0.0"}
    monkeypatch.setattr(programs, "installed", lambda name: fakes.get(name, real(name)))
    told = [each["sentence"] for each in doctor(shop)["findings"] if each["subject"] == "versions"]
    assert told == ["not installed: optuna", "out of the range in which they work together: fastapi 0.155.0 (<0.151,>=0.139)"]


def test_a_warehouse_of_a_newer_duckdb_is_named_and_removing_it_mends_it(
    shop: Workspace, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    with duckdb.connect(shop.warehouse) as connection:
        connection.execute("create table something as select 1")
    assert doctor(shop)["to_do"] == []
    head = bytearray(shop.warehouse.read_bytes())
    head[programs.HEADER[1]] = b"v99.1.0".ljust(32, b"\0")
    shop.warehouse.write_bytes(head)
    (todo,) = doctor(shop)["to_do"]
    assert "written by DuckDB v99.1.0" in todo["because"]
    carried_out(todo["next_step"], noon(TODAY), monkeypatch)
    assert doctor(shop)["to_do"] == []


def test_a_network_file_system_is_told_of(tmp_path: Path) -> None:
    """The mount that lies nearest above the folder counts, a space in its name too."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    mounts = ["22 1 0:21 / / rw - ext4 /dev/vda rw", "23 22 0:22 / /mnt/the\\040shops rw shared:1 - nfs4 server:/ rw"]
    (tmp_path / "proc" / "self" / "mountinfo").write_text("\n".join(mounts))
    assert machine.file_system(Path("/mnt/the shops/mine"), tmp_path).startswith(machine.NETWORK)
    assert machine.file_system(Path("/mnt/others"), tmp_path) == "ext4"
    assert machine.file_system(Path("/mnt"), tmp_path / "elsewhere") == ""


def test_few_inodes_are_told_of(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(shop.root)
    few = os.statvfs_result([*real[:5], 10_000, 900, 900, *real[8:10], 0])
    monkeypatch.setattr(os, "statvfs", lambda _: few)
    found = [each for each in machine.space(Scene(shop, KeepingConfig(), noon(TODAY))) if each.level != "ok"]
    assert [(each.level, "900 more files only" in each.sentence) for each in found] == [("bad", True)]


def test_more_memory_than_there_is_and_more_threads_than_cores_are_told_of(
    shop: Workspace, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTLY__COMPUTE__MEMORY_GB", "100000")
    monkeypatch.setenv("NIGHTLY__COMPUTE__THREADS", "5000")
    levels = {each["subject"]: each for each in doctor(shop)["findings"] if each["level"] != "ok"}
    assert set(levels) == {"memory", "threads"}
    assert "memory_gb in [compute] is 100000, and " in levels["memory"]["sentence"]


def test_all_memory_there_is_bounds_what_is_offered() -> None:
    from models.compute import ComputeConfig

    assert memory.all_there_is().bytes >= memory.offered(ComputeConfig()).bytes * 0.9


class Database(BaseModel):
    uri_variable: str = "SHOP_URI"
    table: str | None = None


class Parts(BaseModel):
    source: Database = Database()
    load: Database = Database()


def test_secrets_that_are_named_and_not_set_are_told_of_where_they_are_used() -> None:
    """Without its source no night begins; what follows a night is a warning; a section nobody touched names nothing."""
    assert list(missing_secrets(Parts(), {})) == []
    used = Parts(source=Database(table="events"), load=Database(uri_variable="OTHER_URI"))
    found = {each.next_step.partition("=")[0]: (each.level, each.sentence) for each in missing_secrets(used, {})}
    assert {typed: level for typed, (level, _) in found.items()} == {"export SHOP_URI": "bad", "export OTHER_URI": "warn"}
    assert "source.uri_variable names the environment variable SHOP_URI" in found["export SHOP_URI"][1]
    assert list(missing_secrets(used, {"SHOP_URI": "postgresql://", "OTHER_URI": "postgresql://"})) == []


def test_a_look_that_fails_is_a_finding_and_the_others_go_on(shop: Workspace, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(error: Exception) -> Callable[[Scene], Iterator[Finding]]:
        def look_at(_: Scene) -> Iterator[Finding]:
            raise error

        return look_at

    failing = {"raw": PermissionError(13, "no"), "models": ImportError("no SciPy"), "inbox": KeyError("rows")}
    for subject, error in failing.items():
        monkeypatch.setitem(diagnosis.LOOKS, subject, broken(error))
    found = {each["subject"]: each for each in doctor(shop)["findings"]}
    assert {subject for subject, each in found.items() if each["level"] == "bad"} == failing.keys()
    assert all(found[subject]["next_step"] for subject in failing)
    assert found["orphans"]["level"] == "ok"


def test_a_page_that_is_gone_is_told_of_where_it_can_be_written_again(shop: Workspace, doctor: Doctor) -> None:
    folder = shop.report(tiny_night.day(NIGHTS - 1))
    shutil.rmtree(folder)
    assert doctor(shop)["to_do"] == []
    folder.mkdir()
    (folder / "story.json").write_text("{}")
    (todo,) = doctor(shop)["to_do"]
    assert todo["next_step"] == f"nightly report --workspace {shop.root} --date {tiny_night.day(NIGHTS - 1)}"
