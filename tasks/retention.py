"""Retention: what may be forgotten, and when; never what the pointer, a reader or the next night needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from tasks.inspection import reference_fault
from tasks.pointer import pointed_since
from tasks.publication import NOTE
from tasks.storage import link_file, remove, sync_file
from tasks.workspace import Workspace, read_json

ALWAYS_KEPT = 2
"""So many of the newest dates stay whatever their age: tonight is compared with the last."""

_MADE_AT = re.compile(r"(?:damaged-)?(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)Z")


class KeepingConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How the workspace is kept; none of it changes a published byte."""

    trust_disk: bool = False
    """Run on a disk that fails the self-test (no locks, links or renames): torn tables are then possible, and two runs may meet."""

    tables_days: int = Field(90, ge=2)
    """Published dates older than this, counted from the newest, are removed by `nightly gc`."""

    history_days: int = Field(30, ge=1)
    """How long replaced files, reports and damaged stores are kept."""

    grace_hours: float = Field(24, ge=0)
    """How long a night stays after the pointer has left it: readers may still be at work on it."""

    stale_after_days: int = Field(2, ge=1)
    """Age of the served date from which `nightly status` warns and exits 7."""


@dataclass(frozen=True)
class Forgettable:
    """Something that may go: what it is and why, and its files and folders in the order in which they go."""

    what: str
    why: str
    parts: tuple[Path, ...]
    manifest: Path | None = None
    """The manifest that names the parts; it goes before them and is kept under .history/manifests."""

    @property
    def bytes(self) -> int:
        """What its going frees: a file with a second name elsewhere frees nothing."""
        files = [file for part in self.parts for file in (part.rglob("*") if part.is_dir() else (part,))]
        return sum(stat.st_size for file in files if file.is_file() and (stat := file.stat()).st_nlink == 1)


def forgettable(workspace: Workspace, keeping: KeepingConfig, now: datetime) -> list[Forgettable]:
    """List what may be forgotten, in the order in which it goes; nothing of raw/, ever.

    Dates are counted from the newest published one that the clock has come to: neither a clock that is wrong nor a date that was
    mistyped costs a table.
    """
    serving = workspace.published()
    kept_runs = pointed_since(workspace, now - timedelta(hours=keeping.grace_hours))
    kept_runs |= {night["run_id"] for night in (workspace.current(), *serving[-ALWAYS_KEPT:]) if night}
    newest = min([date.fromisoformat(serving[-1]["run_date"]), now.date() + timedelta(days=1)]) if serving else now.date()
    oldest_date, oldest_page = newest - timedelta(days=keeping.tables_days), newest - timedelta(days=keeping.history_days)
    going = [night for night in serving if night["run_date"] < str(oldest_date) and night["run_id"] not in kept_runs]
    staying = [night for night in serving if night not in going]
    return [
        *_dates(workspace, going, keeping),
        *_half_removed(workspace, serving),
        *_models(workspace, staying, oldest_page),
        *_reports(workspace, {night["run_date"] for night in going}, {night["run_date"] for night in staying[-ALWAYS_KEPT:]}, oldest_page),
        *_history(workspace, now - timedelta(days=keeping.history_days), keeping),
        *_staging(workspace),
    ]


def forget(workspace: Workspace, item: Forgettable) -> None:
    """Let something go. What vouches for it goes first, so that whoever is cut off leaves nothing that names a missing file.

    A manifest is kept under .history/manifests: the gate compares with the quality it records, and the next `gc` finds by it what is left.
    """
    if item.manifest is not None:
        link_file(item.manifest, workspace.retired / item.manifest.name)
        remove(item.manifest)
        sync_file(workspace.manifests)
    for part in item.parts:
        card = part / "card.json"
        if card.is_file():
            remove(card)
            sync_file(part)
        remove(part)


def _dates(workspace: Workspace, going: list[dict[str, Any]], keeping: KeepingConfig) -> Iterator[Forgettable]:
    for night in going:
        parts = (*_folders_of(workspace, night["run_date"]), workspace.report(date.fromisoformat(night["run_date"])))
        why = f"more than {keeping.tables_days} days before the newest date"
        yield Forgettable(f"the tables of {night['run_date']}", why, parts, workspace.manifest_file(night["run_id"]))


def _half_removed(workspace: Workspace, serving: list[dict[str, Any]]) -> Iterator[Forgettable]:
    served = {night["run_date"] for night in serving}
    for night in workspace.remembered():
        parts = _folders_of(workspace, night["run_date"]) if night["run_date"] not in served else ()
        if parts:
            yield Forgettable(f"the rest of the tables of {night['run_date']}", "left by a removal that was cut off", parts)


def _folders_of(workspace: Workspace, run_date: str) -> tuple[Path, ...]:
    return tuple(sorted(workspace.tables.glob(f"*/run_date={run_date}")))


def _models(workspace: Workspace, staying: list[dict[str, Any]], oldest: date) -> Iterator[Forgettable]:
    if reference_fault(workspace):  # whichever set it has pinned cannot be made again
        return
    named = {night["model_version"] for night in staying} | {(read_json(workspace.reference) or {}).get("model_version")}
    for folder in sorted(path for path in workspace.models.glob("*") if path.is_dir() and path.name not in named):
        card = read_json(folder / "card.json") or {}
        # Made lately, as by `retrain` or for tables that were replaced: there is still a way back to it.
        if str(card.get("run_date", "")) < str(oldest):
            yield Forgettable(f"models/{folder.name}", "no date that is kept was made with it", (folder,))


def _reports(workspace: Workspace, going: set[str], staying: set[str], oldest: date) -> Iterator[Forgettable]:
    for folder in sorted(workspace.root.glob("reports/run_date=*")):
        run_date = folder.name.partition("=")[2]
        if run_date < str(oldest) and run_date not in staying | going:
            yield Forgettable(f"the report of {run_date}", "old", (folder,))


def _history(workspace: Workspace, before: datetime, keeping: KeepingConfig) -> Iterator[Forgettable]:
    for path in sorted(workspace.history.glob("*")):
        made_at = _MADE_AT.match(path.name)
        if made_at and datetime.strptime(made_at[1], "%Y-%m-%dT%H-%M-%S") < before:  # noqa: DTZ007 - UTC without zone, as all our times
            yield Forgettable(workspace.relative(path), f"kept for {keeping.history_days} days", (path,))


def _staging(workspace: Workspace) -> Iterator[Forgettable]:
    """Yield what other attempts than the last left staged: that one may still be resumed."""
    last = read_json(workspace.open_attempt) or next(reversed(workspace.attempts()), {})
    for path in sorted(workspace.staging.glob("*")):
        if path.name != str(last.get("run_id")) and not (path / NOTE).is_file():
            yield Forgettable(workspace.relative(path), "left by an attempt that nobody resumes", (path,))
