"""What a run shows on a real terminal, and what it leaves there; elsewhere it writes plain lines."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.terminal import Course
from models.compute import ComputeConfig
from tasks.night import Night
from tasks.progress import Reached, StepBegun, StepEnded
from tasks.shop import write_delivery
from tasks.storage import append_line, canonical_json
from tasks.workspace import Workspace
from tests.flows.played_night import LONG
from tests.flows.test_backfill import DATES, LIGHT, published
from tests.terminals import ROOT, on_terminal, screen

NOON = datetime.fromisoformat("2026-01-07T12:00:00")
PROGRAM = ("-m", "tests.flows.played_night")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def took(workspace: Workspace, **seconds: float) -> Workspace:
    """Write down a published night of the day before, whose steps took so long."""
    steps = [{"step": step, "seconds": value, "peak_bytes": 0, "rows": 0, "bytes": 0} for step, value in seconds.items()]
    known = {"run_date": "2026-01-05", "ending": "published", "peak_bytes": 0, "steps": steps, "sizes": None}
    append_line(workspace.runs, canonical_json(known))
    return workspace


def played(workspace: Workspace, *arguments: str, **how: Any) -> tuple[int, str, str]:
    return on_terminal(["play", workspace.root, *arguments], program=PROGRAM, **how)


def test_a_bar_shows_the_step_the_time_left_and_what_is_counted(workspace):
    """Its length comes from the last published night; in the end only lines and the result stand on the terminal, each whole."""
    code, written, _ = played(took(workspace, stage=1.0, train=2.0, score=60.0))
    shown = COLOUR.sub("", written)
    assert code == 0
    assert re.search(r"train +━.* 0:\d\d, about 1:\d\d left, 1 of 3 models", shown)
    rows = [re.sub(r"^\d\d:\d\d:\d\d ", "", row) for row in screen(written) if row]
    assert [row for row in rows if "━" in row or "models" in row] == []
    assert LONG in rows
    assert [row for row in rows if row.startswith(("stage: started", "train: started", "something is odd", "played"))] == [
        "stage: started",
        "train: started",
        "something is odd",
        "played · 2026-01-06",
    ]
    assert any("a library warns" in row for row in rows)


def test_without_an_earlier_night_no_time_is_promised(workspace):
    code, written, _ = played(workspace)
    shown = COLOUR.sub("", written)
    assert code == 0
    assert re.search(r"train +0:\d\d, 1 of 3 models", shown)
    assert "left" not in shown
    assert "━" not in shown


def test_ctrl_c_leaves_the_terminal_as_it_was(workspace):
    code, written, _ = played(workspace, "--hang", until=("score: waiting", lambda process: os.kill(process, signal.SIGINT)))
    assert code == 130
    assert "\x1b[?25l" in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
    assert [row for row in screen(written) if row][-1] == "nightly: interrupted; run the same command again to resume"


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_is_honoured(workspace, environment, coloured):
    _, written, _ = played(workspace, environment=environment)
    assert ("\x1b[33m" in written) is coloured
    assert "1 of 3 models" in written


@pytest.mark.parametrize("environment", [{"CI": "true"}, {"TERM": "dumb"}], ids=str)
def test_where_nobody_watches_there_are_plain_lines(workspace, environment):
    _, written, _ = played(workspace, environment=environment)
    assert "\x1b[" not in written
    assert "train: started" in written


def test_a_narrow_terminal_is_never_overrun_by_what_is_drawn(workspace):
    _, written, _ = played(took(workspace, stage=1.0, train=2.0, score=60.0), columns=40)
    drawn = [row for row in re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)) if re.search(r"\d:\d\d, about", row)]
    assert drawn
    assert max(map(len, drawn)) <= 40


def test_the_result_goes_to_standard_output_alone(workspace):
    code, written, printed = played(workspace, "--json", piped=True)
    assert (code, json.loads(printed)) == (0, {"ending": "played"})
    assert "ending" not in written
    assert "train" in written


def test_quiet_leaves_warnings_and_the_result(workspace):
    _, written, _ = played(workspace, "--quiet")
    rows = [re.sub(r"^\d\d:\d\d:\d\d ", "", row) for row in screen(written) if row]
    assert [row for row in rows if "library" not in row and "warnings.warn" not in row] == ["something is odd", "played · 2026-01-06"]


def test_verbose_tells_of_parts_and_shows_tracebacks_of_what_was_foreseen(workspace):
    command = [sys.executable, *PROGRAM, "--verbose", "play", str(workspace.root), "--refuse"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 6
    assert "2 of 3 models" in done.stderr
    assert "Traceback" in done.stderr
    plain = subprocess.run([*command[:3], *command[4:]], capture_output=True, text=True, check=False, cwd=ROOT)
    assert plain.returncode == 6
    assert "Traceback" not in plain.stderr
    assert "of 3 models" not in plain.stderr


def test_what_nobody_foresaw_is_a_sentence_on_a_terminal_and_a_traceback_in_a_file(workspace):
    code, written, _ = played(workspace, "--fail", columns=300)
    rows = screen(written)
    assert code == 1
    assert any("nobody thought of this" in row for row in rows)
    assert not any("Traceback" in row for row in rows)
    file = Path(re.search(r"the traceback is in (\S+),", "\n".join(rows))[1])
    assert "ZeroDivisionError" in file.read_text()
    file.unlink()
    assert "Traceback" in played(workspace, "--fail", "--verbose")[1]


def test_what_nobody_foresaw_keeps_its_traceback_in_a_log_and_is_one_object_as_json(workspace):
    command = [sys.executable, *PROGRAM, "play", str(workspace.root), "--fail", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    told = json.loads(done.stdout)
    assert (done.returncode, told["ending"], told["exit_code"]) == (1, "failed", 1)
    assert "ZeroDivisionError: nobody thought of this" in told["reason"]
    assert "Traceback" in done.stderr


def test_a_night_goes_on_when_whoever_read_its_log_has_left(workspace):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, *PROGRAM, "play", str(workspace.root)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, text=True, check=False, cwd=ROOT)
    os.close(writer)
    assert (done.returncode, done.stdout) == (0, "played · 2026-01-06\n")


def test_a_night_goes_on_when_its_terminal_has_gone(workspace):
    """The window is closed while a bar is drawn in it: the night ends as it would have, and its result is where it belongs."""
    ours, theirs = pty.openpty()
    shielded = {name: value for name, value in os.environ.items() if name != "CI"}  # noqa: TID251
    environment = {**shielded, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    command = [sys.executable, *PROGRAM, "play", str(workspace.root)]
    night = subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True, cwd=ROOT, env=environment, start_new_session=True
    )
    os.close(theirs)
    seen = b""
    while b"train" not in seen:
        seen += os.read(ours, 4096)
    os.close(ours)
    printed, _ = night.communicate(timeout=60)
    assert (night.returncode, printed) == (0, "played · 2026-01-06\n")


# --- the course of a night, without a terminal ------------------------------------------------------------------------


@pytest.fixture
def night(workspace):
    return Night(workspace, date(2026, 1, 6), "run", "attempt", NOON, None, 0, ComputeConfig())


def test_a_course_goes_by_what_steps_took_and_by_what_is_counted(workspace, night, monkeypatch):
    took(workspace, stage=10.0, train=60.0, score=30.0)
    clock = type("Clock", (), {"now": 100.0})
    monkeypatch.setattr("flows.terminal.time.monotonic", lambda: clock.now)
    course = Course()
    course.hear(StepBegun("stage", night))
    assert (course.share(), course.seconds_left()) == (0.0, 100.0)
    clock.now += 4
    assert course.share() == pytest.approx(0.04)
    clock.now += 1000
    assert course.share() == pytest.approx(0.1), "a step that takes longer than the last time does not use up the others' share"
    course.hear(StepEnded("stage"))
    course.hear(StepBegun("train", night))
    course.hear(Reached("models", 2, 4))
    assert course.share() == pytest.approx(0.4), "half of the models are half of the step"
    course.hear(StepEnded("train"))
    course.hear(StepEnded("score"))
    assert course.share() < 1, "nothing is full before it has ended"


def test_a_slow_machine_is_believed_to_stay_slow(workspace, night, monkeypatch):
    took(workspace, stage=10.0, train=60.0, score=30.0)
    clock = type("Clock", (), {"now": 0.0})
    monkeypatch.setattr("flows.terminal.time.monotonic", lambda: clock.now)
    course = Course()
    course.hear(StepBegun("stage", night))
    course.hear(StepEnded("stage"))
    course.hear(StepBegun("train", night))
    course.hear(Reached("models", 1, 2))
    clock.now = 80.0
    assert course.seconds_left() == pytest.approx(80.0 / 70.0 * 30.0)


def test_what_is_counted_outside_of_steps_stays_while_nights_come_and_go(night):
    course = Course()
    course.hear(Reached("nights", 1, 3))
    course.hear(StepBegun("score", night))
    course.hear(Reached("users", 100, 2000))
    assert course.counts == ["1 of 3 nights", "100 of 2,000 users"]
    course.hear(StepEnded("score"))
    assert course.counts == ["1 of 3 nights"]


def test_what_is_counted_within_what_is_counted_fills_its_part():
    course = Course()
    course.hear(Reached("ratings", 5_000_000))
    assert course.share() is None, "without an end there is no share"
    course.hear(Reached("models", 1, 2))
    course.hear(Reached("trials", 3, 6))
    assert course.share() == pytest.approx(0.75)


@pytest.mark.slow
def test_a_night_that_is_drawn_publishes_the_same_bytes(tmp_path, shop, run):
    """One night on a terminal, one in this process with nobody watching: the same run, the same files."""
    drawn, unseen = Workspace(tmp_path / "drawn"), Workspace(tmp_path / "unseen")
    for workspace in (drawn, unseen):
        workspace.create(LIGHT)
        write_delivery(shop, DATES[0], workspace.root / "inbox")
    code, written, printed = on_terminal(["run", "-w", drawn.root, "--run-date", DATES[0], "--json"], piped=True)
    ending = run(unseen, DATES[0])
    assert (code, json.loads(printed)["run_id"]) == (0, ending.run_id)
    assert "\x1b[2K" in written, "nothing was drawn"  # what is counted comes and goes within moments on so small a night
    assert published(drawn) == published(unseen)
    again = on_terminal(["run", "-w", drawn.root, "--run-date", DATES[0]])
    assert screen(again[1])[0].startswith("unchanged")
