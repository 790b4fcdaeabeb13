"""`nightly simulate` as people meet it: the lists other policies would have made, and nothing changed but its own folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows import identity
from flows.attempt import Options
from flows.cli import app
from flows.columns import WIDTH
from flows.nightly import run_night
from flows.rollback import roll_back
from flows.settings import load_settings
from flows.simulate import run_simulation
from tasks.diagnosis import Scene, diagnose
from tasks.lock import locked
from tasks.orphans import orphans
from tasks.refusals import LockHeldError, UsageError
from tasks.retention import KeepingConfig, forgettable
from tasks.shop import Shop, write_delivery
from tasks.simulation import Simulated
from tasks.storage import file_hash, remove, write_json
from tasks.workspace import Workspace
from tests.conftest import SMALL_SHOP, WITHOUT_NETWORKS

FIRST, SECOND, THIRD = SMALL_SHOP.delivery_dates[:3]
LATER = datetime(2026, 2, 1, tzinfo=UTC).replace(tzinfo=None)
POLICIES = """
[policies.seen]
types = {view = 5}

[policies.fatigue]
nights = 1
within = 2

[policies.blocks]
items = ["500169"]

[policies.diversity]
strength = 0.2
by = "als"

[policies.exploration]
least = 1

[[policies.boosts]]
name = "cheap"
item = "category=CATEGORY"
points = 0.5

[[policies.caps]]
name = "kinds"
by = "category"
most = 6

[[policies.quotas]]
name = "some"
item = "category=CATEGORY"
least = 2
"""
STRICT = '[[policies.caps]]\nname = "kinds"\nby = "category"\nmost = 2\n'


@pytest.fixture(scope="module")
def declared_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Publish two nights under many policies, of which some look at the night before; nobody may change it."""
    workspace, shop = Workspace(tmp_path_factory.mktemp("declared") / "shop"), Shop(SMALL_SHOP)
    write_delivery(shop, FIRST, workspace.root / "elsewhere")
    category = _a_category(workspace.root / "elsewhere")
    remove(workspace.root)
    # What was shown once is shown no more: the second night has nothing in common with the first.
    workspace.create(f"{WITHOUT_NETWORKS}min_overlap = 0\n{POLICIES.replace('CATEGORY', category)}")
    for day in (FIRST, SECOND):
        write_delivery(shop, day, workspace.root / "inbox")
        ending = run_night(workspace.root, day, load_settings(workspace.root), Options())
        assert ending.ending == "published", ending.reason
    return workspace


def _a_category(inbox: Path) -> str:
    (file,) = (inbox / "items").iterdir()
    assert file.suffix in (".csv", ".jsonl", ".parquet")
    rows = pq.read_table(file).to_pylist() if file.suffix == ".parquet" else _text_rows(file)
    found = rows[0]["category"]
    return found[0] if isinstance(found, list) else str(found).split("|")[0]


def _text_rows(file: Path) -> list[dict[str, Any]]:
    import csv

    lines = file.read_text().splitlines()
    return [json.loads(line) for line in lines] if file.suffix == ".jsonl" else list(csv.DictReader(lines))


@pytest.fixture
def declared(declared_once: Workspace, tmp_path: Path) -> Workspace:
    """Return a copy of a workspace with two nights under policies, free to change."""
    shutil.copytree(declared_once.root, tmp_path / "copy")
    return Workspace(tmp_path / "copy")


@pytest.fixture
def published_workspace(published_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return the workspace of two nights, simulated by the version that made them, whatever other tests take for a version by now."""
    code = published_workspace.current()["code"]
    monkeypatch.setattr(identity, "code_version", lambda: code)
    return published_workspace


@pytest.fixture
def policy(tmp_path: Path) -> Callable[[str], Path]:
    """Return a writer of files of policies."""

    def write(text: str) -> Path:
        (tmp_path / "other.toml").write_text(text)
        return tmp_path / "other.toml"

    return write


def contents(workspace: Workspace) -> dict[str, str]:
    """Return the hash of every file outside `simulation/`, but for the lock, which any run touches, and the name of every folder."""
    found = {}
    for path in workspace.root.rglob("*"):
        name = path.relative_to(workspace.root)
        if name.parts[0] != "simulation" and name != Path(".lock"):
            found[str(name)] = "folder" if path.is_dir() else file_hash(path)
    return found


def published(workspace: Workspace, table: str) -> list[dict[str, Any]]:
    return rows_of(workspace.root / workspace.current()["tables"][table]["path"])


def simulated(workspace: Workspace, table: str) -> list[dict[str, Any]]:
    (path,) = workspace.root.glob(f"simulation/at_work/.staging/*/tables/{table}.parquet")
    return rows_of(path)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).drop_columns(["run_id"] if "run_id" in pq.read_schema(path).names else []).to_pylist()


def typed(*words: object) -> int:
    """Carry out a command line in this process and return its exit code."""
    return app([str(word) for word in words], exit_on_error=False, result_action="return_value")


def require_same(workspace: Workspace, told: Simulated) -> None:
    """Claim that what was simulated is what was published, number for number, and is told so."""
    for table in ("recommendations", "why_not", "item_audience", "coverage"):
        assert simulated(workspace, table) == published(workspace, table), table
    assert (told.lists.summary.n_changed, told.lists.summary.overlap, told.lists.movers, told.policies) == (0, 1.0, (), ())
    assert told.before == told.after
    assert all(rule.n_before == rule.n_after for rule in told.left_out)


def test_the_policies_of_the_night_give_the_lists_that_were_published(declared):
    """Of a second night, with everything that it looks back at: lists shown before, and what has become old."""
    told = run_simulation(declared.root, declared.settings_file)
    require_same(declared, told)
    assert told.notes == ()
    assert {"fatigue", "seen", "blocks.items", "caps.kinds"} <= {rule.rule for rule in told.left_out if rule.n_after}


def test_an_earlier_night_that_is_served_again_knows_nothing_of_what_came_later(declared):
    """Deliveries and lists of later nights are there, and are not looked at."""
    assert roll_back(declared.root, FIRST, LATER, as_json=True) == 0
    require_same(declared, run_simulation(declared.root, declared.settings_file))


def test_a_night_without_policies_is_simulated_without(published_workspace, policy):
    require_same(published_workspace, run_simulation(published_workspace.root, policy("")))


def test_nothing_changes_but_its_own_folder(declared, policy):
    """Not a byte and not a folder: deliveries that wait are left alone as well, and what looks after the workspace finds nothing new."""
    (declared.inbox("interactions") / "tomorrow.csv").write_text("user_id,item_id,occurred_at\n")
    before, found = contents(declared), looked_after(declared)
    run_simulation(declared.root, policy(STRICT))
    assert contents(declared) == before
    assert looked_after(declared) == found
    assert sorted(path.name for path in (declared.root / "simulation").iterdir()) == ["at_work"]
    remove(declared.root / "simulation")
    assert contents(declared) == before


def looked_after(workspace: Workspace) -> tuple[Any, ...]:
    """Return what doctor, gc and status find; the free space of the disk changes under our feet."""
    findings = [finding for finding in diagnose(Scene(workspace, KeepingConfig(), LATER)) if finding.subject != "space"]
    return findings, orphans(workspace), forgettable(workspace, KeepingConfig(), LATER), workspace.attempts(), workspace.published()


def test_a_second_simulation_only_scores_again(declared, policy):
    run_simulation(declared.root, declared.settings_file)
    first = receipts(declared)
    other = declared.settings_file.read_text().replace("most = 6", "most = 2")
    told = run_simulation(declared.root, policy(other))
    again = receipts(declared)
    assert {name for name in first if again[name] != first[name]} == {"declare", "score"}
    assert told.lists.summary.n_changed > 0
    require_same(declared, run_simulation(declared.root, declared.settings_file))


def receipts(workspace: Workspace) -> dict[str, str]:
    return {path.stem: file_hash(path) for path in workspace.root.glob("simulation/at_work/.staging/*/*.json")}


def test_what_a_cap_does_is_told_by_rule_by_item_and_by_user(published_workspace, policy):
    """Lists that are too short for a cap are told so; every item that left has a rule that says why."""
    told = run_simulation(published_workspace.root, policy(STRICT), most=3)
    (capped,) = [rule for rule in told.left_out if rule.rule == "caps.kinds"]
    assert (capped.cause, capped.n_before, capped.n_users_before) == ("capped", 0, 0)
    assert capped.n_after == sum(row["rule"] == "caps.kinds" for row in simulated(published_workspace, "why_not"))
    assert [each.what for each in told.policies] == ["policies.caps"]
    assert any("caps.kinds" in finding for finding in told.findings)
    assert (len(told.lists.movers), len(told.lists.most_changed), len(told.short_lists)) == (3, 3, 3)
    assert (
        told.after.n_short == sum(row["fact"] == "short_list" for row in simulated(published_workspace, "coverage")) > told.before.n_short
    )

    user = told.lists.most_changed[0].user_id
    beside = run_simulation(published_workspace.root, policy(STRICT), user=str(user)).beside
    was, now = (
        [row["item_id"] for row in rows if row["user_id"] == user]
        for rows in (published(published_workspace, "recommendations"), simulated(published_workspace, "recommendations"))
    )
    assert ([place.item_id for place in beside.before], [place.item_id for place in beside.after]) == (was, now)
    left = {change.item_id: change.detail for change in beside.changes if change.change == "left"}
    assert left == dict.fromkeys(set(was) - set(now), "caps.kinds")


@pytest.mark.parametrize("words", [(), ("--user",), ("--limit", "2")])
def test_a_page_fits_a_terminal_and_json_holds_all_of_it(published_workspace, policy, capsys, words: Iterable[str]):
    asked = [*words, "1001"] if words == ("--user",) else list(words)
    line = ["simulate", "--policy", policy(STRICT), "-w", published_workspace.root, *asked]
    assert typed(*line) == 0
    page = capsys.readouterr().out
    assert all(len(shown) <= WIDTH for shown in page.splitlines())
    assert ("left (it was in place" in page) == (words == ("--user",))
    assert typed(*line, "--json") == 0
    told = Simulated.model_validate_json(capsys.readouterr().out)
    assert told == run_simulation(
        published_workspace.root, policy(STRICT), "1001" if words == ("--user",) else None, 2 if "--limit" in words else 10
    )


def with_manifest(workspace: Workspace, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = workspace.current()
    change(manifest)
    write_json(workspace.manifest_file(manifest["run_id"]), manifest)


VARIANTS = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "policies": {"caps": [{"name": "one", "by": "category", "most": 1}]}}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda manifest: manifest["settings"].update(experiment={"name": "caps", "variants": VARIANTS}), "the experiment caps"),
        (lambda manifest: manifest["settings"].update(no_such_section={}), "no_such_section"),
        (lambda manifest: manifest.pop("settings"), "published without them"),
        (lambda manifest: manifest.update(code="other"), "another version of nightly-recs"),
        (lambda manifest: manifest["inputs"].update({"0" * 64: {"source": "items", "name": "gone.csv"}}), "gone.csv"),
    ],
    ids=["experiment", "unread", "untold", "code", "deliveries"],
)
def test_what_keeps_a_simulation_from_being_the_night_is_said(published_workspace, policy, change, said):
    """And it goes on: the lists are made all the same, here as they were published."""
    with_manifest(published_workspace, change)
    told = run_simulation(published_workspace.root, policy(""))
    assert [said in note for note in told.notes] == [True]
    assert told.lists.summary.n_changed == 0


def test_a_minimum_is_said_not_to_be_simulated(published_workspace, policy):
    told = run_simulation(published_workspace.root, policy("[policies.minimum]\nchance = 0.5\n"))
    assert ["policies.minimum is not simulated" in note for note in told.notes] == [True]
    assert told.lists.summary.n_changed == 0


def test_settings_of_today_do_not_count(declared):
    """Only the policies of the file are other ones: the night was published with the settings that its manifest tells."""
    policies = declared.root.parent / "policies.toml"
    policies.write_text(declared.settings_file.read_text())
    declared.settings_file.write_text("[score]\nk = 3\n[segments]\nbounds = [1, 2]\n")
    require_same(declared, run_simulation(declared.root, policies))


def test_a_killed_simulation_hinders_no_night_and_goes_on(declared, policy, shop, run):
    """Kill -9 in the middle, then a simulation that gives what one that was never killed gives, then a night that is published."""
    before = contents(declared)
    command = [sys.executable, "-m", "flows.cli", "simulate", "--policy", str(policy(STRICT)), "--workspace", str(declared.root)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        reached = next(line for line in process.stderr if "prepare: started" in line)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, bool(reached)) == (-9, True)
    remove(declared.root / ".lock.json")  # names the process that was killed, as after any run
    assert contents(declared) == before
    require_same(declared, run_simulation(declared.root, declared.settings_file))
    write_delivery(shop, THIRD, declared.root / "inbox")
    ending = run(declared, THIRD)
    assert ending.ending == "published", ending.reason
    require_same(declared, run_simulation(declared.root, declared.settings_file))


def test_a_simulation_keeps_out_of_the_way_of_a_run(published_workspace, policy):
    with locked(published_workspace, "the other run", LATER), pytest.raises(LockHeldError, match="the other run"):
        run_simulation(published_workspace.root, policy(""))


def test_before_a_night_is_published_there_is_nothing_to_simulate(workspace, policy):
    with pytest.raises(UsageError, match="nightly run"):
        run_simulation(workspace.root, policy(""))


@pytest.mark.parametrize(("user", "said"), [("ada", "ids are integers"), ("999999", "no list, published or simulated")])
def test_a_user_nobody_knows_is_refused(published_workspace, policy, user, said):
    with pytest.raises(UsageError, match=said):
        run_simulation(published_workspace.root, policy(""), user)


def test_a_rule_that_cannot_be_carried_out_is_refused_by_name(published_workspace, policy):
    with pytest.raises(UsageError, match=r"policies\.caps\.kinds.*categry.*category"):
        run_simulation(published_workspace.root, policy(STRICT.replace('"category"', '"categry"')))
