"""Claims about `nightly report`: it leads to the page of a night, and never leaves a person without the next thing to type."""

from __future__ import annotations

import json
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import tasks.report
import tasks.storage as storage
from flows.report import show_report
from tasks.refusals import StorageError, UsageError
from tasks.storage import remove
from tasks.workspace import Workspace
from tests.conftest import MONDAY
from tests.ledgers import days, record
from tests.test_architecture import HEAVY, loaded_after

NOW = datetime.combine(MONDAY + timedelta(days=2), datetime.min.time())
Ask = Callable[..., list[str]]


@pytest.fixture
def nights(workspace: Workspace) -> Workspace:
    """Return a workspace with a published night and a held one, each with its page."""
    record(workspace, MONDAY)
    record(workspace, MONDAY + timedelta(days=1), "kept_last_good", "torn")
    return workspace


@pytest.fixture
def ask(nights: Workspace, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return what asks for a page and returns the lines that are printed."""

    def asked(day: date | None = None, *, as_json: bool = False, again: bool = False, open_it: bool = False) -> list[str]:
        assert show_report(nights.root, day, NOW, as_json, again=again, open_it=open_it) == 0
        return capsys.readouterr().out.splitlines()

    return asked


def test_the_page_of_the_newest_night_is_named_and_the_index_written(nights: Workspace, ask: Ask) -> None:
    told = ask()
    page, index = nights.root / "reports/run_date=2026-01-06/index.html", nights.root / "reports/index.html"
    assert told == ["night of 2026-01-06: held", f"  page        {page}", f"  all nights  {index}"]
    assert "Serving the tables of 2026-01-05" in index.read_text()


def test_json_is_one_object(nights: Workspace, ask: Ask) -> None:
    (line,) = ask(MONDAY, as_json=True)
    pages = {"page": str(nights.report(MONDAY) / "index.html"), "index": str(nights.root / "reports" / "index.html")}
    assert json.loads(line) == pages | {"run_date": "2026-01-05", "became": "published", "written": False, "opened": False}


def test_a_date_without_a_night_is_refused_with_the_nearest_ones(nights: Workspace, ask: Ask) -> None:
    for day in days(MONDAY + timedelta(days=20), 5):
        record(nights, day)
    with pytest.raises(UsageError) as refused:
        ask(MONDAY + timedelta(days=16))
    assert "nearest: 2026-01-25, 2026-01-26, 2026-01-27; there are 7, 2026-01-05 to 2026-01-29" in refused.value.found
    assert refused.value.next_step == f"nightly report --workspace {nights.root} --date 2026-01-25"


def test_before_the_first_night_the_next_step_is_to_run_one(workspace: Workspace) -> None:
    with pytest.raises(UsageError) as refused:
        show_report(workspace.root, None, NOW, as_json=False, again=False, open_it=False)
    assert (refused.value.found, refused.value.next_step) == ("none yet", f"nightly run --workspace {workspace.root}")


@pytest.fixture
def written_again(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """Return the dates whose pages are written again; the page is one word."""
    dates: list[date] = []

    def write(workspace: Workspace, run_date: date) -> Path:
        dates.append(run_date)
        path = workspace.report(run_date) / "index.html"
        path.write_text("again")
        return path

    monkeypatch.setattr(tasks.report, "render_again", write)
    return dates


@pytest.mark.parametrize(("is_there", "again", "expected"), [(True, False, []), (True, True, [MONDAY]), (False, False, [MONDAY])])
def test_a_page_is_written_again_where_it_is_missing_or_asked_for(
    nights: Workspace, ask: Ask, written_again: list[date], is_there: bool, again: bool, expected: list[date]
) -> None:
    if not is_there:
        remove(nights.report(MONDAY) / "index.html")
    told = ask(MONDAY, again=again)
    assert written_again == expected
    assert told[1].endswith("(written anew)") == bool(expected)


def test_a_page_that_cannot_be_written_is_refused_and_the_index_is_there_all_the_same(nights: Workspace, ask: Ask) -> None:
    remove(nights.report(MONDAY) / "index.html")
    with pytest.raises((StorageError, UsageError)):
        ask(MONDAY)
    assert (nights.root / "reports" / "index.html").is_file()


def test_where_the_index_cannot_be_written_the_page_is_named(nights: Workspace, ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    (nights.root / "reports" / "index.html").mkdir()
    assert ask()[-1] == "  all nights  not written"
    assert "reports/index.html is not written" in caplog.text


def test_a_night_that_writes_the_same_page_is_not_in_the_way(nights: Workspace, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verb takes no lock, or it would keep a night from starting: what one has half written is no file of the other's."""
    script = "from datetime import datetime; from pathlib import Path; from flows.report import show_report; "
    script += f"show_report(Path({str(nights.root)!r}), None, datetime(2026, 1, 7), False, again=False, open_it=False)"
    take_name = storage._take_name

    def written_meanwhile(staged: Path, path: Path) -> None:
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
        take_name(staged, path)

    monkeypatch.setattr(storage, "_take_name", written_meanwhile)
    assert ask()[-1].endswith("reports/index.html")
    assert not list((nights.root / "reports").glob(".*"))


def test_without_a_display_and_a_terminal_the_page_is_named_and_nothing_opened(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(webbrowser, "open", lambda _: pytest.fail("nothing may be started"))
    told = ask(open_it=True)
    assert told[-1].startswith("  not opened  there is no display and no terminal here")
    assert "run_date=2026-01-06/index.html" in told[1]
    assert json.loads(ask(open_it=True, as_json=True)[0])["opened"] is False


@pytest.mark.parametrize(("has_browser", "last"), [(True, "  all nights"), (False, "  not opened  no browser was found here")])
def test_on_a_display_the_page_is_opened(
    nights: Workspace, ask: Ask, monkeypatch: pytest.MonkeyPatch, has_browser: bool, last: str
) -> None:
    opened: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(opened.append(address)) or has_browser)
    assert ask(open_it=True)[-1].startswith(last)
    assert opened == [(nights.report(MONDAY + timedelta(days=1)) / "index.html").as_uri()]


def test_the_verb_works_where_the_warehouse_and_the_settings_are_broken(nights: Workspace) -> None:
    """It is asked for on the day on which something is broken."""
    nights.warehouse.write_bytes(b"no database")
    nights.settings_file.write_text("[score\n")
    arguments: list[Any] = ["report", "-w", nights.root, "--date", "2026-01-05"]
    done = subprocess.run([sys.executable, "-m", "flows.cli", *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "night of 2026-01-05: published"), done.stderr


def test_the_verb_loads_no_engine_before_it_is_needed() -> None:
    assert not loaded_after("import flows.report") & {*HEAVY, "duckdb", "pandas", "pyarrow", "jinja2"}
