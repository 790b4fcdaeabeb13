"""A Prefect server, a worker and a webhook for tests, as their users have them: real processes of this machine, ended with the tests."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from flows.prefect_api import api_is_alive
from tests.ports import free_port

PROJECT = Path(__file__).parents[1]
PREFECT = str(Path(sys.executable).with_name("prefect"))
NIGHTLY = [sys.executable, "-m", "flows.cli"]
POOL = "nightly-pool"
TIMEOUT_SECONDS = 240
FINAL = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


def wait_for(what: str, found: Callable[[], Any], seconds: float = TIMEOUT_SECONDS) -> Any:
    """Ask again and again until there is an answer."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = found()
        if answer:
            return answer
        time.sleep(0.2)
    raise TimeoutError(f"waited {seconds:.0f} s for {what}")


@dataclass
class Server:
    """A server on a free port of this machine: its address, the environment of those who talk to it, and where processes log."""

    address: str
    environment: dict[str, str]
    logs: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a program that lives until it is killed, or until the tests end."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.logs, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        return self.processes[name]

    def start_server(self) -> None:
        port = self.address.split(":")[2].removesuffix("/api")
        self.start("server", [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", port])
        wait_for("the server", lambda: api_is_alive(self.address))

    def start_worker(self) -> None:
        self.start("worker", [PREFECT, "worker", "start", "--pool", POOL])

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a program and to all it started, and see it gone."""
        process = self.processes.pop(name)
        groups = _groups_under(process.pid)
        _signal(groups, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        _signal(groups, signal.SIGKILL)
        process.wait(5)

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text()

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

    def run(self, *command: str) -> str:
        """Run a command to its end in the project's folder and return what it printed as its result."""
        done = subprocess.run(command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def asked_for(self, deployment: str, **parameters: Any) -> str:
        """Ask for a run of a deployment and return its id."""
        found = self.ask(f"deployments/name/{deployment}/{deployment}")
        given = {name: str(value) for name, value in parameters.items()}
        return str(self.ask(f"deployments/{found['id']}/create_flow_run", {"parameters": given})["id"])

    def state_in_the_end(self, flow_run_id: str) -> dict[str, Any]:
        """Wait for a run to end and return its last state."""

        def final() -> dict[str, Any] | None:
            state: dict[str, Any] = self.ask(f"flow_runs/{flow_run_id}")["state"]
            return state if state["type"] in FINAL else None

        found: dict[str, Any] = wait_for("a flow run", final)
        return found

    def shown(self, flow_run_id: str) -> dict[str, Any]:
        """Return the artifacts of a run by their keys."""
        artifacts = self.ask("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [flow_run_id]}}})
        return {artifact["key"]: artifact for artifact in artifacts}


@contextmanager
def prefect_server(home: Path, *, plans_runs: bool = False) -> Iterator[Server]:
    """Start a server whose files lie in a folder; it, and all that is started through it, ends with the block, however that ends.

    `plans_runs` says whether it does what schedules ask for.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "NIGHTLY_"))}  # noqa: TID251
    environment = kept | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # No night of the schedule's own may come between, should the test be run at two o'clock.
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": str(plans_runs).lower(),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    server = Server(environment["PREFECT_API_URL"], environment, home)
    try:
        server.start_server()
        yield server
    finally:
        for name in reversed(list(server.processes)):
            server.kill(name, signal.SIGTERM)


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Be a webhook for as long as the block lasts: its address, and the messages it got, in order."""
    messages: list[dict[str, str]] = []

    class Mailbox(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(HTTPStatus.OK)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mailbox) as mailbox:
        threading.Thread(target=mailbox.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{mailbox.server_port}/", messages
        mailbox.shutdown()


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
