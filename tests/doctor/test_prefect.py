"""Claims about what `nightly doctor` asks a Prefect server, held against answers of one that says what a test wants."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from typing import Any

import pytest

from flows.doctor_prefect import prefect_findings
from tasks.workspace import Workspace

AT = datetime.fromisoformat("2026-01-06T03:00:00")
Told = Callable[..., list[tuple[str, str]]]


class Answers(BaseHTTPRequestHandler):
    """Answers what the server's `said` has for a path, 404 otherwise; remembers what it was asked, and by whom."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        path = self.path.removeprefix("/api/")
        self.server.asked[path] = (json.loads(self.rfile.read(length) or b"null"), self.headers.get("Authorization"))  # type: ignore[attr-defined]
        said = self.server.said.get(path)  # type: ignore[attr-defined]
        self.send_response(404 if said is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    do_GET = do_POST = _answer  # noqa: N815 - the names the standard library calls

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def well(root: str) -> dict[str, Any]:
    """Return what a server says that would run tonight's night for a workspace."""
    nightly = {
        "name": "nightly", "parameters": {"workspace": root}, "paused": False, "status": "READY",
        "schedules": [{"active": True}], "work_pool_name": "nightly-pool",
    }  # fmt: skip
    return {
        "health": True,
        "admin/version": metadata.version("prefect"),
        "deployments/filter": [nightly],
        "work_pools/nightly-pool": {"is_paused": False},
        "work_pools/nightly-pool/workers/filter": [{"status": "OFFLINE"}, {"status": "ONLINE"}],
        "automations/filter": [{"enabled": True}],
        "flow_runs/filter": [],
    }


@pytest.fixture
def server() -> Iterator[Any]:
    """Return a server that answers; `said` and `asked` belong to it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as serving:
        serving.said, serving.asked = {}, {}  # type: ignore[attr-defined]
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def told(workspace: Workspace, server: Any) -> Told:
    """Return what asks the server, which is well but for what is given; returns levels with sentences, and next steps."""

    def ask(*, is_at_work: bool = False, environment: dict[str, str] | None = None, **otherwise: Any) -> list[tuple[str, str]]:
        named = {path.replace("__", "/").replace("nightly_pool", "nightly-pool"): said for path, said in otherwise.items()}
        server.said = well(str(workspace.root)) | named
        address = f"http://127.0.0.1:{server.server_address[1]}/api"
        found = prefect_findings(workspace, {"PREFECT_API_URL": address, **(environment or {})}, AT, is_at_work)
        return [(f"{each.level}: {each.sentence}", each.next_step.partition(";")[0]) for each in found]

    return ask


def test_a_server_that_would_run_tonight_is_well(told: Told) -> None:
    ((sentence, step),) = told()
    assert (sentence.startswith("ok: answers at http://127.0.0.1:"), step) == (True, "")


def test_what_is_asked_is_asked_of_our_deployments_and_with_the_password(told: Told, server: Any) -> None:
    told(environment={"PREFECT_API_AUTH_STRING": "ada:secret"})
    question, who = server.asked["deployments/filter"]
    assert question == {"deployments": {"tags": {"all_": ["nightly-recs"]}}}
    assert who == f"Basic {base64.b64encode(b'ada:secret').decode()}"
    told(environment={"PREFECT_API_KEY": "key"})
    assert server.asked["flow_runs/filter"][1] == "Bearer key"


def run_in(state: str, minutes: float, name: str = "") -> dict[str, Any]:
    """Return a flow run that has been in a state for some minutes."""
    since = (AT.replace(tzinfo=UTC) - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    return {
        "id": "0-1",
        "name": "nightly 2026-01-05",
        "state": {"type": state, "name": name, "timestamp": since},
        "expected_start_time": since,
    }


@pytest.mark.parametrize(
    ("otherwise", "says", "types"),
    [
        ({"admin__version": "3.1.0"}, "the server is of version 3.1.0", "make setup"),
        ({"deployments__filter": []}, "nothing is deployed for this workspace", "nightly deploy --workspace {root}"),
        ({"deployments__filter": None}, "does not say what is deployed", "export PREFECT_API_AUTH_STRING=..."),
        ({"work_pools__nightly_pool": None}, "the work pool nightly-pool is gone", "nightly deploy --workspace {root}"),
        ({"work_pools__nightly_pool": {"is_paused": True}}, "is paused", "prefect work-pool resume nightly-pool"),
        (
            {"work_pools__nightly_pool__workers__filter": [{"status": "OFFLINE"}]},
            "no worker polls",
            "prefect worker start --pool nightly-pool",
        ),
        ({"automations__filter": []}, "no automation is active", "nightly deploy --workspace {root}"),
        ({"automations__filter": [{"enabled": False}]}, "no automation is active", "nightly deploy --workspace {root}"),
        ({"flow_runs__filter": [run_in("PENDING", 40)]}, "is Pending since 2026-01-06 02:20", "prefect flow-run cancel 0-1"),
        ({"flow_runs__filter": [run_in("SCHEDULED", 40, "Late")]}, "is late", "prefect flow-run cancel 0-1"),
        ({"flow_runs__filter": [run_in("RUNNING", 40)]}, "nobody is at work", "prefect flow-run cancel 0-1"),
    ],
)
def test_what_would_keep_tonight_from_running_or_from_being_told_is_a_warning(
    told: Told, workspace: Workspace, otherwise: dict[str, Any], says: str, types: str
) -> None:
    ((sentence, step),) = told(**otherwise)
    assert (sentence.startswith("warn: "), says in sentence, step) == (True, True, types.format(root=workspace.root)), sentence


def test_schedules_and_folders_are_those_of_this_workspace(told: Told, workspace: Workspace) -> None:
    (nightly,) = well(str(workspace.root))["deployments/filter"]
    ((sentence, _),) = told(deployments__filter=[nightly | {"parameters": {"workspace": "/elsewhere"}}])
    assert sentence == "warn: nothing is deployed for this workspace, only for /elsewhere"
    for silent in ({"paused": True}, {"schedules": []}, {"schedules": [{"active": False}]}):
        ((sentence, _),) = told(deployments__filter=[nightly | silent])
        assert "no schedule starts a night" in sentence
    ((sentence, step),) = told(deployments__filter=[nightly | {"work_pool_name": None, "status": "NOT_READY"}])
    assert (sentence, step) == ("warn: nobody serves nightly", f"nightly serve --workspace {workspace.root}")


def test_a_schedule_without_a_run_ahead_is_told_of_once_the_server_had_time(told: Told, workspace: Workspace) -> None:
    """Its scheduler may fail without a word to anybody: then deployments look well, and no night begins."""
    (nightly,) = well(str(workspace.root))["deployments/filter"]
    old, young = ((AT - timedelta(minutes=minutes)).isoformat() + "+00:00" for minutes in (40, 5))
    standing, fresh = nightly | {"id": "7", "updated": old}, nightly | {"id": "7", "updated": young}
    ((sentence, step),) = told(deployments__filter=[standing], flow_runs__filter=[])
    assert "the server has planned no run" in sentence
    assert "the server's log" in step
    assert told(deployments__filter=[standing], flow_runs__filter=[run_in("SCHEDULED", -600)])[0][0].startswith("ok")
    assert told(deployments__filter=[fresh], flow_runs__filter=[])[0][0].startswith("ok")


@pytest.mark.parametrize("run", [run_in("PENDING", 5), run_in("SCHEDULED", 5), run_in("SCHEDULED", -600), run_in("RUNNING", 5)])
def test_runs_that_are_young_are_in_order(told: Told, run: dict[str, Any]) -> None:
    assert told(flow_runs__filter=[run])[0][0].startswith("ok")


def test_a_long_night_that_is_at_work_is_in_order(told: Told) -> None:
    assert told(flow_runs__filter=[run_in("RUNNING", 400)], is_at_work=True)[0][0].startswith("ok")
