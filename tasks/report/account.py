"""The account of a night: all that its page is made of beside published tables, kept beside the page to render it again.

Receipts, steps and the working store belong to the night at work and are swept away; what a page needs of them is written down here.
"""

from __future__ import annotations

import json
import platform
from datetime import date, datetime
from importlib import metadata
from typing import Any, Literal

import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from models.bootstrap import Interval
from models.metrics import METRICS
from tasks.inspection import command
from tasks.night import Night, StepRecord, step_records
from tasks.rankings import BLEND
from tasks.refusals import StorageError, UsageError
from tasks.report.refused import BrokenRule, broken_rules
from tasks.report.sample import Chosen, chosen_users
from tasks.report.story import Story
from tasks.storage import write_bytes
from tasks.workspace import Workspace

FILE = "story.json"


class Measured(BaseModel, frozen=True, extra="forbid"):
    """One row of the metrics table."""

    of_date: date
    ranking: str
    segment: str
    metric: str
    k: int
    value: float
    low: float | None
    high: float | None
    n_users: int

    @property
    def interval(self) -> Interval:
        return Interval(self.value, self.low, self.high, self.n_users)


class Account(BaseModel, frozen=True, extra="forbid"):
    """Who the night was, its story, and what only the night itself could see.

    `served` names what is served after it, `metrics` holds the rows that its page tells of, where no published table does.
    """

    format: Literal[1] = 1
    run_date: date
    run_id: str
    attempt_id: str
    started_at: datetime
    champion: str | None
    served: str
    story: Story
    steps: tuple[StepRecord, ...]
    versions: dict[str, str]
    origin: dict[str, Any]
    refused: tuple[BrokenRule, ...]
    sample: tuple[Chosen, ...]
    metrics: tuple[Measured, ...]


def account_of(night: Night, story: Story) -> Account:
    """Gather the account of a night that has just ended."""
    return Account(
        run_date=night.run_date,
        run_id=night.run_id,
        attempt_id=night.attempt_id,
        started_at=night.started_at,
        champion=night.champion,
        served=_served_now(night.workspace),
        story=story,
        steps=tuple(step_records(night)),
        versions=_versions(night),
        origin=night.origin,
        refused=broken_rules(night, story),
        sample=chosen_users(night, story),
        metrics=() if story.published else _measured(night, story),
    )


def write_account(workspace: Workspace, account: Account) -> None:
    """Keep an account beside the page of its date; what stands in an order keeps it, since the page is told in that order."""
    written = json.dumps(account.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
    write_bytes(workspace.report(account.run_date) / FILE, written.encode())


def read_account(workspace: Workspace, run_date: date) -> Account:
    """Read the account that was kept of a date.

    Raises UsageError where the date never had a night, or one of a version that kept no account; StorageError where it is damaged.
    """
    file = workspace.report(run_date) / FILE
    if not file.is_file():
        raise _unknown(workspace, run_date)
    try:
        return Account.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        next_step = f"{_made_anew(workspace, run_date)}; the page that lies beside it stays as it is"
        raise StorageError(workspace.relative(file), "the account of a night, as this version writes it", first, next_step) from error


def _unknown(workspace: Workspace, run_date: date) -> UsageError:
    folder = workspace.report(run_date)
    if (folder / "index.html").is_file():
        found, next_step = "a page that an earlier version wrote without it", _made_anew(workspace, run_date)
        return UsageError(
            workspace.relative(folder / FILE), "what the page is made of", found, f"{next_step}; the page itself can be opened"
        )
    known = sorted(path.parent.name.partition("=")[2] for path in workspace.root.glob(f"reports/run_date=*/{FILE}"))
    if not known:
        return UsageError(str(run_date), "a date with a night", "none that left an account", command(workspace.root, "run"))
    some = ", ".join(known[-5:])
    return UsageError(
        str(run_date), "a date with a night", f"only {'... ' if len(known) > 5 else ''}{some}", f"name one of them, such as {known[-1]}"
    )


def _made_anew(workspace: Workspace, run_date: date) -> str:
    return f"make the night and its page anew: {command(workspace.root, 'run', '--run-date', run_date, '--replace')}"


def _served_now(workspace: Workspace) -> str:
    current = workspace.current()
    return f"the tables of {current['run_date']} (run {current['run_id']})" if current else "nothing yet"


def _versions(night: Night) -> dict[str, str]:
    """Return the versions the manifest names, or those installed where nothing was published."""
    manifest = night.workspace.manifest(night.run_id)
    if manifest:
        return dict(manifest["versions"])
    from tasks.publish import LIBRARIES

    return {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}}


def _measured(night: Night, story: Story) -> tuple[Measured, ...]:
    """Return what a page tells of a staged metrics table: the blend at every length, and of all other rankings the NDCG at one."""
    path = night.staged_table("metrics")
    if story.evaluated is None or not path.is_file():
        return ()
    rows = [Measured(**{name: row[name] for name in Measured.model_fields}) for row in pq.read_table(path).to_pylist()]
    told = ("ndcg", story.evaluated.k)
    return tuple(row for row in rows if row.ranking == BLEND or row.metric not in METRICS or (row.metric, row.k) == told)
