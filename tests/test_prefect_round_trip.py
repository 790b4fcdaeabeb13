"""A night as Prefect's users run it: a real server, a worker, the deployments of prefect.yaml, one command; all on this machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pyarrow.parquet as pq
import pytest

from flows.prefect_api import api_is_alive
from flows.settings import default_file
from tasks.shop import ALL_PARQUET, Shop, ShopConfig, write_delivery
from tasks.workspace import Workspace

PROJECT = Path(__file__).parents[1]
PREFECT = str(Path(sys.executable).with_name("prefect"))
SHOP = ShopConfig(n_users=120, n_items=60, n_tastes=4, days=20, history_days=20, interactions_per_day=150)
(FIRST_NIGHT,) = SHOP.delivery_dates
TIMEOUT_SECONDS = 120

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Server:
    """A running server: its address, the environment of those who talk to it, and where its processes log."""

    address: str
    environment: dict[str, str]
    logs: Path

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the API itself, and again while it is too busy: several processes write to its SQLite file."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.address}/{path}", data, {"Content-Type": "application/json"})  # noqa: S310 - the address is our own

        def answer() -> list[Any] | None:
            try:
                with urlopen(request, timeout=30) as response:  # noqa: S310
                    return [json.load(response)]
            except HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                return None

        return wait_for(path, answer)[0]

    def prefect(self, *arguments: str) -> str:
        """Run a command of Prefect's to its end in the project's folder and return what it printed."""
        command = [PREFECT, "--no-prompt", *arguments]
        done = subprocess.run(command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextmanager
def running(name: str, command: list[str], environment: dict[str, str], logs: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for as long as the block lasts, and end it and all it started after that, however the block ends."""
    with (logs / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=logs, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            yield process
        finally:
            groups = _groups_under(process.pid)
            _signal(groups, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            _signal(groups, signal.SIGKILL)
            process.wait(5)


def _groups_under(root: int) -> set[int]:
    """Return the process groups of a process and its descendants: a worker's flow runs have groups of their own."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,pgid="], capture_output=True, text=True, check=True).stdout
    rows = [tuple(map(int, line.split())) for line in listed.splitlines()]
    family, groups = {root}, {root}
    for pid, parent, group in sorted(rows):
        if parent in family:
            family.add(pid)
            groups.add(group)
    return groups


def _signal(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, number)


def wait_for(what: str, found: Callable[[], Any], seconds: float = TIMEOUT_SECONDS) -> Any:
    """Ask again and again until there is an answer."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = found()
        if answer:
            return answer
        time.sleep(0.2)
    raise TimeoutError(f"waited {seconds:.0f} s for {what}")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace in whose inbox a tiny shop's history waits."""
    workspace = Workspace(tmp_path_factory.mktemp("shop") / "workspace")
    workspace.create(default_file(threads=1))
    write_delivery(Shop(SHOP), FIRST_NIGHT, workspace.root / "inbox", ALL_PARQUET)
    return workspace


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shop: Workspace) -> Iterator[Server]:
    """Start a server on a free port of this machine, with the deployments of prefect.yaml and a worker."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/api"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "NIGHTLY_"))}  # noqa: TID251
    environment = kept | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": address,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # No night of the schedule's own may come between, should the test be run at two o'clock.
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "NIGHTLY_WORKSPACE": str(shop.root),
    }
    start = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with running("server", start, environment, home):
        wait_for("the server", lambda: api_is_alive(address))
        started = Server(address, environment, home)
        started.prefect("work-pool", "create", "--type", "process", "nightly-pool")
        started.prefect("deploy", "--all")
        with running("worker", [PREFECT, "worker", "start", "--pool", "nightly-pool"], environment, home):
            yield started


def asked_for(server: Server, deployment: str) -> str:
    """Ask for a run of a deployment, for the first night, and return its id."""
    found = server.ask(f"deployments/name/{deployment}/{deployment}")
    run = server.ask(f"deployments/{found['id']}/create_flow_run", {"parameters": {"run_date": str(FIRST_NIGHT)}})
    return str(run["id"])


def state_in_the_end(server: Server, flow_run_id: str) -> dict[str, Any]:
    """Wait for a run to end and return its last state."""

    def final() -> dict[str, Any] | None:
        state: dict[str, Any] = server.ask(f"flow_runs/{flow_run_id}")["state"]
        return state if state["type"] in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED") else None

    found: dict[str, Any] = wait_for("a flow run", final)
    return found


@dataclass(frozen=True)
class Evening:
    """What came of a night that was asked for, and of what was asked for while it ran."""

    exit_code: int
    printed: str
    second_night: dict[str, Any]
    other_flow: dict[str, Any]


@pytest.fixture(scope="module")
def evening(server: Server, shop: Workspace) -> Evening:
    """Run the first night with one command, and ask for more while it holds the lock."""
    command = [PREFECT, "deployment", "run", "nightly/nightly", "--param", f"run_date={FIRST_NIGHT}", "--watch"]
    with running("night", command, server.environment, server.logs) as night:
        wait_for("the night to begin", lambda: (shop.root / ".lock.json").exists() or night.poll() is not None)
        second_night, other_flow = asked_for(server, "nightly"), asked_for(server, "refresh")
        second, other = state_in_the_end(server, second_night), state_in_the_end(server, other_flow)
        night.wait(TIMEOUT_SECONDS)
    return Evening(night.returncode, (server.logs / "night.log").read_text(), second, other)


def test_one_command_publishes_a_night(evening: Evening, shop: Workspace) -> None:
    """The documented command runs a default night, networks and all, on the worker, waits for it, and its tables are served."""
    assert evening.exit_code == 0, evening.printed
    assert {folder.name for folder in shop.models.glob("*/*")} >= {"attention", "towers"}
    assert json.loads(shop.pointer.read_text())["run_date"] == str(FIRST_NIGHT)
    assert pq.read_metadata(shop.table("recommendations", FIRST_NIGHT)).num_rows > 0


def test_nobody_else_gets_in_meanwhile(evening: Evening, shop: Workspace) -> None:
    """Prefect turns away a second night, the lock another flow; both end at once and leave no trace in the workspace."""
    assert evening.second_night["type"] == "CANCELLED"
    assert (evening.other_flow["type"], evening.other_flow["name"]) == ("CANCELLED", "LockHeld")
    assert "night for" in evening.other_flow["message"]
    assert [attempt["ending"] for attempt in shop.attempts()] == ["published"]


def test_prefect_shows_what_happened(evening: Evening, server: Server) -> None:
    """The run bears the night's date, its state says published, and its log and tables are there to read."""
    runs = server.ask("flow_runs/filter", {"flow_runs": {"state": {"name": {"any_": ["Completed"]}}}})
    (run,) = [run for run in runs if run["state"]["message"].startswith("published: ")]
    assert run["name"] == f"nightly {FIRST_NIGHT}"
    log = server.ask("logs/filter", {"logs": {"flow_run_id": {"any_": [run["id"]]}}})
    assert f"recommendations for {FIRST_NIGHT}" in "\n".join(line["message"] for line in log)
    shown = server.ask("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    assert {artifact["key"] for artifact in shown} == {"night-summary", "night-ladder", "night-gate"}


def test_same_night_again_touches_nothing(evening: Evening, server: Server, shop: Workspace) -> None:
    """The same night asked for again is found published already."""
    table = shop.table("recommendations", FIRST_NIGHT)
    before = table.stat().st_mtime_ns
    again = state_in_the_end(server, asked_for(server, "nightly"))
    assert (again["name"], again["message"].split(":")[0]) == ("Completed", "unchanged")
    assert table.stat().st_mtime_ns == before
