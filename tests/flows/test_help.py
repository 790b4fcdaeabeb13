"""What people are told who ask the command line for help: every verb, on one screen, with examples that work."""

from __future__ import annotations

import io
import json
import logging
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib import metadata

import pytest
from cyclopts import App
from rich.console import Console

from flows.cli import app
from flows.cli_app import ASK, BEGIN, EVERY_NIGHT, LOOK, MEND, PREFECT, each_verb
from flows.console import guarded

HEADINGS = (BEGIN, EVERY_NIGHT, LOOK, MEND, ASK, PREFECT)
ONE_SCREEN = 52
"""Rows of a terminal on today's laptops."""

VERBS = dict(each_verb())
each = pytest.mark.parametrize(("name", "verb"), VERBS.items(), ids=list(VERBS))


def help_of(name: str, columns: int = 80) -> list[str]:
    """Return the lines of a page of help on a terminal of some width."""
    page = io.StringIO()
    app.help_print(name.split(), console=Console(file=page, width=columns))
    return [line.rstrip() for line in page.getvalue().splitlines()]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return what runs a command line in this process, and gives its exit code, its output and what it wrote on standard error."""
    logger, handler = logging.getLogger("nightly"), signal.getsignal(signal.SIGTERM)
    before = logger.handlers, logger.level, logger.propagate

    def run(*words: str) -> tuple[int, str, str]:
        try:
            return (guarded(partial(app.meta, words)), *capsys.readouterr())
        finally:
            logger.handlers, level, logger.propagate = before
            logger.setLevel(level)
            signal.signal(signal.SIGTERM, handler)

    return run


def test_all_verbs_stand_on_one_screen_under_headings_with_a_line_each():
    page = help_of("")
    assert len(page) <= ONE_SCREEN
    assert "Commands" not in page, "a verb has no heading of its own: @app.command(group=...)"
    for name in {verb.split()[0] for verb in VERBS}:
        (line,) = [line for line in page if re.match(rf" {name}\s", line)]
        assert line.endswith("."), f"the first sentence of {name} does not fit beside it"


@each
def test_every_verb_has_a_heading_a_sentence_an_example_and_json(name: str, verb: App):
    above = app[name.split()[0]]
    assert set(above.group) & set(HEADINGS), "say where it belongs: @app.command(group=LOOK)"
    assert verb.help.partition("\n")[0].endswith(".")
    assert verb.help_epilogue, "its docstring has no section `Examples:`"
    assert "--json" in {flag for argument in verb.assemble_argument_collection() for flag in argument.names}


@each
def test_every_example_is_a_command_that_parses(name: str, verb: App):
    _, *examples = verb.help_epilogue.splitlines()
    assert 1 <= len(examples) <= 3
    shown = []
    for line in examples:
        command = re.sub(r"^source <\(|\)$|\s>.*$", "", line.strip())
        words = shlex.split(command)
        shown.append(words[:2])
        app.parse_args(words[1:], exit_on_error=False, print_error=False)
    assert ["nightly", name.split()[0]] in shown


@each
def test_help_fits_a_narrow_terminal(name: str, verb: App):
    assert max(map(len, help_of(name, columns=40))) <= 40


@each
def test_whatever_goes_wrong_json_is_one_object(name: str, verb: App, typed):
    """A flag that no verb knows ends with exit code 2 and one object; people are told on standard error what to type."""
    code, printed, complaint = typed(*name.split(), "--no-such-flag", "--json")
    assert (code, json.loads(printed)["exit_code"]) == (2, 2)
    assert complaint.startswith("nightly: ")
    assert "\n  next: " in complaint


@pytest.mark.parametrize("words", [("--json", "status"), ("status", "--json"), ("-q", "status", "--json"), ("status", "--json", "--quiet")])
def test_what_holds_everywhere_stands_before_or_behind_the_verb(words, typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, printed, _ = typed(*words)
    assert code == 2
    assert '"next_step": "nightly init' in printed


def test_quiet_and_verbose_at_once_are_refused(typed):
    code, _, complaint = typed("--quiet", "status", "--verbose")
    assert code == 2
    assert "leave one out" in complaint


def test_a_mistyped_verb_or_flag_is_answered_with_the_nearest(typed):
    assert 'Did you mean "rollback"?' in typed("rolback")[2]
    assert "Did you mean --run-date?" in " ".join(typed("run", "--run-dte", "2026-01-05")[2].split())
    assert "did you mean --csv?" in typed("query", "--cvs")[2]


def test_nightly_alone_says_where_to_begin(typed):
    code, printed, _ = typed()
    assert code == 0
    assert "nightly demo" in printed.splitlines()[-1]


def test_versions_are_those_installed(typed):
    _, printed, _ = typed("--version")
    assert f"nightly-recs {metadata.version('nightly-recs')}" in printed
    assert f"duckdb {metadata.version('duckdb')}" in printed


def test_the_workspace_may_come_from_the_environment_and_a_flag_wins(typed, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTLY_WORKSPACE", str(tmp_path / "environment"))
    assert str(tmp_path / "environment") in typed("status")[2]
    assert str(tmp_path / "flag") in typed("status", "-w", str(tmp_path / "flag"))[2]


# --- completion -------------------------------------------------------------------------------------------------------

ASKED = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nightly; printf "%s\\n" "${COMPREPLY[@]}"'


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("completion") / "nightly.bash"
    command = [sys.executable, "-m", "flows.cli", "completion", "bash"]
    file.write_text(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return str(file)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ro"], {"rollback"}),
        (["run", "--run"], {"--run-date"}),
        (["run", "--on-bad-file", ""], {"stop", "set_aside"}),
        (["--quiet", "ver"], {"verify"}),
        (["status", "--verb"], {"--verbose"}),
        (["import", ""], {"movielens"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bash_completes_verbs_flags_and_choices(script, words, offered):
    bash = shutil.which("bash")
    assert bash, "bash is needed to test what it completes"
    done = subprocess.run([bash, "--norc", "-c", ASKED, "bash", script, "nightly", *words], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_that_names_every_verb(shell, typed):
    code, printed, _ = typed("completion", shell)
    assert code == 0
    assert [name for name in VERBS if name.split()[-1] not in printed] == []
