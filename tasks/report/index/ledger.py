"""What is written down of all nights, read once: every part may be missing, torn or made by another version."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tasks.calendar import Calendar, calendar
from tasks.lock import at_work, is_ours
from tasks.workspace import Workspace, read_json

KILLED = "killed, or the machine stopped; the next run goes on from its finished steps"
UNREADABLE = "?"


@dataclass(frozen=True)
class Attempt:
    """One attempt as its line tells; what a line does not say, or does not say well, is `?` or None."""

    run_id: str
    run_date: str
    ending: str
    reason: str
    started_at: str
    seconds: float | None
    checks: Any
    """What the gate wrote down of its rules: JSON within JSON."""

    @property
    def is_bad(self) -> bool:
        """Tell whether it ended without the tables it was to make."""
        return self.ending in ("kept_last_good", "failed", "killed")

    def measured(self, rule: str) -> float | None:
        """Return what a rule of the gate measured, None where that is not known."""
        try:
            return next((number(check["value"]) for check in json.loads(self.checks) if check["name"] == rule), None)
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True)
class Ledger:
    """What is known of a workspace's nights at a moment."""

    workspace: Workspace
    now: datetime
    current: dict[str, Any] | None
    """The manifest that is served; None before the first publication, and where nobody can tell."""
    serving: dict[str, dict[str, Any]]
    """Date -> manifest, oldest first, of the dates whose tables can be read."""
    remembered: dict[str, dict[str, Any]]
    """The same, with the dates whose tables were removed since."""
    attempts: list[Attempt]
    """Oldest first; one that was killed and that no run has recorded yet stands last."""
    under_way: str | None
    """Who else is at work in the workspace; whoever writes the index at the end of its own work is not."""
    calendar: Calendar

    def page(self, run_date: str) -> str | None:
        """Return the link to the page of a night, relative to the index; None where it has none."""
        name = f"run_date={run_date}/index.html"
        return name if is_date(run_date) and (self.workspace.root / "reports" / name).is_file() else None


def read_ledger(workspace: Workspace, now: datetime) -> Ledger:
    """Read manifests, attempts, the pointer and who is at work."""
    remembered = {manifest["run_date"]: manifest for manifest in workspace.remembered()}
    serving = {day: manifest for day, manifest in remembered.items() if workspace.manifest_file(manifest["run_id"]).is_file()}
    holder = at_work(workspace)
    cut_off = None if holder else read_json(workspace.open_attempt)
    finished, unfinished = workspace.attempts(), [cut_off] if cut_off else []
    became = calendar(remembered.values(), [*finished, *unfinished], now.date())
    attempts = [*map(_attempt, finished), *(_attempt(entry | {"ending": "killed", "reason": KILLED}) for entry in unfinished)]
    return Ledger(workspace, now, workspace.current(), serving, remembered, attempts, None if is_ours(workspace) else holder, became)


def is_date(text: str) -> bool:
    """Tell whether a text is a date as we write it."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def number(value: Any) -> float | None:
    """Return a finite number, None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def _attempt(entry: Mapping[str, Any]) -> Attempt:
    texts = {name: str(entry.get(name) or UNREADABLE) for name in ("run_id", "run_date", "ending", "started_at")}
    return Attempt(**texts, reason=str(entry.get("reason") or ""), seconds=number(entry.get("seconds")), checks=entry.get("checks"))
