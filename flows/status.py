"""Status: what is served and how the last attempts ended, read from small files that work when everything else is broken."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from flows.attempt import now
from flows.console import say
from tasks.workspace import SOURCES, Workspace

SHOWN = 7


def show_status(root: Path, as_json: bool) -> int:
    """Print what a workspace serves, its last attempts and what waits in its inbox."""
    workspace = Workspace(root.resolve())
    workspace.require()
    current, attempts = workspace.current(), workspace.attempts()[-SHOWN:]
    waiting = {source: sum(path.is_file() for path in workspace.inbox(source).glob("[!.]*")) for source in SOURCES}
    if as_json:
        say(json.dumps({"serving": current, "attempts": attempts, "waiting": waiting}, sort_keys=True, default=str))
        return 0
    say(_serving(current))
    say("inbox: " + ", ".join(f"{count} {source}" for source, count in waiting.items()))
    for attempt in reversed(attempts):
        say(f"  {attempt['started_at']}  {attempt['run_date']}  {attempt['ending']:<15} {attempt['reason']}")
    return 0


def _serving(current: dict[str, object] | None) -> str:
    if current is None:
        return "nothing is published yet"
    age = now() - datetime.fromisoformat(str(current["published_at"]).removesuffix("Z"))
    rows = current["tables"]["recommendations"]["rows"]  # type: ignore[index]
    through = current["data_through"] or "unknown (no times)"
    hours = age.total_seconds() / 3600
    facts = f"{rows:,} recommendations, published {hours:.1f} h ago, data through {through}"
    return f"serving {current['run_date']}: {facts}\n  {current['verdict']}"
