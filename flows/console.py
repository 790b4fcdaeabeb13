"""What a command prints: the result on stdout, for people or as JSON, and the log on stderr."""

from __future__ import annotations

import errno
import logging
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from json import dumps
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, TextIO

from flows.terminal import Drawing, can_draw
from tasks.progress import PROGRESS
from tasks.refusals import NightError, spelled_out

if TYPE_CHECKING:
    from pathlib import Path

    from cyclopts import CycloptsError

    from flows.attempt import Ending
    from tasks.movielens import MovieLensImport

RUNBOOKS = {
    1: "killed-interrupted-or-unexpected",
    2: "a-command-or-a-date-is-refused-exit-2",
    3: "input-refused-exit-3",
    4: "held-by-the-gate-exit-4",
    5: "the-lock-is-held-exit-5",
    6: "a-disk-or-a-file-fails-exit-6",
}
"""Exit code -> the part of docs/operations.md that says what to do."""

READER_LEFT = (errno.EPIPE, errno.EIO)
"""What writing to a pipe, or to a terminal, comes to that nobody reads any more."""


def runbook(exit_code: int) -> str:
    """Return a line that names the runbook of an exit code, nothing where there is none."""
    return f"docs/operations.md#{RUNBOOKS[exit_code]}" if exit_code in RUNBOOKS else ""


@dataclass(frozen=True)
class Manner:
    """How a command speaks: `as_json` promises one object on standard output, whatever happens."""

    quiet: bool = False
    verbose: bool = False
    as_json: bool = False


class _Spoken:
    """The manner of the command that is at work, and where its lines go; one process is one command."""

    manner = Manner()
    drawing: Drawing | None = None


def guarded(app: Callable[..., Any]) -> int:
    """Run a command line; errors become one sentence and their exit code, signals 130 and 143, and the terminal stays as it was."""
    from cyclopts import CycloptsError

    log_to_stderr()
    if isinstance(sys.stdout, TextIOWrapper):
        # In a locale that knows ASCII only, a title or a dot in the middle of a line must not end a night; stderr is so already.
        sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return _carried_out(app)
    except CycloptsError as error:
        return _mistyped(error)
    except NightError as error:
        return _refused(error)
    except KeyboardInterrupt:
        say("nightly: interrupted; run the same command again to resume", to=sys.stderr)
        return _failed(130, "interrupted")
    except BrokenPipeError:
        _nobody_reads(sys.stdout)
        return 0
    except Exception as error:  # noqa: BLE001 - the last who can tell people what to do about it
        return _unforeseen(error)


def _carried_out(app: Callable[..., Any]) -> int:
    try:
        code = int(app(exit_on_error=False, print_error=False, result_action="return_value") or 0)
        sys.stdout.flush()  # what is buffered may meet a reader who has left, too
        return code
    finally:
        stop_drawing()


def speak(*, quiet: bool, verbose: bool, as_json: bool) -> None:
    """Speak as was asked for from here on, and draw how far a run is where somebody watches."""
    _Spoken.manner = Manner(quiet, verbose, as_json)
    logging.getLogger("nightly").setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    if not quiet and can_draw(os.environ):
        _Spoken.drawing = Drawing()
        PROGRESS.handlers, PROGRESS.propagate = [_Spoken.drawing], verbose
        PROGRESS.setLevel(logging.DEBUG)


def lines_only() -> None:
    """Draw nothing, whoever watches."""
    stop_drawing()
    _Spoken.drawing, PROGRESS.handlers, PROGRESS.propagate = None, [], True
    PROGRESS.setLevel(logging.NOTSET)


def stop_drawing() -> None:
    """Leave the terminal as it was; a further fact of the run draws anew."""
    if _Spoken.drawing is not None:
        _Spoken.drawing.stop()


def _mistyped(error: CycloptsError) -> int:
    """Complain of what was typed, and name the page of help that has it right."""
    page = " ".join(["nightly", *(error.command_chain or ()), "--help"])
    say(f"nightly: {error}\n  next:     {page}", to=sys.stderr)
    return _failed(2, str(error), next_step=page)


def _refused(error: NightError) -> int:
    """Complain of something foreseen: what it is about, what was expected and found, and what to type."""
    if _Spoken.manner.verbose:
        traceback.print_exception(error)
    facts = f"  expected: {error.expected}\n  found:    {error.found}\n  next:     {error.next_step}"
    say(f"nightly: {error.where}\n{facts}\n  runbook:  {runbook(error.exit_code)}", to=sys.stderr)
    reason = f"{error.where}: expected {error.expected}; found {error.found}"
    return _failed(error.exit_code, reason, ending=error.ending, next_step=error.next_step)


def _unforeseen(error: Exception) -> int:
    """Complain of what nobody has foreseen: people are told in a sentence where the traceback is, a log holds it whole."""
    what = f"{type(error).__name__}: {spelled_out(str(error))}"
    if _Spoken.manner.verbose or not sys.stderr.isatty():
        traceback.print_exception(error)
        where = "the traceback is above"
    else:
        with NamedTemporaryFile("w", prefix="nightly-traceback-", suffix=".txt", delete=False) as file:
            traceback.print_exception(error, file=file)
        where = f"the traceback is in {file.name}, and --verbose shows it"
    say(f"nightly: unexpected: {what}\n  {where}\n  next:     nightly doctor, then the same command again", to=sys.stderr)
    say(f"  runbook:  {runbook(1)}", to=sys.stderr)
    return _failed(1, f"unexpected: {what}", next_step="nightly doctor, then the same command again")


def _failed(exit_code: int, reason: str, ending: str = "failed", next_step: str = "") -> int:
    """Print the one object that `--json` promises, where a command could not print its own; returns the exit code."""
    if _Spoken.manner.as_json:
        say(dumps({"ending": ending, "exit_code": exit_code, "reason": reason, "next_step": next_step}))
    return exit_code


class _Legible(logging.Formatter):
    """Writes each message in one line: names and values in it may come from a delivery, and may mean to move the cursor."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name logging knows it by
        record.message = spelled_out(record.message)
        return super().formatMessage(record)


class _Lines(logging.Handler):
    """Writes each record as a line on standard error, above what is drawn there."""

    def emit(self, record: logging.LogRecord) -> None:
        line, style = self.format(record), "yellow" if record.levelno >= logging.WARNING else ""
        try:
            if _Spoken.drawing is None or not _Spoken.drawing.print(line, style):
                say(line, to=sys.stderr)
        except (OSError, ValueError):  # whoever read the log has left: no reason to end a night
            self.handleError(record)


def _terminated(_number: int, _frame: object) -> None:
    raise SystemExit(143)


def log_to_stderr() -> None:
    """Write what is logged to standard error, and nothing of how far steps are."""
    _Spoken.manner = Manner()
    lines_only()
    handler = _Lines()
    handler.setFormatter(_Legible("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("nightly")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def say(text: str, to: TextIO | None = None) -> None:
    """Print a line that is a command's result (stdout) or its complaint (stderr).

    Whoever was to read it may have left, a pipe's end or a terminal's: the command goes on, and ends with the exit code it has earned.
    """
    if to is None:
        stop_drawing()
    try:
        print(text, file=to, flush=True)
    except OSError as error:
        if error.errno not in READER_LEFT:
            raise
        _nobody_reads(to or sys.stdout)


def _nobody_reads(stream: TextIO) -> None:
    """Let all that is still written to a stream go nowhere; Python flushes once more when it ends, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def command_line() -> str:
    """Return the command as it was typed, to be shown in the report."""
    return shlex.join(["nightly", *sys.argv[1:]])


def warn(line: str) -> None:
    """Say something that does not stop the run."""
    logging.getLogger("nightly").warning(line)


def finish(ending: Ending, as_json: bool) -> int:
    """Print how one night ended and return its exit code."""
    say(ending.model_dump_json() if as_json else _told(ending))
    return ending.exit_code


def finish_all(endings: Sequence[Ending], as_json: bool) -> int:
    """Print how several nights ended and return the first exit code that is not 0."""
    exit_code = next((ending.exit_code for ending in endings if ending.exit_code), 0)
    if as_json:
        say(dumps({"exit_code": exit_code, "nights": [ending.model_dump(mode="json") for ending in endings]}))
    else:
        for ending in endings:
            say(f"{ending.run_date}  {ending.ending:<15} {ending.reason}")
    return exit_code


def imported(found: MovieLensImport, workspace: Path, as_json: bool) -> None:
    """Print what an import brought into the inbox."""
    inbox, next_step = workspace / "inbox", f"nightly run --workspace {shlex.quote(str(workspace))}"
    rows = {"interactions": found.n_interactions, "items": found.n_items, "users": found.n_users}
    if as_json:
        say(dumps({"layout": found.layout, "rows": rows, "inbox": str(inbox), "next_step": next_step}))
        return
    counts = f"{found.n_interactions:,} ratings, {found.n_items:,} movies, {found.n_users:,} described users"
    say(f"MovieLens ({found.layout}): {counts} in {inbox}\nNext: {next_step}")


def _told(ending: Ending) -> str:
    lines = [f"{ending.ending} · {ending.run_date} · {ending.seconds:.1f} s", ending.reason]
    if ending.rows.get("recommendations"):
        lines.append(
            f"{ending.rows['recommendations']:,} recommendations; tables/recommendations/run_date={ending.run_date}/part-0.parquet"
        )
    if ending.ndcg:
        lines.append(f"NDCG@{ending.k}: " + ", ".join(f"{name} {value:.4f}" for name, value in ending.ndcg.items() if value is not None))
    if ending.next_step:
        lines.append(f"next: {ending.next_step}")
    if ending.exit_code in RUNBOOKS:
        lines.append(f"runbook: {runbook(ending.exit_code)}")
    if ending.report:
        lines.append(f"report: {ending.report}")
    return "\n".join(line for line in lines if line)
