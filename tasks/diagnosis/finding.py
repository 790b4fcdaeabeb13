"""What a look finds, and what every look is given to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from tasks.inspection import command
from tasks.lock import at_work
from tasks.retention import KeepingConfig
from tasks.workspace import Workspace

Level = Literal["ok", "warn", "bad"]

SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, one sentence, and what to do where something is to be done.

    A next step begins with what is to be typed, where typing mends it; a remark follows behind a semicolon.
    """

    subject: str
    level: Level
    sentence: str
    next_step: str = ""


@dataclass(frozen=True)
class Scene:
    """A workspace at a moment, and how it is to be kept."""

    workspace: Workspace
    keeping: KeepingConfig
    now: datetime
    hashes: bool = False
    """Whether every file is hashed elsewhere, so that sizes need not be called all that was looked at."""

    unfinished: Mapping[str, str] = field(default_factory=dict)
    """The files in the inbox that count as still being written, relative to the workspace, and what tells so."""

    @cached_property
    def current(self) -> dict[str, Any] | None:
        return self.workspace.current()

    @cached_property
    def published(self) -> list[dict[str, Any]]:
        return self.workspace.published()

    @cached_property
    def at_work(self) -> str | None:
        return at_work(self.workspace)

    def command(self, verb: str, *arguments: Any) -> str:
        """Return a command on this workspace as it is to be typed."""
        return command(self.workspace.root, verb, *arguments)


def some(names: Sequence[str]) -> str:
    """Name the first few of many."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
