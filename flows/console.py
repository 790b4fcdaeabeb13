"""What a command prints: the result on stdout, for people or as JSON, and the log on stderr."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO

from tasks.refusals import NightError, spelled_out

if TYPE_CHECKING:
    from pathlib import Path

    from flows.attempt import Ending


RUNBOOKS = {
    1: "killed-interrupted-or-unexpected",
    2: "a-command-or-a-date-is-refused-exit-2",
    3: "input-refused-exit-3",
    4: "held-by-the-gate-exit-4",
    5: "the-lock-is-held-exit-5",
    6: "a-disk-or-a-file-fails-exit-6",
}
"""Exit code -> the part of docs/operations.md that says what to do."""


def runbook(exit_code: int) -> str:
    """Return a line that names the runbook of an exit code, nothing where there is none."""
    return f"docs/operations.md#{RUNBOOKS[exit_code]}" if exit_code in RUNBOOKS else ""


def guarded(app: Callable[..., Any]) -> int:
    """Run a command line; foreseen errors become one sentence and their exit code, signals 130 and 143."""
    from cyclopts import CycloptsError

    _log_to_stderr()
    if isinstance(sys.stdout, TextIOWrapper):
        # In a locale that knows ASCII only, a title or a dot in the middle of a line must not end a night; stderr is so already.
        sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return int(app(exit_on_error=False, print_error=True, result_action="return_value") or 0)
    except CycloptsError:
        return 2
    except NightError as error:
        facts = f"  expected: {error.expected}\n  found:    {error.found}\n  next:     {error.next_step}"
        say(f"nightly: {error.where}\n{facts}\n  runbook:  {runbook(error.exit_code)}", to=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        say("nightly: interrupted; run the same command again to resume", to=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0


class _Legible(logging.Formatter):
    """Writes each message in one line: names and values in it may come from a delivery, and may mean to move the cursor."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name logging knows it by
        record.message = spelled_out(record.message)
        return super().formatMessage(record)


def _terminated(_number: int, _frame: object) -> None:
    raise SystemExit(143)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Legible("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("nightly")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def say(text: str, to: TextIO | None = None) -> None:
    """Print a line that is a command's result (stdout) or its complaint (stderr)."""
    print(text, file=to, flush=True)


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
    for ending in endings:
        say(ending.model_dump_json() if as_json else f"{ending.run_date}  {ending.ending:<15} {ending.reason}")
    return next((ending.exit_code for ending in endings if ending.exit_code), 0)


def imported(found: Any, workspace: Path) -> None:
    """Print what an import brought into the inbox."""
    counts = f"{found.n_interactions:,} ratings, {found.n_items:,} movies, {found.n_users:,} described users"
    say(f"MovieLens ({found.layout}): {counts} in {workspace / 'inbox'}\nNext: nightly run --workspace {shlex.quote(str(workspace))}")


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
