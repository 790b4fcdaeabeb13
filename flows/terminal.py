"""A run on a terminal: one line at the bottom that says which step is at work and how long the night will still take.

Its length comes from what each step took in the last published night; before a first night it is an honest spinner. Everything else that
is written scrolls by above it.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from tasks.progress import Reached, StepBegun, StepEnded

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live

    from tasks.night import Night

PATIENCE_SECONDS = 2.0
"""A command that counts, but is no night, is silent for so long."""

NEARLY = 0.97
"""How full a bar is at most: what is not done is not done."""

BAR_FROM_COLUMNS = 60
BAR_COLUMNS = 24
NAME_COLUMNS = 10

ENOUGH_TO_TELL = 0.1
SLOWER_AT_MOST = 5.0
"""What share of a night must be done before its pace tells of the rest, and how much of a pace is believed."""


class Course:
    """What is known of how far a run is; `expected` is what the steps of a night took the last time, in seconds."""

    def __init__(self) -> None:
        self.expected: Mapping[str, float] = {}
        self.began = time.monotonic()
        self.step: str | None = None
        self.step_began = self.began
        self._attempt: str | None = None
        self._ended: set[str] = set()
        self._of_step: dict[str, Reached] = {}
        self._of_run: dict[str, Reached] = {}

    def hear(self, fact: object) -> None:
        """Take in one fact of `tasks.progress`."""
        match fact:
            case StepBegun(step, night):
                if night.attempt_id != self._attempt:
                    self._attempt, self._ended, self.expected = night.attempt_id, set(), expected_seconds(night)
                    self.began = time.monotonic()
                self.step, self.step_began, self._of_step = step, time.monotonic(), {}
            case StepEnded(step):
                self._ended.add(step)
                self.step, self._of_step = None, {}
            case Reached(what):
                (self._of_run if self.step is None else self._of_step)[what] = fact

    @property
    def counts(self) -> list[str]:
        """Say what is counted, the outermost first."""
        return [str(each) for each in (*self._of_run.values(), *self._of_step.values())]

    def share(self) -> float | None:
        """Return how much is done, from 0 to 1; None where nothing tells."""
        total = sum(self.expected.values())
        if total:
            return min(NEARLY, 1 - self._left() / total)
        counted, done, part = [each for each in self._of_run.values() if each.total], 0.0, 1.0
        for each in counted:
            part /= each.total or 1
            done += part * each.done
        return min(NEARLY, done) if counted else None

    def seconds_left(self) -> float | None:
        """Return how long it will still take, if what is to come is as much slower than last time as what is done; None where unknown."""
        total = sum(self.expected.values())
        if not total:
            return None
        left = self._left()
        done = total - left
        slower = (time.monotonic() - self.began) / done if done > ENOUGH_TO_TELL * total else 1.0
        return left * min(max(slower, 1.0), SLOWER_AT_MOST)

    def _left(self) -> float:
        to_come = sum(seconds for step, seconds in self.expected.items() if step not in self._ended and step != self.step)
        if self.step is None:
            return to_come
        of_step, spent = self.expected.get(self.step, 0.0), time.monotonic() - self.step_began
        counted = next(iter(self._of_step.values()), None)
        by_count = of_step * (1 - counted.done / counted.total) if counted and counted.total else of_step
        return to_come + max(0.0, min(by_count, of_step - spent))

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the line as it is now."""
        from rich.progress_bar import ProgressBar
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        grid.add_column(min_width=NAME_COLUMNS, no_wrap=True)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, overflow="ellipsis")
        share, left, now = self.share(), self.seconds_left(), time.monotonic()
        told = [_clock(now - self.began), *([] if left is None else [_told(left)]), *self.counts]
        drawn = share is not None and options.max_width >= BAR_FROM_COLUMNS
        bar = ProgressBar(total=1, completed=share or 0, width=BAR_COLUMNS, complete_style="cyan") if drawn else ""
        # A spinner that knows when the run began, not when it was drawn first: it turns although it is made anew each time.
        spinner = Spinner("line" if options.ascii_only else "dots", Text(self.step or ""))
        spinner.start_time = 0.0
        grid.add_row(spinner, bar, Text(", ".join(told), style="dim"))
        yield grid


class Drawing(logging.Handler):
    """Draws the course of a run on standard error while there is one; `stop` leaves the terminal as it was."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._course, self._began = Course(), time.monotonic()
        self._live: Live | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one fact, and begin to draw with the first step, or where counting takes its time."""
        self._course.hear(record.msg)
        if self._live is None and (self._course.step or time.monotonic() - self._began > PATIENCE_SECONDS):
            try:
                self._start()
            except OSError:  # the terminal has gone, and the night goes on
                self.handleError(record)

    def print(self, line: str, style: str = "") -> bool:
        """Print a line above what is drawn; False where nothing is drawn, and the line is the caller's."""
        if self._live is None:
            return False
        from rich.text import Text

        self._live.console.print(Text(line, style=style), soft_wrap=True)
        return True

    def stop(self) -> None:
        """Wipe what is drawn; the next fact draws it anew."""
        if self._live is not None:
            live, self._live = self._live, None
            with suppress(OSError):  # the terminal has gone, and nothing stands on it
                live.stop()

    def _start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(self._course, console=Console(stderr=True), refresh_per_second=5, transient=True, redirect_stdout=False)
        self._live.start()


def expected_seconds(night: Night) -> dict[str, float]:
    """Return what each step took in the last published night up to this one's date; nothing where there was none."""
    from tasks.course import last_costs

    try:
        costs = last_costs(night.workspace, night.run_date)
    except OSError:
        return {}
    return {cost.step: cost.seconds for cost in costs.steps} if costs and costs.ending == "published" else {}


def can_draw(environment: Mapping[str, str]) -> bool:
    """Tell whether somebody looks at standard error who can be shown more than lines."""
    return sys.stderr.isatty() and not environment.get("CI") and environment.get("TERM", "dumb") not in ("dumb", "unknown")


def _told(seconds_left: float) -> str:
    return f"about {_clock(seconds_left)} left" if seconds_left >= 1 else "soon done, or slower than last time"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
