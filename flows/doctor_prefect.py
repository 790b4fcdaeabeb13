"""What `nightly doctor` asks a Prefect server, over plain HTTP: Prefect itself takes seconds to load, and may be what is broken.

Nothing about Prefect is ever worse than a warning: the tables do not depend on it.
"""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from flows.prefect_api import OURS, PATIENCE_SECONDS, api_is_alive
from tasks.diagnosis import SETUP, Finding
from tasks.inspection import command
from tasks.workspace import Workspace

NIGHTLY = "nightly"
"""The name of the deployment that has a schedule."""

PENDING = "prefect flow-run cancel {run}; docs/operations.md#a-run-that-stays-pending"

PATIENCE = timedelta(minutes=15)
"""How long a run may be late, pending, or running without anybody at work, before it is spoken of."""


@dataclass(frozen=True)
class Server:
    """A Prefect API that answers; what it refuses or does not know is None."""

    address: str
    headers: Mapping[str, str]

    def ask(self, path: str, question: Mapping[str, Any] | Sequence[Any] | None = None) -> Any:
        """Return what a path says: read where nothing is asked, posted to otherwise."""
        body = None if question is None else json.dumps(question).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        request = Request(f"{self.address.rstrip('/')}/{path}", data=body, headers=headers)  # noqa: S310 - the scheme was checked before
        try:
            with urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except (OSError, ValueError, http.client.HTTPException):
            return None


def prefect_findings(workspace: Workspace, environment: Mapping[str, str], at: datetime, is_at_work: bool) -> Iterator[Finding]:
    """Say whether Prefect answers, and whether it would start and record tonight's run and tell of a failed one."""
    address = environment.get("PREFECT_API_URL")
    if not address:
        yield Finding("prefect", "ok", "not used: PREFECT_API_URL is not set")
        return
    if not api_is_alive(address):
        step = "prefect server start; or, where nights are not to be recorded: unset PREFECT_API_URL"
        yield Finding("prefect", "warn", f"does not answer at {address}; nights run all the same, not recorded", step)
        return
    server = Server(address, _credentials(environment))
    found = server.ask("deployments/filter", {"deployments": {"tags": {"all_": [OURS]}}})
    if not isinstance(found, list):
        step = "export PREFECT_API_AUTH_STRING=...; or PREFECT_API_KEY, as the server asks for"
        yield Finding("prefect", "warn", f"answers at {address}, and does not say what is deployed", step)
        return
    amiss = [
        *_version(server),
        *_deployed(server, workspace, found),
        *_unplanned(server, workspace, found, at),
        *_stuck(server, at, is_at_work),
    ]
    yield from amiss
    if not amiss:
        yield Finding("prefect", "ok", f"answers at {address}; scheduled, polled, and nothing is stuck")


def _credentials(environment: Mapping[str, str]) -> dict[str, str]:
    if environment.get("PREFECT_API_KEY"):
        return {"Authorization": f"Bearer {environment['PREFECT_API_KEY']}"}
    if environment.get("PREFECT_API_AUTH_STRING"):
        return {"Authorization": f"Basic {base64.b64encode(environment['PREFECT_API_AUTH_STRING'].encode()).decode()}"}
    return {}


def _version(server: Server) -> Iterator[Finding]:
    theirs, ours = server.ask("admin/version"), metadata.version("prefect")
    if isinstance(theirs, str) and theirs.split(".")[:2] != ours.split(".")[:2]:
        step = f"{SETUP}; on the machine of the server too, and start it again"
        yield Finding("prefect", "warn", f"the server is of version {theirs}, and ours is {ours}", step)


def _deployed(server: Server, workspace: Workspace, deployments: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Look at the deployments of this workspace: are they there, scheduled, and does anybody fetch their runs?"""
    deploy = command(workspace.root, "deploy")
    folders = {str(each["parameters"].get("workspace")) for each in deployments}
    ours = [each for each in deployments if Path(str(each["parameters"].get("workspace"))) == workspace.root]
    if not ours:
        others = f", only for {', '.join(sorted(folders))}" if folders else ""
        yield Finding("prefect", "warn", f"nothing is deployed for this workspace{others}", deploy)
        return
    nights = [each for each in ours if each["name"].startswith(NIGHTLY)]
    if not any(schedule["active"] for each in nights if not each["paused"] for schedule in each["schedules"]):
        yield Finding("prefect", "warn", "no schedule starts a night: it is paused, or there is none", deploy)
    for pool in sorted({each["work_pool_name"] for each in ours if each["work_pool_name"]}):
        yield from _pool(server, pool, deploy)
    unserved = [each["name"] for each in nights if not each["work_pool_name"] and each["status"] != "READY"]
    if unserved:
        yield Finding("prefect", "warn", f"nobody serves {', '.join(unserved)}", command(workspace.root, "serve"))
    automations = server.ask("automations/filter", {})
    if automations == [] or (automations and not any(each["enabled"] for each in automations)):
        yield Finding("prefect", "warn", "no automation is active: nobody is told of a run that failed, crashed or is late", deploy)


def _unplanned(server: Server, workspace: Workspace, deployments: Sequence[dict[str, Any]], at: datetime) -> Iterator[Finding]:
    """Find schedules that are active and have no run ahead: the server's scheduler fails in its own log alone, and no night would start."""
    for each in deployments:
        is_ours = Path(str(each["parameters"].get("workspace"))) == workspace.root
        asks = is_ours and not each["paused"] and any(schedule["active"] for schedule in each["schedules"])
        made = each.get("updated") or each.get("created")
        if not asks or not made or at - _moment(made) <= PATIENCE:
            continue
        question = {"deployments": {"id": {"any_": [each["id"]]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "limit": 1}
        if server.ask("flow_runs/filter", question) == []:
            sentence = f"the schedule of {each['name']} is active, and the server has planned no run: its scheduler does not work"
            yield Finding("prefect", "warn", sentence, f"look for errors in the server's log; {SETUP} on its machine, and start it again")


def _moment(told: str) -> datetime:
    """Return what Prefect tells as a moment, in UTC and without zone, as moments are here."""
    return datetime.fromisoformat(told).astimezone(UTC).replace(tzinfo=None)


def _pool(server: Server, pool: str, deploy: str) -> Iterator[Finding]:
    found, start = server.ask(f"work_pools/{pool}"), f"prefect worker start --pool {pool}"
    if found is None:
        yield Finding("prefect", "warn", f"the work pool {pool} is gone", deploy)
    elif found["is_paused"]:
        yield Finding("prefect", "warn", f"the work pool {pool} is paused", f"prefect work-pool resume {pool}")
    elif not any(worker["status"] == "ONLINE" for worker in server.ask(f"work_pools/{pool}/workers/filter", {}) or ()):
        yield Finding("prefect", "warn", f"no worker polls the pool {pool}: nobody would start tonight's run", start)


def _stuck(server: Server, at: datetime, is_at_work: bool) -> Iterator[Finding]:
    """Find runs that wait for what does not come, and those that still show as running after their process died."""
    states = {"type": {"any_": ["PENDING", "RUNNING", "SCHEDULED"]}}
    asked = {"deployments": {"tags": {"all_": [OURS]}}, "flow_runs": {"state": states}, "limit": 50}
    for run in server.ask("flow_runs/filter", asked) or ():
        state = run["state"]
        since = _moment(state["timestamp"])
        due = run.get("next_scheduled_start_time") or run.get("expected_start_time") or state["timestamp"]
        late = at - _moment(due)
        cancel = PENDING.format(run=run["id"])
        if state["type"] == "PENDING" and at - since > PATIENCE:
            yield Finding("prefect", "warn", f"{run['name']} is Pending since {since:%Y-%m-%d %H:%M} UTC and does not begin", cancel)
        elif state["type"] == "SCHEDULED" and late > PATIENCE:
            step = f"prefect flow-run cancel {run['id']}; once a worker polls, it would start it all the same"
            yield Finding("prefect", "warn", f"{run['name']} is late: nobody has started it", step)
        elif state["type"] == "RUNNING" and not is_at_work and at - since > PATIENCE:
            sentence = f"{run['name']} shows as Running since {since:%Y-%m-%d %H:%M} UTC, and nobody is at work on this workspace"
            yield Finding("prefect", "warn", sentence, cancel)
