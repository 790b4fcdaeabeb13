"""What prefect.yaml promises, and what Prefect is told of a night: its steps, its log, its ending."""

from __future__ import annotations

import http.server
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml
from prefect import flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import TerminationSignal
from prefect.logging.handlers import APILogHandler
from prefect.settings import PREFECT_API_URL, PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.states import State
from prefect.testing.utilities import prefect_test_harness
from prefect.utilities.importtools import import_object

import flows.deployments as deployments
import flows.prefect_artifacts as prefect_artifacts
import flows.prefect_endings as prefect_endings
import flows.prefect_steps as prefect_steps
from flows.attempt import Ending, Options
from flows.prefect_api import api_is_alive
from tasks.lock import locked
from tasks.night import Night, Receipt, plain
from tasks.refusals import InputRefusedError, LockHeldError, StorageError, UsageError
from tasks.workspace import Workspace
from tests.ports import free_port

PROJECT = yaml.safe_load((Path(__file__).parents[1] / "prefect.yaml").read_text())
DEPLOYMENTS = {entry["name"]: entry for entry in PROJECT["deployments"]}
MONDAY = date(2026, 1, 5)
Nights = Callable[..., Night]


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[None]:
    """Run Prefect's temporary server, once: it takes longer to start than all that is asked of it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        environment.setenv("DO_NOT_TRACK", "1")
        with prefect_test_harness(server_startup_timeout=120):
            yield


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder but the lock, which is there while it is held."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".lock" not in path.name
    }


# --- prefect.yaml -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_deployment_names_a_flow_and_its_parameters(name: str) -> None:
    """Each entry can be imported under its own name, and gives its flow nothing the flow would refuse."""
    entry = DEPLOYMENTS[name]
    found = import_object(entry["entrypoint"])
    assert found.name == name
    given = dict(entry["parameters"], workspace="some/folder")
    assert given.keys() <= found.parameters.properties.keys()
    asked_for = {
        "republish": {"model_version": "abc"},
        "backfill": {"first": "2026-01-05", "last": "2026-01-06"},
        "rollback": {"to": "2026-01-05"},
    }
    found.validate_parameters({**given, **asked_for.get(name, {})})


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_form_describes_every_parameter(name: str) -> None:
    """Whoever opens the form in Prefect reads a name in words and what each parameter means; what has few values is a drop-down."""
    properties = import_object(DEPLOYMENTS[name]["entrypoint"]).parameters.properties
    for parameter, described in properties.items():
        assert described.get("description"), parameter
        assert described["title"][0].isupper(), parameter
    if "on_bad_file" in properties:
        assert properties["on_bad_file"]["enum"] == ["as set", "stop", "set_aside"]
    assert [described["position"] for described in properties.values()] == list(range(len(properties)))


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_schedule_is_valid_and_dates_its_nights_in_its_own_zone(name: str) -> None:
    """A cron line parses, and the night's date is taken in the zone the schedule is read in."""
    for schedule in DEPLOYMENTS[name].get("schedules", []):
        CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
        assert DEPLOYMENTS[name]["parameters"]["timezone"] == schedule["timezone"]


def test_nightly_is_scheduled_and_all_share_one_pool() -> None:
    """Nights run on their own, after whoever is at work; everything else waits to be asked for; one worker serves all of it, unlimited."""
    assert [name for name, entry in DEPLOYMENTS.items() if entry.get("schedules")] == ["nightly"]
    assert {entry["work_pool"]["name"] for entry in DEPLOYMENTS.values()} == {"nightly-pool"}
    assert DEPLOYMENTS["nightly"]["schedules"][0]["parameters"] == {"wait": True}
    assert not any("concurrency_limit" in entry for entry in DEPLOYMENTS.values())


@pytest.mark.parametrize(("parameters", "said"), [
    ({"workspace": ""}, "workspace"),
    ({"workspace": ".", "timezone": "Mars/Olympus"}, "no time zone is called 'Mars/Olympus'"),
    ({"workspace": ".", "run_date": "yesterday"}, "run_date"),
    ({"workspace": ".", "on_bad_file": "ignore"}, "on_bad_file"),
])  # fmt: skip
def test_form_refuses_what_no_night_can_use(parameters: dict[str, str], said: str) -> None:
    """An unfit parameter is refused by name, before anything runs."""
    with pytest.raises(Exception, match=said):
        deployments.nightly.validate_parameters(parameters)


# --- the date of a scheduled night ------------------------------------------------------------------------------------


def test_night_is_dated_by_the_scheduled_moment_in_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run scheduled for half past midnight in Zurich belongs to the day that has begun there, not to the one ending in UTC."""
    scheduled = SimpleNamespace(scheduled_start_time=datetime(2026, 1, 5, 23, 30, tzinfo=UTC))
    monkeypatch.setattr(deployments, "flow_run", scheduled)
    assert deployments.night_date(None, "UTC") == date(2026, 1, 5)
    assert deployments.night_date(None, "Europe/Zurich") == date(2026, 1, 6)
    assert deployments.night_date(MONDAY, "Europe/Zurich") == MONDAY


# --- endings ----------------------------------------------------------------------------------------------------------


def ending(word: str, exit_code: int = 0, reason: str = "because", next_step: str = "") -> Ending:
    return Ending(ending=word, exit_code=exit_code, run_date=MONDAY, reason=reason, next_step=next_step)


@pytest.mark.parametrize(("endings", "kind", "name", "said"), [
    ([ending("published")], "COMPLETED", "Completed", "published: because"),
    ([ending("unchanged")], "COMPLETED", "Completed", "unchanged: because"),
    ([ending("skipped")], "COMPLETED", "Completed", "skipped: because"),
    ([ending("kept_last_good", 4, next_step="look")], "FAILED", "KeptLastGood", "kept_last_good: because. Next: look"),
    ([ending("failed", 6)], "FAILED", "Failed", "failed: because"),
    ([ending("published"), ending("unchanged")], "COMPLETED", "Completed", "2 nights: 1 published, 1 unchanged"),
    ([ending("published"), ending("kept_last_good", 3), ending("published")], "FAILED", "KeptLastGood", "1 kept_last_good. kept"),
    ([ending("kept_last_good", 3), ending("failed", 6)], "FAILED", "Failed", "1 kept_last_good, 1 failed. failed: because"),
])  # fmt: skip
def test_ending_is_a_state(endings: list[Ending], kind: str, name: str, said: str) -> None:
    """Prefect's state says what the exit code says, and its message why."""
    state = prefect_endings.state_of(endings)
    assert (state.type.value, state.name) == (kind, name)
    assert said in state.message


def test_refusal_is_a_state() -> None:
    """A held lock cancels the run under its own name; a date that cannot be run fails it."""
    held = prefect_endings.refused_state(LockHeldError("shop", "no other run", "one", "wait"))
    assert (held.type.value, held.name) == ("CANCELLED", "LockHeld")
    assert "Next: wait" in held.message
    assert prefect_endings.refused_state(UsageError("date", "a", "b", "c")).type.value == "FAILED"


# --- steps as Prefect tasks -------------------------------------------------------------------------------------------


class Counted(Receipt, frozen=True):
    runs: int


RUNS: list[str] = []


def counted(night: Night, earlier: Receipt | None, limits: dict[str, Any]) -> Counted:
    """Count how often this step was carried out."""
    RUNS.append(str(night.run_date))
    logging.getLogger("nightly").info("counted %d", len(RUNS))
    return Counted(runs=len(RUNS))


def within_flow(work: Callable[[], Any]) -> Any:
    return flow(work, name="within", persist_result=False)()


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_api")
def test_step_keeps_its_receipt_under_prefect(night: Nights) -> None:
    """A step done before, plainly or under Prefect, is not done again by the other: both see the same inputs."""
    RUNS.clear()
    at, limits = night(), {"low": (1, 2.5)}
    done_plainly = plain(counted, at, None, limits)
    first = within_flow(lambda: prefect_steps.as_prefect_task(counted, at, None, limits))
    assert (first, len(RUNS)) == (done_plainly, 1)
    again = within_flow(lambda: prefect_steps.as_prefect_task(counted, at, first, limits))
    assert (plain(counted, at, first, limits), len(RUNS)) == (again, 2)


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize(("error", "tries"), [
    (StorageError("server", "an answer", "none", "start it"), 3),
    (InputRefusedError("file", "rows", "none", "send it again"), 1),
])  # fmt: skip
def test_only_the_outside_world_is_tried_again(night: Nights, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int) -> None:
    """A server may answer the second time; a bad delivery stays bad."""
    monkeypatch.setattr(prefect_steps, "RETRY_DELAY_SECONDS", 0)
    tried = []

    def ingest(_night: Night) -> Receipt:
        tried.append(1)
        raise error

    with pytest.raises(type(error)):
        within_flow(lambda: prefect_steps.as_prefect_task(ingest, night()))
    assert len(tried) == tries


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_api")
# A task without a flow has nowhere to log to; within a flow, Prefect would end this very process.
@pytest.mark.filterwarnings("ignore:Logger 'prefect.task_runs' attempted")
def test_termination_reaches_the_attempt_and_then_prefect(night: Nights) -> None:
    """Within the attempt a cancelled run is an exit with 143, which is recorded; outside of it Prefect gets its own signal back."""

    def train(_night: Night) -> Receipt:
        raise TerminationSignal(signal=15)

    with pytest.raises(SystemExit) as stopped:
        prefect_steps.as_prefect_task(train, night())
    assert stopped.value.code == 143
    with pytest.raises(TerminationSignal), prefect_steps.terminated():
        raise stopped.value


# --- whole flows, under Prefect's temporary server ----------------------------------------------------------------------


def ask(path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask Prefect's API itself: its synchronous client sends filters for logs and artifacts that the API refuses."""
    address = f"{PREFECT_API_URL.value()}/{path}"
    data = None if body is None else json.dumps(body).encode()
    request = Request(address, data, {"Content-Type": "application/json"})  # noqa: S310 - the address is our own server's
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def logged(flow_run_id: Any) -> str:
    APILogHandler().flush()
    lines = ask("logs/filter", {"logs": {"flow_run_id": {"any_": [str(flow_run_id)]}}})
    return "\n".join(line["message"] for line in lines)


def shown(flow_run_id: Any) -> dict[str, str]:
    artifacts = ask("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [str(flow_run_id)]}}})
    return {artifact["key"]: artifact["data"] for artifact in artifacts}


def tasks_of(flow_run_id: Any) -> list[dict[str, Any]]:
    """Return a run's tasks; Prefect writes them down from events, a moment after they happened."""
    for _ in range(100):
        found: list[dict[str, Any]] = ask("task_runs/filter", {"flow_runs": {"id": {"any_": [str(flow_run_id)]}}})
        if found:
            return found
        time.sleep(0.1)
    return []


def refreshed(workspace: Workspace) -> State[Any]:
    return deployments.refresh(str(workspace.root), MONDAY, return_state=True)


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_api")
def test_bad_delivery_ends_kept_last_good(workspace: Workspace, deliver: Callable[..., Path]) -> None:
    """The run says which file, what was found and what to type, in its state, its log and its summary; it is named by its date."""
    deliver("cut.csv", "user_id,item_id\nanna,le")
    state = refreshed(workspace)
    assert (state.type.value, state.name) == ("FAILED", "KeptLastGood")
    assert "cut.csv" in state.message
    assert "Next:" in state.message
    run_id = state.state_details.flow_run_id
    assert ask(f"flow_runs/{run_id}")["name"] == f"refresh {MONDAY}"
    assert "ingest: started" in logged(run_id)
    assert "# Kept the last good tables" in shown(run_id)["refresh-summary"]
    assert {"ending:kept_last_good", f"run_date:{MONDAY}"} <= set(ask(f"flow_runs/{run_id}")["tags"])
    assert [task["name"] for task in tasks_of(run_id)] == [f"ingest {MONDAY}"]


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize(("name", "parameters", "handed_over"), [
    ("retrain", {"run_date": MONDAY, "allow_volume": True}, (MONDAY, Options(allow_volume=True))),
    ("republish", {"run_date": MONDAY, "model_version": "abc"}, (MONDAY, "abc", Options())),
    ("nightly", {"run_date": MONDAY, "replace": True, "wait": True}, (MONDAY, Options(replace=True, wait=True))),
])  # fmt: skip
def test_form_reaches_the_night(
    monkeypatch: pytest.MonkeyPatch, workspace: Workspace, name: str, parameters: dict[str, Any], handed_over: tuple[Any, ...]
) -> None:
    """What is filled in is what is run."""
    given: list[Any] = []

    def run(root: Path, *arguments: Any) -> Ending:
        given.extend([root, *(argument for argument in arguments if isinstance(argument, date | str | Options))])
        return ending("published")

    monkeypatch.setattr(deployments, "run_night" if name == "nightly" else f"run_{name}", run)
    assert getattr(deployments, name)(str(workspace.root), **parameters, return_state=True).name == "Completed"
    assert given == [workspace.root, *handed_over, ""]


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_api")
def test_backfill_shows_its_nights(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
    """One run, named by its range, in the state of its worst night, with a line for each."""
    monkeypatch.setattr(deployments, "run_backfill", lambda *_: [ending("published"), ending("kept_last_good", 3)])
    state = deployments.backfill(str(workspace.root), MONDAY, date(2026, 1, 6), return_state=True)
    assert (state.name, state.message.split(".")[0]) == ("KeptLastGood", "2 nights: 1 published, 1 kept_last_good")
    run_id = state.state_details.flow_run_id
    assert ask(f"flow_runs/{run_id}")["name"] == "backfill 2026-01-05 to 2026-01-06"
    assert shown(run_id)["backfill-summary"].count("| 2026-01-05 |") == 2


@pytest.mark.fault("D1")
@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_api")
def test_held_lock_cancels_the_run_and_touches_nothing(workspace: Workspace, deliver: Callable[..., Path]) -> None:
    """While somebody else writes, a run ends at once, says who that is, and changes no file."""
    deliver("day.csv", "user_id,item_id\nanna,lemon\n")
    before = snapshot(workspace.root)
    with locked(workspace, "somebody else", datetime(2026, 1, 6, 3, tzinfo=UTC)):
        state = refreshed(workspace)
    assert (state.type.value, state.name) == ("CANCELLED", "LockHeld")
    assert "somebody else" in state.message
    assert snapshot(workspace.root) == before


@pytest.mark.fault("A11", "D8")
@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_api")
def test_night_does_not_depend_on_its_summary(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
    """A summary that cannot be shown is a warning in the log; the run ends as the night did."""

    def broken(*_: Any, **__: Any) -> None:
        raise ConnectionError("nobody there")

    monkeypatch.setattr(prefect_artifacts, "create_markdown_artifact", broken)
    monkeypatch.setattr(deployments, "run_night", lambda *_: ending("published"))
    state = deployments.nightly(str(workspace.root), MONDAY, return_state=True)
    assert state.name == "Completed"
    assert "not shown in Prefect: nobody there" in logged(state.state_details.flow_run_id)


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_api")
def test_nothing_is_pickled(monkeypatch: pytest.MonkeyPatch, workspace: Workspace, tmp_path: Path) -> None:
    """A run that fails unforeseen has Prefect keep its error, as JSON and nothing else; any other run has it keep nothing."""

    def unforeseen(*_: Any) -> None:
        raise ZeroDivisionError("a mistake of ours")

    kept = tmp_path / "kept"
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: kept}):
        refreshed(workspace)
        assert not kept.exists() or not list(kept.iterdir())
        monkeypatch.setattr(deployments, "run_night", unforeseen)
        state = deployments.nightly(str(workspace.root), MONDAY, return_state=True)
    assert "a mistake of ours" in state.message
    assert [json.loads(path.read_text())["message"] for path in kept.iterdir()] == ["a mistake of ours"]


# --- nights from the shell --------------------------------------------------------------------------------------------


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_api")
def test_shell_gets_the_ending_and_the_refusal(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
    """A night recorded from the shell returns its ending, whatever state that is in Prefect, and raises what it would raise plainly."""
    typed = []

    def held(*given: Any) -> Ending:
        typed.append(given[-1])
        return ending("kept_last_good", 4)

    monkeypatch.setattr(deployments, "run_night", held)
    assert deployments.run_recorded(workspace.root, MONDAY, Options(), None, "nightly run --replace") == ending("kept_last_good", 4)
    assert typed == ["nightly run --replace"]
    with locked(workspace, "somebody else", datetime(2026, 1, 6, 3, tzinfo=UTC)):
        monkeypatch.undo()
        with pytest.raises(LockHeldError, match="somebody else"):
            deployments.run_recorded(workspace.root, MONDAY, Options(), None, "")


@pytest.mark.fault("D8")
def test_night_runs_although_prefect_fails(monkeypatch: pytest.MonkeyPatch, workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    """Where Prefect cannot even begin a run, the night runs without it and says so."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("Failed to reach API")

    monkeypatch.setattr(deployments, "nightly", broken)
    monkeypatch.setattr(deployments, "run_night", lambda *_, **__: ending("published"))
    assert deployments.run_recorded(workspace.root, MONDAY, Options(), None, "") == ending("published")
    assert "not recorded in Prefect: Failed to reach API" in caplog.text


class Healthy(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/api/health" else 500)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("status", "alive"), [(200, True), (401, True), (503, False)])
def test_api_that_answers_is_alive(monkeypatch: pytest.MonkeyPatch, status: int, alive: bool) -> None:
    """Any answer but one of distress will do: a password is the client's business."""
    monkeypatch.setattr(Healthy, "status", status)
    with http.server.HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert api_is_alive(f"http://127.0.0.1:{server.server_port}/api/") is alive


@pytest.mark.fault("D8")
def test_silence_is_no_api() -> None:
    """A port where nobody listens, and what is no web address at all, count as no API."""
    assert not api_is_alive(f"http://127.0.0.1:{free_port()}/api")
    assert not api_is_alive("file:///etc/hosts")
    assert not api_is_alive("http://")
