"""Claims about `nightly plan`, and about nights that do not fit into memory."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest

from flows.attempt import Options
from flows.plan import preview_night, show_preview
from flows.settings import load_settings, set_in_file
from tasks.lock import locked
from tasks.refusals import InputRefusedError, StorageError
from tasks.shop import write_delivery
from tasks.storage import file_hash
from tests.conftest import SMALL_SHOP

FIRST, SECOND, THIRD = SMALL_SHOP.delivery_dates[:3]
AT = datetime.fromisoformat("2026-02-01T03:00:00")
CSV = "user_id,item_id,occurred_at\n" + "".join(f"{row % 9},{row % 7},2026-01-05T10:00:{row % 60:02}Z\n" for row in range(500))


@pytest.fixture
def planned(capsys):
    """Return what `nightly plan --json` of a workspace says, with its exit code under `exit`."""

    def ask(workspace, run_date: date = THIRD, **options: bool):
        capsys.readouterr()
        code = show_preview(preview_night(workspace.root, run_date, load_settings(workspace.root), AT, Options(**options)), as_json=True)
        return json.loads(capsys.readouterr().out) | {"exit": code}

    return ask


def contents(workspace) -> dict[str, str]:
    """Return the hash of every file of a workspace."""
    return {str(path): file_hash(path) for path in sorted(workspace.root.rglob("*")) if path.is_file()}


def test_before_a_first_night_only_what_waits_is_known(workspace, deliver, planned):
    """Rows and bytes of the files, the memory of taking them in; no seconds, no users, and so no verdict."""
    empty = planned(workspace)
    assert (empty["exit"], empty["waiting"], empty["events"], empty["fits"], empty["sizes"]) == (0, [], 0, None, None)
    deliver("monday.csv", CSV)
    found = planned(workspace)
    assert found["waiting"] == [{"source": "interactions", "name": "monday.csv", "rows": 500, "bytes": len(CSV), "outside": False}]
    assert (found["events"], found["seconds"], found["fits"], found["models"]) == (500, None, None, [])
    assert "nobody has counted users and items" in found["verdict"]
    assert {step["step"] for step in found["steps"]} == {"ingest", "stage", "validate", "keep", "prepare"}
    assert all(step["memory_bytes"] > 0 and step["seconds"] is None for step in found["steps"])


def test_after_a_night_its_costs_and_sizes_are_expected_again(published_workspace, planned):
    """Nothing new waits: every step is as it was, its models train again, and it fits."""
    entry = published_workspace.attempts()[-1]
    found = planned(published_workspace)
    assert (found["exit"], found["fits"], found["waiting"], found["based_on"]) == (0, True, [], str(SECOND))
    assert found["sizes"] == entry["sizes"]
    assert set(found["models"]) == {path.name for path in published_workspace.models.glob("*/*") if path.is_dir()}
    was = {step["step"]: step for step in entry["steps"]}
    assert list(was) == [step["step"] for step in found["steps"]]
    for step in found["steps"]:
        assert (step["rows"], step["bytes"]) == (was[step["step"]]["rows"], was[step["step"]]["bytes"])
        assert step["seconds"] == pytest.approx(was[step["step"]]["seconds"], abs=0.1)
    # One row more says what the others were built on.
    assert was["prepare"]["rows"] == 1 + sum(entry["sizes"][name] for name in ("n_users", "n_items", "n_events"))
    assert found["last_peak_bytes"] == entry["peak_bytes"]


def test_what_waits_is_added_and_makes_what_goes_with_events_longer(published_workspace, shop, planned):
    """With the next day in the inbox there are as many more events as it has rows; the gate takes no longer for it."""
    before = planned(published_workspace)
    write_delivery(shop, THIRD, published_workspace.root / "inbox")
    after = planned(published_workspace)
    news = sum(file["rows"] for file in after["waiting"] if file["source"] == "interactions")
    assert news > 0
    assert after["events"] - before["events"] == news
    growth = after["events"] / before["events"]
    was, now = ({step["step"]: step["bytes"] for step in found["steps"]} for found in (before, after))
    assert now["prepare"] == pytest.approx(was["prepare"] * growth, rel=1e-3)
    assert now["score"] == was["score"]


def test_a_plan_writes_nothing_and_waits_for_nobody(published_workspace, shop, planned):
    """It is made while a run holds the lock, and every file stays what it was."""
    write_delivery(shop, THIRD, published_workspace.root / "inbox")
    with locked(published_workspace, "a night", AT):
        before = contents(published_workspace)
        planned(published_workspace)
        assert contents(published_workspace) == before


def test_it_reads_well_too(published_workspace, capsys):
    """People get a table with a line a step, the seconds in all and the verdict last."""
    found = preview_night(published_workspace.root, None, load_settings(published_workspace.root), AT)
    assert show_preview(found, as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "plan of the night 2026-02-01"
    assert [line.split()[0] for line in lines if line.startswith(("train ", "score "))] == ["train", "score"]
    assert lines[-1].startswith("fits: about ")


def test_records_of_an_older_version_and_torn_ones_are_passed_over(published_workspace, planned):
    """What the last readable line tells counts; without any, it is as before the first night."""
    runs = published_workspace.runs
    older = [{key: entry[key] for key in entry if key not in ("steps", "sizes")} for entry in published_workspace.attempts()]
    with runs.open("a") as file:
        file.write(json.dumps(older[-1] | {"attempt_id": "older"}) + '\n{"attempt_id": "torn", "st')
    assert planned(published_workspace)["based_on"] == str(SECOND)
    runs.write_text("".join(f"{json.dumps(entry)}\n" for entry in older))
    found = planned(published_workspace)
    assert (found["based_on"], found["seconds"], found["sizes"]) == (None, None, None)
    assert found["events"] > 0, "what was accepted is still counted"


def test_a_last_night_that_held_more_than_is_offered_makes_the_verdict_careful(published_workspace, planned):
    """The sums say that it fits, and what was measured says otherwise: both are told, and nothing is refused."""
    entry = published_workspace.attempts()[-1] | {"attempt_id": "larger", "peak_bytes": 10**14}
    with published_workspace.runs.open("a") as file:
        file.write(f"{json.dumps(entry)}\n")
    found = planned(published_workspace)
    assert (found["exit"], found["verdict"].startswith("may not fit: about ")) == (0, True)
    assert "100,000.0 GB held by the last night" in found["verdict"]


def test_an_earlier_date_expects_nothing_of_later_nights(published_workspace, planned):
    assert planned(published_workspace, FIRST, replace=True)["based_on"] == str(FIRST)


def test_unreadable_and_contradicting_deliveries_are_named(workspace, deliver, planned):
    """A file that cannot be read has no rows to tell; one content as two sources is refused as the night would."""
    deliver("broken.parquet", "no such format")
    assert [(file["name"], file["rows"]) for file in planned(workspace)["waiting"]] == [("broken.parquet", None)]
    deliver("twice.csv", CSV)
    deliver("twice.csv", CSV, "users")
    with pytest.raises(InputRefusedError, match=r"twice\.csv"):
        planned(workspace)


def test_a_damaged_note_of_a_delivery_is_named(published_workspace, planned):
    note = next((published_workspace.raw / "interactions").glob("*.json"))
    note.write_text("{")
    with pytest.raises(StorageError, match=note.name):
        planned(published_workspace)


@pytest.mark.fault("A14")
def test_a_night_as_large_as_the_last_is_refused_before_it_takes_anything_in(published_workspace, shop, run, planned):
    """The plan says so with its exit code; the night says the same, and inbox, raw/, models and tables stay as they were."""
    write_delivery(shop, THIRD, published_workspace.root / "inbox")
    set_in_file(published_workspace.settings_file, "compute", "memory_gb", 0.3)
    found = planned(published_workspace)
    assert (found["exit"], found["fits"]) == (6, False)
    assert "does not fit" in found["verdict"]
    kept = [published_workspace.root / name for name in ("inbox", "raw", "models", "tables", "latest", "current.json")]
    before = {path: digest for path, digest in contents(published_workspace).items() if path.startswith(tuple(map(str, kept)))}
    ending = run(published_workspace, THIRD)
    assert (ending.ending, ending.exit_code) == ("failed", 6)
    assert "0.3 GB offered by [compute] memory_gb" in ending.reason
    after = {path: digest for path, digest in contents(published_workspace).items() if path.startswith(tuple(map(str, kept)))}
    assert after == before
    assert published_workspace.attempts()[-1]["exit_code"] == 6


@pytest.mark.fault("A14")
def test_a_first_night_that_does_not_fit_is_refused_before_it_trains(workspace, shop, run, planned):
    """Its deliveries are accepted, nothing is trained, and now that sizes are known the plan says so too."""
    write_delivery(shop, FIRST, workspace.root / "inbox")
    set_in_file(workspace.settings_file, "compute", "memory_gb", 0.9)
    ending = run(workspace, FIRST)
    assert (ending.exit_code, "memory for" in ending.reason) == (6, True)
    assert list((workspace.raw / "interactions").glob("*.parquet"))
    assert [step["step"] for step in workspace.attempts()[-1]["steps"]][-1] == "prepare"
    found = planned(workspace, FIRST)
    assert (found["exit"], found["fits"], found["based_on"]) == (6, False, str(FIRST))
