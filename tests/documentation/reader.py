"""Somebody who types what a page says, in order, in a folder like that of the project, with the shop that the pages speak of."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pytest

import flows.attempt
import flows.clock
import flows.simulate
import flows.tune
from flows.cli import main
from tests.documentation import my_shop
from tests.documentation.pages import ROOT, Command

NOW = datetime(2026, 2, 1, 3)  # noqa: DTZ001 - UTC without zone, as flows.clock gives it
"""When pages are read: some weeks after the last published night."""

QUICK = {
    "NIGHTLY__TRAIN__MODELS": '["ease", "popularity"]',
    "NIGHTLY__BLEND__RESAMPLES": "2",
    "NIGHTLY__EVALUATE__INTERVALS__RESAMPLES": "100",
    "NIGHTLY__GATE__INTERVALS__RESAMPLES": "100",
    "NIGHTLY__TUNE__TRIALS": "2",
    "NIGHTLY__COMPUTE__THREADS": "1",
    "NIGHTLY__WAREHOUSE__THREADS": "1",
    "PYTHONPATH": str(ROOT),
    "DO_NOT_TRACK": "1",
}
"""Nights of a second or two instead of half a minute: what TensorFlow learns, and how narrow intervals are, has tests of its own."""

CODES = {"status": {0, 7}}
"""Command -> exit codes that a page's command may end with, 0 where it is not here: the shop's last night is three weeks old."""

PLACEHOLDER = "0f3a9c1d5b7e2468"
"""The model_version of the pages' examples, instead of which the reader takes one that exists."""


class Typed(NamedTuple):
    """What came of a command."""

    exit_code: int
    out: str
    log: str


class Reader:
    """Types commands in a folder of their own; `my-shop` stands there as published, anew for every part of a page."""

    def __init__(self, folder: Path, published: Path, environment: pytest.MonkeyPatch) -> None:
        self.folder, self.published, self.environment = folder, published, environment
        self.part: str | None = None
        self.model_version = min(path.name for path in (published / "my-shop" / "models").iterdir())
        my_shop.write_files(folder)
        shutil.copytree(ROOT / "docker", folder / "docker")
        (folder / ".config" / "fish" / "completions").mkdir(parents=True)
        _programs(folder / ".venv" / "bin")
        environment.chdir(folder)
        environment.setenv("PWD", str(folder))
        environment.setenv("HOME", str(folder))
        environment.setenv("BROWSER", "true")  # a page that is opened is shown to the program of that name
        environment.setenv("NIGHTLY_WORKSPACE", str(folder / "my-shop"))
        environment.setenv("PATH", f"{folder}/.venv/bin:{os.environ['PATH']}")  # noqa: TID251 - a shell looks there for its commands

    def types(self, command: Command) -> None:
        """Carry out a command; fails where it does not end as it should, or does not print JSON where it was asked to."""
        command = command._replace(text=command.text.replace(PLACEHOLDER, self.model_version))
        if command.part != self.part:
            self.part = command.part
            self._restore()
        if command.words[:1] == ["export"]:
            for name, _, value in (word.partition("=") for word in command.words[1:]):
                self.environment.setenv(name, os.path.expandvars(value))
            return
        if command.words[:2] in (["make", "demo"], [command.words[0], "demo"]):
            named = next((words[1] for words in pairwise(command.words) if words[0] == "--workspace"), "nightly-demo")
            shutil.copytree(self.published / "nightly-demo", self.folder / named, dirs_exist_ok=True)
            return
        typed = self._shell(command) if _needs_shell(command.text) else self._nightly(command)
        verb = command.words[1] if command.program == "nightly" else ""
        assert typed.exit_code in CODES.get(verb, {0}), (
            f"{command}: {command.text}\nexit {typed.exit_code}\n{typed.out}\n{typed.log[-3000:]}"
        )
        if "--json" in command.words:
            assert [json.loads(line) for line in typed.out.splitlines()] or json.loads(typed.out)

    def _nightly(self, command: Command) -> Typed:
        words = shlex.split(command.text, comments=True)
        before = dict(word.split("=", 1) for word in words[: words.index(f"{command.words[0]}")])
        if command.words[1] == "init":
            shutil.rmtree(self.folder / command.words[2], ignore_errors=True)
        return nightly(command.words[1:], before)

    def _shell(self, command: Command) -> Typed:
        done = subprocess.run(["bash", "-euc", command.text], cwd=self.folder, capture_output=True, text=True, check=False)
        return Typed(done.returncode, done.stdout, done.stderr)

    def _restore(self) -> None:
        shutil.rmtree(self.folder / "my-shop", ignore_errors=True)
        shutil.copytree(self.published / "my-shop", self.folder / "my-shop")


def nightly(words: list[str], before: Mapping[str, str] | None = None) -> Typed:
    """Run the command line in this process, as of `NOW`."""
    out, log = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(log), _undisturbed(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Cyclopts application invoked without tokens")  # it is meant to read sys.argv, as when typed
        patched.setattr(sys, "argv", ["nightly", *words])
        for name, value in (before or {}).items():
            patched.setenv(name, value)
        for module in (flows.clock, flows.attempt, flows.simulate, flows.tune):
            patched.setattr(module, "now", lambda: NOW)
        try:
            main()
        except SystemExit as ended:
            return Typed(int(ended.code or 0), out.getvalue(), log.getvalue())
    raise AssertionError("the command line did not exit")


def run_the_demo(folder: Path) -> None:
    """Run the demo, once for all pages that say `make demo`, in `nightly-demo` inside a folder."""
    typed = nightly(["demo", "--workspace", str(folder / "nightly-demo")])
    assert typed.exit_code == 0, typed


def publish_my_shop(folder: Path) -> None:
    """Deliver the shop's days one by one and publish each, in `my-shop` inside a folder."""
    my_shop.write_files(folder)
    shop = str(folder / "my-shop")
    assert nightly(["init", shop]).exit_code == 0
    shutil.copy(folder / "items.csv", folder / "my-shop" / "inbox" / "items")
    day = my_shop.FIRST
    while day <= my_shop.LAST:
        done = my_shop.events(day) if day > my_shop.FIRST else my_shop.history(day)
        my_shop.write_events(folder / "my-shop" / "inbox" / "interactions" / f"{day}.csv", done)
        typed = nightly(["run", "--workspace", shop, "--run-date", str(day)])
        assert typed.exit_code == 0, typed
        day += timedelta(days=1)


def _needs_shell(text: str) -> bool:
    """Say whether a command is more than `nightly` and its arguments."""
    signs = shlex.shlex(text, posix=True, punctuation_chars=True)
    signs.whitespace_split = True
    words = list(signs)
    plain = not any(re.fullmatch(r"[();<>|&]+", word) for word in words) and "$" not in text and "\n" not in text
    first = next(word for word in words if not re.match(r"[A-Z_]+=", word))
    return not plain or first.removeprefix(".venv/bin/") != "nightly"


def _programs(folder: Path) -> None:
    """Lay out what a shell finds in .venv/bin: this interpreter's programs, and the command line of this code, as of `NOW`."""
    folder.mkdir(parents=True)
    for program in Path(sys.executable).parent.iterdir():
        (folder / program.name).symlink_to(program)
    (folder / "nightly").unlink(missing_ok=True)
    moment = f"import datetime, flows.clock\nflows.clock.now = lambda: datetime.datetime({NOW:%Y, %-m, %-d, %-H})"
    (folder / "nightly").write_text(f"#!{sys.executable}\n{moment}\nfrom flows.cli import main\nmain()\n")
    (folder / "nightly").chmod(0o755)


@contextmanager
def hurried() -> Iterator[None]:
    """Save what a process that runs a hundred nights need not do each time: compile the same templates, and wait for the disk."""
    kept: dict[Any, Any] = {}
    plain = jinja2.Environment.compile

    def compiled(self: jinja2.Environment, source: Any, name: str | None = None, *where: Any, **how: Any) -> Any:
        key = (source if isinstance(source, str) else id(source), name, where, *sorted(how.items()), *sorted(self.extensions))
        if key not in kept:
            kept[key] = plain(self, source, name, *where, **how)
        return kept[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jinja2.Environment, "compile", compiled)
        patched.setattr(os, "fsync", lambda _descriptor: None)
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put back what the command line sets for a whole process: its log and its answer to being terminated."""
    log, answer = logging.getLogger("nightly"), signal.getsignal(signal.SIGTERM)
    kept = log.handlers, log.level, log.propagate
    try:
        yield
    finally:
        log.handlers, log.level, log.propagate = kept
        signal.signal(signal.SIGTERM, answer)
