"""`nightly serve` as people without a work pool use it: one process beside a real server, asked for a run and told to end."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tasks.workspace import Workspace
from tests.prefect_server import NIGHTLY, TIMEOUT_SECONDS, Server, prefect_server, wait_for


def nightly(server: Server) -> dict[str, Any]:
    """Return the deployment of nights as the server has it."""
    found: dict[str, Any] = server.ask("deployments/name/nightly/nightly")
    return found


@pytest.mark.prefect
@pytest.mark.timeout(600)
@pytest.mark.parametrize("stop", [signal.SIGTERM], ids=lambda number: number.name)
def test_serve_runs_what_is_asked_for_until_it_is_ended(tmp_path: Path, workspace: Workspace, stop: signal.Signals) -> None:
    """It runs a flow itself, ends without a complaint, and leaves its schedule paused: nobody would run what it asks for."""
    (workspace.inbox("interactions") / "cut.csv").write_text("user_id,item_id\nanna,le")
    (tmp_path / "prefect").mkdir()
    with prefect_server(tmp_path / "prefect") as server:
        served = server.start("serve", [*NIGHTLY, "serve", "--workspace", str(workspace.root)])
        wait_for("it to serve", lambda: "Serving nightly" in server.log("serve") or served.poll() is not None)
        assert served.poll() is None, server.log("serve")
        wait_for("its schedule", lambda: server.ask("deployments/filter", {"limit": 10})[5:] and not nightly(server)["paused"])
        assert server.state_in_the_end(server.asked_for("refresh", run_date="2026-01-05"))["name"] == "KeptLastGood"
        served.send_signal(stop)
        assert served.wait(TIMEOUT_SECONDS) == 0, server.log("serve")
        assert nightly(server)["paused"]


@pytest.mark.prefect
@pytest.mark.timeout(600)
def test_the_server_plans_the_nights_that_a_schedule_asks_for(tmp_path: Path, workspace: Workspace) -> None:
    """With the packages of the lock file: a scheduler that fails does so in the server's log alone, and no night would ever start."""
    (tmp_path / "prefect").mkdir()
    with prefect_server(tmp_path / "prefect", plans_runs=True) as server:
        server.run(*NIGHTLY, "deploy", "--workspace", str(workspace.root), "--cron", "0 2 1 * *")
        planned = wait_for(
            "a planned night", lambda: server.ask("flow_runs/filter", {"flow_runs": {"tags": {"all_": ["auto-scheduled"]}}}), 60
        )
    assert {(run["state_type"], run["expected_start_time"][8:16]) for run in planned} == {("SCHEDULED", "01T02:00")}
