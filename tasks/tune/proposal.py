"""What a search found, and what of it nightly.toml should take over: only what is better by more than chance would make it."""

from __future__ import annotations

import json
import textwrap
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from models.bootstrap import Interval
from tasks.refusals import UsageError
from tasks.tune.spaces import Value


class InWindow(BaseModel, frozen=True, extra="forbid"):
    """NDCG of the present settings and of the best ones found, over all judged users of one window."""

    window: str
    present: float
    best: float
    n_users: int


class Found(BaseModel, frozen=True, extra="forbid"):
    """What the search found for one model."""

    model: str
    k: int
    trials: int
    present: dict[str, Value]
    best: dict[str, Value]
    windows: tuple[InWindow, ...]
    gain: Interval
    """NDCG of the best settings minus that of the present ones, on users who had no say in the choice."""

    confidence: float

    @property
    def proposed(self) -> dict[str, Value]:
        """Return the values to take over; none where the gain may be chance."""
        if self.gain.low is None or self.gain.low <= 0:
            return {}
        return {name: value for name, value in self.best.items() if value != self.present[name]}

    @property
    def verdict(self) -> str:
        """Say in one line what was found."""
        if self.best == self.present:
            return f"nothing tried is better than the present settings (trials: {self.trials})"
        measured = f"NDCG@{self.k} {self.gain.value:+.4f} ({self._interval}) on {self.gain.n:,} users who had no say in the choice"
        if self.proposed:
            return f"{_named(self.proposed)} instead of {_named({name: self.present[name] for name in self.proposed})}: {measured}"
        return f"nothing is surely better than the present settings (trials: {self.trials}); the best, {_named(self.best)}: {measured}"

    @property
    def spread(self) -> str:
        """Show the windows, newest first."""
        return ", ".join(f"{window.present:.4f} -> {window.best:.4f}" for window in self.windows)

    @property
    def _interval(self) -> str:
        if self.gain.low is None or self.gain.high is None:
            return "too few users for an interval"
        return f"{self.confidence:.0%} interval {self.gain.low:+.4f} to {self.gain.high:+.4f}"


def proposal_text(run_date: date, found: tuple[Found, ...]) -> str:
    """Write the proposal as a fragment of nightly.toml, with the figures as comments."""
    lines = [f"# Proposed by `nightly tune` for {run_date}. `nightly tune --apply` writes it into nightly.toml."]
    if not any(model.proposed for model in found):
        lines.append("# Nothing is proposed: no settings were found that are surely better than the present ones.")
    for model in found:
        lines += ["", *([f"[train.{model.model}]"] if model.proposed else [f"# {model.model}"])]
        lines += [*_comment(model.verdict), *_comment(f"NDCG@{model.k} now -> best found, in each window, newest first: {model.spread}")]
        lines += [f"{name} = {json.dumps(value)}" for name, value in model.proposed.items()]
    return "\n".join(lines) + "\n"


def read_proposal(file: Path) -> dict[str, Value]:
    """Read a proposal, dotted name of a setting -> value; raises UsageError where there is none."""
    if not file.is_file():
        raise UsageError(str(file), "a proposal", "none", "nightly tune")
    try:
        return dict(_leaves("", tomllib.loads(file.read_text())))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(str(file), "valid TOML", str(error), "correct it, or run nightly tune again") from error


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}" if path else name, inner)
    else:
        yield path, value


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 120, break_long_words=False)]


def _named(values: dict[str, Value]) -> str:
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in values.items())
