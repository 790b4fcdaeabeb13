"""What Prefect is told, part by part: schedules, deployments, automations, summaries, progress; no server is needed for it."""

from __future__ import annotations

import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
import yaml
from markdown_it import MarkdownIt
from prefect.settings import PREFECT_API_URL, temporary_settings

import flows.deploy as deploy
import flows.prefect_api as prefect_api
import flows.prefect_progress as prefect_progress
from flows.attempt import Ending
from flows.deploy import Wanted, show_deployed
from flows.prefect_automations import ENDINGS, HEARTBEAT_SECONDS, KEPT, STATE, ZOMBIE_AFTER_SECONDS, automations, zombie
from flows.prefect_deployables import DEPLOYABLES, ENVIRONMENT, deployment_of, facts_of
from flows.prefect_endings import refused_state, state_of, tags_of
from flows.prefect_progress import NIGHT, Progress
from flows.prefect_summary import backfill_summary, night_summary
from flows.report_address import ReportConfig, report_address
from flows.rollback import serve_again
from flows.schedule import Schedule
from flows.settings import load_settings
from tasks.course import StepCost
from tasks.lock import locked
from tasks.night import Night
from tasks.refusals import LockHeldError, UsageError
from tasks.stage import Staged, Volume
from tasks.workspace import Workspace

PROJECT = yaml.safe_load((Path(__file__).parents[1] / "prefect.yaml").read_text())
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
EVERY_NIGHT = Schedule("0 2 * * *", "UTC")


# --- schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cron", "zone", "is_warned_of"), [
    ("0 2 * * *", "Europe/Zurich", True), ("30 1 * * 1-5", "America/New_York", True), ("0 */2 * * *", "Europe/Zurich", True),
    ("0 0-4 * * *", "Europe/Zurich", True), ("0 0,3 * * *", "Europe/Zurich", False), ("30 3 * * *", "Europe/Zurich", False),
    ("0 2 * * *", "UTC", False), ("0 2 * * *", "Asia/Tokyo", False), ("@daily", "Europe/Zurich", False),
])  # fmt: skip
def test_changing_clocks_are_warned_of(cron: str, zone: str, is_warned_of: bool) -> None:
    """Between one and three, and only where clocks change."""
    assert bool(Schedule(cron, zone).warning(2026)) is is_warned_of


@pytest.mark.parametrize(("cron", "zone", "named"), [("0 2 * * *", "Mars/Olympus", "--timezone"), ("at two", "UTC", "--cron")])
def test_unfit_schedule_is_refused(cron: str, zone: str, named: str) -> None:
    """The option at fault is named, with what would do."""
    with pytest.raises(UsageError, match=named):
        Schedule(cron, zone).require()


# --- deployments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", DEPLOYABLES, ids=lambda one: one.name)
def test_prefect_yaml_says_the_same(one: SimpleNamespace) -> None:
    """Each deployment that `nightly deploy` makes stands in prefect.yaml, word for word; there is no other."""
    written = {entry["name"]: entry for entry in PROJECT["deployments"]}
    assert list(written) == [deployable.name for deployable in DEPLOYABLES]
    entry, made = written[one.name], facts_of(deployment_of(one, Path("/shop"), EVERY_NIGHT, entry_pool := "nightly-pool"))
    assert entry["work_pool"] == {"name": entry_pool, "job_variables": made["job variables"]}
    assert entry["parameters"] | {"workspace": "/shop"} == made["parameters"]
    assert (entry["entrypoint"], entry["description"], sorted(entry["tags"])) == (made["entrypoint"], made["description"], made["tags"])
    schedules = [(each["slug"], each["cron"], each["timezone"], each["parameters"]) for each in entry.get("schedules", [])]
    assert schedules == made["schedule"]


def test_deploy_needs_a_server_and_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
    """Without an address, or with one where nobody answers, the next command is named."""
    monkeypatch.setattr(deploy, "PATIENCE_SECONDS", 0.0)
    wanted = Wanted(workspace.root, EVERY_NIGHT, "nightly-pool", None, replace=False, dry_run=False)
    with temporary_settings(restore_defaults={PREFECT_API_URL}), pytest.raises(UsageError, match="prefect server start"):
        show_deployed(wanted, 2026, as_json=False)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(UsageError, match="nobody at"):
        show_deployed(wanted, 2026, as_json=False)


def test_deploy_waits_for_a_server_that_has_just_been_started(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It says so once, and asks until there is an answer."""
    answers = iter((False, False, True))
    monkeypatch.setattr(prefect_api, "api_is_alive", lambda _address: next(answers))
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert deploy.require_api() == "http://127.0.0.1:9/api"
    assert [record.message for record in caplog.records] == [
        "no Prefect server answers at http://127.0.0.1:9/api yet; waiting for it, 60 seconds at most"
    ]


class Closed(http.server.BaseHTTPRequestHandler):
    """Lives, and lets nobody in."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_deploy_says_what_a_server_with_a_password_asks_for(workspace: Workspace) -> None:
    """With a wrong one, or none, the variable to set is named instead of an error of Prefect's."""
    wanted = Wanted(workspace.root, EVERY_NIGHT, "nightly-pool", None, replace=False, dry_run=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/api"
        with temporary_settings({PREFECT_API_URL: address}), pytest.raises(UsageError, match="PREFECT_API_AUTH_STRING") as raised:
            show_deployed(wanted, 2026, as_json=False)
        server.shutdown()
    assert raised.value.found == f"401 Unauthorized from {address}"


# --- automations ------------------------------------------------------------------------------------------------------


def test_zombie_knows_every_ending() -> None:
    """Each state a run of ours can end in ends the wait for its heartbeat: one left out would make crashed runs of live ones."""
    word = {"published": 0, "unchanged": 0, "skipped": 0, "kept_last_good": 4, "failed": 1}
    names = {state_of([Ending(ending=name, exit_code=code, run_date=MONDAY)]).name for name, code in word.items()}
    names |= {refused_state(LockHeldError("", "", "", "")).name, refused_state(UsageError("", "", "", "")).name, "Cancelled", "Crashed"}
    assert names <= set(ENDINGS)
    assert {STATE + name for name in ENDINGS} < set(zombie("ours").trigger.expect)


def test_zombies_are_not_found_too_early() -> None:
    """Runs have a heartbeat that Prefect takes, and three of them may be missed."""
    assert int(ENVIRONMENT["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) == HEARTBEAT_SECONDS >= 30
    assert ZOMBIE_AFTER_SECONDS >= 3 * HEARTBEAT_SECONDS


def test_automations_keep_to_our_runs() -> None:
    """Whatever is watched over bears our tag; without somebody to tell, only zombies are."""
    told = automations("ours", UUID(int=7))
    assert [len(automations("ours", None)), len(told)] == [1, 5]
    for automation in told:
        assert automation.trigger.match_related.model_dump()["prefect.resource.id"] == "prefect.tag.ours"
    (kept,) = [automation for automation in told if automation.name == KEPT]
    assert kept.trigger.expect == {f"{STATE}KeptLastGood"}


# --- what a run shows -------------------------------------------------------------------------------------------------


def ending(word: str = "published", day: date = MONDAY, reason: str = "good", exit_code: int = 0) -> Ending:
    return Ending(ending=word, exit_code=exit_code, run_date=day, reason=reason)


def test_tags_tell_date_and_ending() -> None:
    """One night has one of each; a range its first and last date, and every ending there was."""
    assert tags_of([ending()]) == {"run_date:2026-01-05", "ending:published"}
    several = [ending(), ending("kept_last_good", date(2026, 1, 6)), ending(day=date(2026, 1, 7))]
    assert tags_of(several) == {"run_date:2026-01-05", "run_date:2026-01-07", "ending:published", "ending:kept_last_good"}


def test_summary_tells_verdict_reason_and_figures() -> None:
    """What happened comes first; what a delivery is called can neither break a table nor become HTML."""
    counts = {"accepted": 9, "rejected": 2, "duplicates": 0, "waiting": 0}
    volume = Volume(delivery="d", source="interactions", name="<b>|day.csv", is_new=True, **counts)
    staged = Staged(volumes=(volume,))
    steps = [StepCost(step="train", seconds=2.5, peak_bytes=3 * 10**9, rows=0, bytes=0)]
    text = night_summary(ending(reason="<script>"), {"stage": staged}, steps)
    assert text.startswith("# Published · 2026-01-05\n\n&lt;script&gt;\n\n**Next:** nothing to do.")
    assert "1 new files, 2 rows rejected: see the table `rejects`." in text
    assert "| interactions/&lt;b&gt;\\|day.csv | 9 | 2 | 0 | 0 |" in text
    assert "| train | 2.5 | 3.0 GB |" in text


def test_summary_fetches_nothing_that_a_delivery_names() -> None:
    """Prefect shows Markdown: a file's name, or a reason that quotes one, becomes neither a picture nor a link, and ends no code."""
    trap = "![x](http://evil.example/x.png) `"
    counts = {"accepted": 9, "rejected": 2, "duplicates": 0, "waiting": 0}
    staged = Staged(volumes=(Volume(delivery="d", source="items", name=trap, is_new=True, **counts),), warnings=(trap,))
    failed = ending("failed", reason=trap, exit_code=3).model_copy(update={"next_step": f"mv '{trap}<img src=x>' away"})
    texts = [night_summary(failed, {"stage": staged}), backfill_summary([failed, failed])]
    html = " ".join(MarkdownIt("gfm-like", {"linkify": False}).render(text) for text in texts)
    assert "evil.example" in html
    assert not re.search("<(img|a) ", html)
    assert "<code>mv '![x](http://evil.example/x.png) `&lt;img src=x&gt;' away</code>" in html


def test_backfill_summary_has_a_line_a_night() -> None:
    """Each date with its ending and its reason."""
    text = backfill_summary([ending(), ending("kept_last_good", TUESDAY, "held", 4)])
    assert text.startswith("# 2 nights: 1 published, 1 kept_last_good")
    assert "| 2026-01-06 | kept_last_good | 0.0 | held |  |" in text


def test_report_is_found_where_it_is_served(tmp_path: Path) -> None:
    """By its file, or by the address of the folder that holds all reports."""
    page = tmp_path / "reports" / "run_date=2026-01-05" / "index.html"
    assert report_address(page, ReportConfig()) == page.as_uri()
    served = ReportConfig(url="http://reports.example/shop/")
    assert report_address(page, served) == "http://reports.example/shop/run_date=2026-01-05/index.html"


def test_address_of_reports_changes_no_night(workspace: Workspace) -> None:
    """Where reports are served is no part of what a night is made from."""
    before = load_settings(workspace.root).fingerprint()
    workspace.settings_file.write_text('[report]\nurl = "https://reports.example"\n')
    after = load_settings(workspace.root)
    assert (after.report.url, after.fingerprint()) == ("https://reports.example", before)


def test_progress_ends_at_a_hundred(monkeypatch: pytest.MonkeyPatch, night: Callable[..., Night]) -> None:
    """The bar moves with every step that is known, over all nights of a range, and is given up for good where it cannot be shown."""
    moved: list[float] = []
    monkeypatch.setattr(prefect_progress, "create_progress_artifact", lambda progress, **_: moved.append(progress) or "bar")
    monkeypatch.setattr(prefect_progress, "update_progress_artifact", lambda progress, **_: moved.append(progress))
    monkeypatch.setattr(prefect_progress, "tell_prefect", lambda _what, tell: tell())
    bar = Progress("key", NIGHT, MONDAY, TUESDAY)
    for day in (MONDAY, TUESDAY):
        for step in ("ingest", "declare", *NIGHT[1:]):
            bar.done(step, night(day))
    assert (len(moved), moved[len(NIGHT) - 1], moved[-1], moved) == (2 * len(NIGHT), 50, 100, sorted(moved))
    monkeypatch.setattr(prefect_progress, "tell_prefect", lambda _what, _tell: None)
    bar.done("ingest", night())
    assert bar.is_given_up


# --- rollback ---------------------------------------------------------------------------------------------------------


def test_rollback_is_done_without_prefect_and_pandas(published_workspace: Workspace) -> None:
    """The function around which the flow is serves an earlier date again; importing it loads neither."""
    first, last = (date.fromisoformat(night["run_date"]) for night in published_workspace.published())
    at = datetime.combine(last, time(3))
    done = serve_again(published_workspace.root, first, at)
    assert (done.serving, done.before) == (str(first), str(last))
    loaded = "import sys, flows.rollback; print(sorted({'prefect', 'pandas', 'pyarrow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    with locked(published_workspace, "somebody", at), pytest.raises(LockHeldError):
        serve_again(published_workspace.root, first, at)
