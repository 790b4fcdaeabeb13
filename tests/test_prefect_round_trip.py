"""Nights as Prefect's users run them: a real server, a worker, `nightly deploy`, one command; and what dies in the night, for real."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.clock import now
from flows.doctor_prefect import prefect_findings
from flows.prefect_api import OURS
from flows.prefect_automations import ZOMBIE, ZOMBIE_AFTER_SECONDS, zombie
from flows.settings import default_file
from tasks.shop import ALL_PARQUET, Shop, ShopConfig, write_delivery
from tasks.workspace import Workspace
from tests.conftest import SMALL_SHOP, WITHOUT_NETWORKS
from tests.prefect_server import NIGHTLY, PREFECT, TIMEOUT_SECONDS, Server, prefect_server, wait_for, webhook

SHOP = ShopConfig(n_users=120, n_items=60, n_tastes=4, days=20, history_days=20, interactions_per_day=150)
(FIRST_NIGHT,) = SHOP.delivery_dates
MONDAY, TUESDAY = SMALL_SHOP.delivery_dates[:2]
Messages = list[dict[str, str]]

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace in whose inbox a tiny shop's history waits."""
    workspace = Workspace(tmp_path_factory.mktemp("shop") / "workspace")
    workspace.create(default_file(threads=1))
    write_delivery(Shop(SHOP), FIRST_NIGHT, workspace.root / "inbox", ALL_PARQUET)
    return workspace


def quick_shop(folder: Path) -> Workspace:
    """Return a workspace whose nights take seconds, with the deliveries of Monday and Tuesday in its inbox."""
    workspace = Workspace(folder)
    workspace.create(WITHOUT_NETWORKS)
    for day in (MONDAY, TUESDAY):
        write_delivery(Shop(SMALL_SHOP), day, folder / "inbox")
    return workspace


@pytest.fixture(scope="module")
def messages() -> Iterator[tuple[str, Messages]]:
    """Be the operators' webhook."""
    with webhook() as mailbox:
        yield mailbox


@dataclass(frozen=True)
class Deployed:
    """What the first and the second `nightly deploy` printed, and the one after Prefect's own `deploy --all`."""

    first: dict[str, str]
    second: dict[str, str]
    third: dict[str, str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, shop: Workspace, messages: tuple[str, Messages]) -> Iterator[tuple[Server, Deployed]]:
    """Start a server, set it up with `nightly deploy`, as often as people do, and start a worker."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as started:
        started.environment["NIGHTLY_WORKSPACE"] = str(shop.root)
        with temporary_settings({PREFECT_API_URL: started.address}):
            told = {"subject": "{{subject}}", "body": "{{body}}"}
            CustomWebhookNotificationBlock(name="ops", url=messages[0], json_data=told).save("ops")

        def deploy() -> dict[str, str]:
            printed = started.run(*NIGHTLY, "deploy", "--workspace", str(shop.root), "--notify", "custom-webhook/ops", "--json")
            return {change["name"]: change["outcome"] for change in json.loads(printed)["changes"]}

        first, second = deploy(), deploy()
        started.run(PREFECT, "--no-prompt", "deploy", "--all")
        deployed = Deployed(first, second, deploy())
        started.start_worker()
        yield started, deployed


@pytest.fixture(scope="module")
def server(running: tuple[Server, Deployed]) -> Server:
    """Return the one server of all tests, deployed to and with a worker."""
    return running[0]


# --- setting it up ----------------------------------------------------------------------------------------------------


def test_deploy_sets_up_everything_once(running: tuple[Server, Deployed]) -> None:
    """The first time pool, six deployments and five automations are created, the second time nothing is touched."""
    deployed = running[1]
    flows = {"nightly", "refresh", "retrain", "republish", "backfill", "rollback"}
    watched = {f"nightly-recs: {what}" for what in ("failed", "kept the last good tables", "crashed", "late", "zombie")}
    assert deployed.first.keys() == {"nightly-pool"} | flows | watched
    assert (set(deployed.first.values()), set(deployed.second.values())) == ({"created"}, {"unchanged"})


def test_prefect_yaml_makes_the_same_deployments(running: tuple[Server, Deployed]) -> None:
    """After Prefect's own `deploy --all` there is nothing left for `nightly deploy` to do."""
    assert set(running[1].third.values()) == {"unchanged"}


def test_serve_leaves_deployments_to_their_pool(server: Server, shop: Workspace) -> None:
    """Served as well, they would be taken from the workers without a word: the command is refused and names the pool."""
    command = [*NIGHTLY, "serve", "--workspace", str(shop.root)]
    refused = subprocess.run(command, env=server.environment, cwd=server.logs, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert (refused.returncode, "prefect worker start --pool nightly-pool" in refused.stderr) == (2, True)


def test_doctor_understands_a_real_server(server: Server, shop: Workspace, workspace: Workspace) -> None:
    """Once the worker has asked for work there is nothing to do about Prefect; of another workspace, nothing is deployed."""

    def asked(of: Workspace) -> list[tuple[str, str]]:
        found = prefect_findings(of, {"PREFECT_API_URL": server.address}, now(), is_at_work=False)
        return [(each.level, each.sentence) for each in found]

    wait_for("a worker that polls", lambda: {level for level, _ in asked(shop)} == {"ok"})
    assert asked(workspace) == [("warn", f"nothing is deployed for this workspace, only for {shop.root}")]


# --- an evening -------------------------------------------------------------------------------------------------------


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
    night = server.start("night", [PREFECT, "deployment", "run", "nightly/nightly", "--param", f"run_date={FIRST_NIGHT}", "--watch"])
    wait_for("the night to begin", lambda: (shop.root / ".lock.json").exists() or night.poll() is not None)
    second_night, other_flow = (server.asked_for(name, run_date=FIRST_NIGHT) for name in ("nightly", "refresh"))
    second, other = server.state_in_the_end(second_night), server.state_in_the_end(other_flow)
    night.wait(TIMEOUT_SECONDS)
    return Evening(night.returncode, server.log("night"), second, other)


def test_one_command_publishes_a_night(evening: Evening, shop: Workspace) -> None:
    """The documented command runs a default night, networks and all, on the worker, waits for it, and its tables are served."""
    assert evening.exit_code == 0, evening.printed
    assert {folder.name for folder in shop.models.glob("*/*")} >= {"attention", "towers"}
    assert json.loads(shop.pointer.read_text())["run_date"] == str(FIRST_NIGHT)
    assert pq.read_metadata(shop.table("recommendations", FIRST_NIGHT)).num_rows > 0


def test_nobody_else_gets_in_meanwhile(evening: Evening, shop: Workspace) -> None:
    """The lock turns away a second night and another flow; both end at once, say who is at work, and leave no trace in the workspace."""
    for turned_away in (evening.second_night, evening.other_flow):
        assert (turned_away["type"], turned_away["name"]) == ("CANCELLED", "LockHeld")
        assert "night for" in turned_away["message"]
    assert [attempt["ending"] for attempt in shop.attempts()] == ["published"]


def test_prefect_shows_what_happened(evening: Evening, server: Server) -> None:
    """The run bears the night's date and its tags its ending, its state says published, and its log, bar and tables are there to read."""
    runs = server.ask("flow_runs/filter", {"flow_runs": {"state": {"name": {"any_": ["Completed"]}}}})
    (run,) = [run for run in runs if run["state"]["message"].startswith("published: ") and f"run_date:{FIRST_NIGHT}" in run["tags"]]
    assert run["name"] == f"nightly {FIRST_NIGHT}"
    assert {"ending:published", "nightly-recs", "publishes"} <= set(run["tags"])
    log = server.ask("logs/filter", {"logs": {"flow_run_id": {"any_": [run["id"]]}}})
    assert f"recommendations for {FIRST_NIGHT}" in "\n".join(line["message"] for line in log)
    shown = server.shown(run["id"])
    assert shown.keys() == {f"nightly-{what}" for what in ("progress", "summary", "report", "ladder", "gate", "steps")}
    assert (shown["nightly-progress"]["data"], shown["nightly-progress"]["description"][-14:]) == (100, "14 of 14 steps")
    assert f"reports/run_date%3D{FIRST_NIGHT}/index.html" in shown["nightly-report"]["data"]


def test_same_night_again_touches_nothing(evening: Evening, server: Server, shop: Workspace) -> None:
    """The same night asked for again is found published already."""
    table = shop.table("recommendations", FIRST_NIGHT)
    before = table.stat().st_mtime_ns
    again = server.state_in_the_end(server.asked_for("nightly", run_date=FIRST_NIGHT))
    assert (again["name"], again["message"].split(":")[0]) == ("Completed", "unchanged")
    assert table.stat().st_mtime_ns == before


def test_kept_last_good_has_a_message_of_its_own(server: Server, messages: tuple[str, Messages], tmp_path: Path) -> None:
    """A refused delivery reaches the operators as such, with what to do, and not as a failure."""
    workspace = Workspace(tmp_path / "bad")
    workspace.create("")
    (workspace.inbox("interactions") / "cut.csv").write_text("user_id,item_id\nanna,le")
    ended = server.state_in_the_end(server.asked_for("refresh", workspace=workspace.root, run_date=MONDAY))
    assert ended["name"] == "KeptLastGood"
    told = wait_for("a message", lambda: [message for message in messages[1] if message["body"].startswith(ended["message"])])
    assert [message["subject"] for message in told] == [f"refresh {MONDAY} kept the last good tables"]


# --- what dies in the night -------------------------------------------------------------------------------------------


def begun(workspace: Workspace) -> bool:
    """Tell whether a night is in the middle of its steps."""
    return any(workspace.staging.glob("*/stage.json"))


def watch_for_zombies(server: Server, seconds: int) -> None:
    with temporary_settings({PREFECT_API_URL: server.address}), get_client(sync_client=True) as client:
        (known,) = client.read_automations_by_name(ZOMBIE)
        client.update_automation(known.id, zombie(OURS, seconds))


@pytest.fixture(scope="module")
def killed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dict[str, Any], dict[str, Any]]:
    """Kill a worker and the night it runs, look for zombies at once instead of after minutes, and ask a new worker for the same night."""
    workspace = quick_shop(tmp_path_factory.mktemp("killed") / "shop")
    watch_for_zombies(server, 10)
    night = server.asked_for("nightly", workspace=workspace.root, run_date=MONDAY)
    wait_for("the night to be at it", lambda: begun(workspace))
    server.kill("worker")
    server.start_worker()
    crashed = server.state_in_the_end(night)
    # Runs that are well have no heartbeat within ten seconds either.
    watch_for_zombies(server, ZOMBIE_AFTER_SECONDS)
    again = server.state_in_the_end(server.asked_for("nightly", workspace=workspace.root, run_date=MONDAY))
    return workspace, crashed, again


@pytest.mark.fault("D11")
def test_zombie_is_found_and_told_of(killed: tuple[Workspace, dict[str, Any], dict[str, Any]], messages: tuple[str, Messages]) -> None:
    """A run whose process and worker were killed is marked as crashed for want of a heartbeat, and the operators hear of it."""
    crashed = killed[1]
    assert (crashed["type"], crashed["message"].split(":")[0]) == ("CRASHED", "no heartbeat for 10 seconds")
    told = wait_for("a message", lambda: [message for message in messages[1] if message["body"].startswith(crashed["message"])])
    assert told[0]["subject"] == f"nightly {MONDAY} crashed"


@pytest.mark.fault("D13")
def test_killed_worker_is_in_nobodys_way(killed: tuple[Workspace, dict[str, Any], dict[str, Any]]) -> None:
    """The same night asked of a new worker is published; the dead one left neither a lock nor a place that it would hold."""
    workspace, _, again = killed
    assert (again["name"], again["message"].split(":")[0]) == ("Completed", "published")
    assert [attempt["ending"] for attempt in workspace.attempts()] == ["failed", "published"]


@dataclass(frozen=True)
class Outage:
    """Two shops, whose Monday ran into a server's death on a worker and in a shell, and how their Tuesdays were recorded."""

    by_worker: Workspace
    by_shell: Workspace
    exit_code: int
    printed: str
    tuesdays: list[dict[str, Any]]


@pytest.fixture(scope="module")
def outage(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outage:
    """Kill the server while two nights run, start it again when they are published, and run the next nights."""
    by_worker, by_shell = (quick_shop(tmp_path_factory.mktemp("outage") / name) for name in ("worker", "shell"))
    command = [*NIGHTLY, "run", "--workspace", str(by_shell.root), "--run-date"]
    server.asked_for("nightly", workspace=by_worker.root, run_date=MONDAY)
    shell = server.start("shell", [*command, str(MONDAY)])
    wait_for("both to be at it", lambda: begun(by_worker) and begun(by_shell))
    server.kill("server")
    exit_code = shell.wait(TIMEOUT_SECONDS)
    wait_for("the worker's night to end", lambda: "not recorded in Prefect" in server.log("worker"))
    server.start_server()
    # A worker waits longer and longer for a server that is gone; one that is started now asks at once.
    server.kill("worker")
    server.start_worker()
    tuesday = server.asked_for("nightly", workspace=by_worker.root, run_date=TUESDAY)
    subprocess.run([*command, str(TUESDAY)], env=server.environment, cwd=server.logs, check=True, capture_output=True)
    runs = server.ask("flow_runs/filter", {"flow_runs": {"name": {"any_": [f"nightly {TUESDAY}"]}, "deployment_id": {"is_null_": True}}})
    return Outage(by_worker, by_shell, exit_code, server.log("shell"), [server.state_in_the_end(tuesday), runs[0]["state"]])


@pytest.mark.fault("D8")
def test_night_outlives_its_server(outage: Outage) -> None:
    """A server killed in the middle of two nights keeps neither from its end: each publishes at once, and says it is not recorded."""
    for workspace in (outage.by_worker, outage.by_shell):
        assert workspace.table("recommendations", MONDAY).is_file()
        assert [attempt["ending"] for attempt in workspace.attempts() if attempt["run_date"] == str(MONDAY)] == ["published"]
    assert outage.exit_code == 0
    assert "not recorded in Prefect" in outage.printed
    assert f"published · {MONDAY}" in outage.printed


def test_next_night_is_recorded_again(outage: Outage) -> None:
    """Once the server is back, the next nights are in its list, from the worker and from the shell."""
    assert [(state["name"], state["message"].split(":")[0]) for state in outage.tuesdays] == [("Completed", "published")] * 2
