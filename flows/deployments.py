"""The flows that Prefect schedules and shows: the compositions of flows/, with a form for their arguments and a state for their ending.

Nothing is decided here: a night started by Prefect and one started from the shell make the same bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from prefect import flow, tags
from prefect.runtime import flow_run
from prefect.states import Completed, State

from flows.attempt import Ending, Options
from flows.backfill import run_backfill
from flows.clock import now
from flows.nightly import run_night
from flows.prefect_api import OURS
from flows.prefect_artifacts import key, show, show_rolled_back
from flows.prefect_endings import refused_state, state_of
from flows.prefect_forms import (
    AllowVolume,
    FirstDate,
    Folder,
    IfNew,
    LastDate,
    ModelVersion,
    NightDate,
    OnBadFile,
    PublishedDate,
    Replace,
    TimeZone,
    Wait,
)
from flows.prefect_outage import dead_api, give_up_on
from flows.prefect_progress import NIGHT, REPUBLISH, RETRAIN, TAKE_IN, Progress
from flows.prefect_steps import PrefectRunner, logged_to_prefect, terminated
from flows.refresh import run_refresh
from flows.republish import run_republish
from flows.retrain import run_retrain
from flows.rollback import serve_again
from flows.settings import Settings, load_settings
from tasks.night import Runner
from tasks.refusals import NightError
from tasks.workspace import Workspace

log = logging.getLogger("nightly")


def night_date(run_date: date | None, timezone: str) -> date:
    """Return the date asked for, else that of the moment the flow run was scheduled for, which a late start does not change."""
    if run_date is not None:
        return run_date
    local = flow_run.scheduled_start_time.astimezone(ZoneInfo(timezone))
    return date(local.year, local.month, local.day)


def _dated_name() -> str:
    given = flow_run.parameters
    return f"{flow_run.flow_name} {night_date(given.get('run_date'), given['timezone'])}"


def _recorded(flow_run_name: Callable[[], str] | str = _dated_name) -> Callable[[Callable[..., State[Any]]], Any]:
    """Make flows that store no result (the tables are the result) and try nothing again on their own.

    Prefect keeps the error of a run that fails unforeseen all the same, by default as a pickle: hence the serializer.
    """
    return partial(flow, flow_run_name=flow_run_name, persist_result=False, result_serializer="json", retries=0)


# Prefect reads what its form says of each parameter from the flow's docstring.


@_recorded()
def nightly(
    workspace: Folder, run_date: NightDate = None, timezone: TimeZone = "UTC", replace: Replace = False, allow_volume: AllowVolume = False,
    if_new: IfNew = False, wait: Wait = False, on_bad_file: OnBadFile = "as set",
) -> State[Any]:  # fmt: skip
    """Run one night: take in what was delivered, train, judge, and publish tonight's tables if they pass.

    Args:
        workspace: The workspace folder on the machine that runs this.
        run_date: The night's date; empty means the date for which the run was scheduled, in the time zone below.
        timezone: The time zone in which the scheduled moment becomes a date; the schedule's own.
        replace: Replace the tables of a date that is published already and would change.
        allow_volume: Accept a delivery far smaller or larger than usual.
        if_new: End as skipped when nothing new was delivered since the last published night.
        wait: Wait for another run of this workspace to end instead of being cancelled at once; scheduled nights wait.
        on_bad_file: Whether an unreadable file stops the night or is set aside; "as set" leaves it to nightly.toml.
    """
    day, options = night_date(run_date, timezone), Options(replace=replace, allow_volume=allow_volume, if_new=if_new, wait=wait)

    def run(runner: Runner, command: str) -> Ending:
        return run_night(Path(workspace), day, _settings(workspace, on_bad_file), options, runner, command)

    return _carried_out(workspace, run, Progress(key("progress"), NIGHT))


@_recorded()
def refresh(
    workspace: Folder,
    run_date: NightDate = None,
    timezone: TimeZone = "UTC",
    allow_volume: AllowVolume = False,
    on_bad_file: OnBadFile = "as set",
) -> State[Any]:
    """Take in and validate what was delivered, without training or publishing anything.

    Args:
        workspace: The workspace folder on the machine that runs this.
        run_date: The night's date; empty means the date for which the run was scheduled, in the time zone below.
        timezone: The time zone in which the scheduled moment becomes a date; the schedule's own.
        allow_volume: Accept a delivery far smaller or larger than usual.
        on_bad_file: Whether an unreadable file stops the run or is set aside; "as set" leaves it to nightly.toml.
    """
    day, options = night_date(run_date, timezone), Options(allow_volume=allow_volume)

    def run(runner: Runner, command: str) -> Ending:
        return run_refresh(Path(workspace), day, _settings(workspace, on_bad_file), options, runner, command)

    return _carried_out(workspace, run, Progress(key("progress"), TAKE_IN))


@_recorded()
def retrain(
    workspace: Folder,
    run_date: NightDate = None,
    timezone: TimeZone = "UTC",
    allow_volume: AllowVolume = False,
    on_bad_file: OnBadFile = "as set",
) -> State[Any]:
    """Train and judge models on everything known and keep them if they pass, without publishing tables.

    Args:
        workspace: The workspace folder on the machine that runs this.
        run_date: The night's date; empty means the date for which the run was scheduled, in the time zone below.
        timezone: The time zone in which the scheduled moment becomes a date; the schedule's own.
        allow_volume: Accept a delivery far smaller or larger than usual.
        on_bad_file: Whether an unreadable file stops the run or is set aside; "as set" leaves it to nightly.toml.
    """
    day, options = night_date(run_date, timezone), Options(allow_volume=allow_volume)

    def run(runner: Runner, command: str) -> Ending:
        return run_retrain(Path(workspace), day, _settings(workspace, on_bad_file), options, runner, command)

    return _carried_out(workspace, run, Progress(key("progress"), RETRAIN))


@_recorded()
def republish(
    workspace: Folder, model_version: ModelVersion, run_date: NightDate = None, timezone: TimeZone = "UTC", replace: Replace = False
) -> State[Any]:
    """Score and publish a date with the models of an earlier night, unjudged: the way back when tonight's disappoint.

    Args:
        workspace: The workspace folder on the machine that runs this.
        model_version: The set of models, a folder under models/ in the workspace. The summary and the report of every published night name
            its set. One that is not there is refused with the names of those that are.
        run_date: The date to publish; empty means the date for which the run was scheduled, in the time zone below.
        timezone: The time zone in which the scheduled moment becomes a date; the schedule's own.
        replace: Replace the tables of a date that is published already and would change.
    """
    day, options = night_date(run_date, timezone), Options(replace=replace)

    def run(runner: Runner, command: str) -> Ending:
        return run_republish(Path(workspace), day, model_version, _settings(workspace, None), options, runner, command)

    return _carried_out(workspace, run, Progress(key("progress"), REPUBLISH))


@_recorded("backfill {first} to {last}")
def backfill(workspace: Folder, first: FirstDate, last: LastDate, replace: Replace = False) -> State[Any]:
    """Run the nights of a range of dates, both ends included, oldest first, each as of its own date.

    Args:
        workspace: The workspace folder on the machine that runs this.
        first: The first date, included.
        last: The last date, included.
        replace: Replace the tables of dates that are published already and would change.
    """

    def run(runner: Runner, command: str) -> list[Ending]:
        return run_backfill(Path(workspace), first, last, _settings(workspace, None), Options(replace=replace), runner, command)

    return _carried_out(workspace, run, Progress(key("progress"), NIGHT, first, last))


@_recorded("rollback to {to}")
def rollback(workspace: Folder, to: PublishedDate) -> State[Any]:
    """Serve an earlier published date again, at once and until the next night is published; its files are verified first.

    Args:
        workspace: The workspace folder on the machine that runs this.
        to: The date to serve again. The command nightly status shows which are published; one that is not is refused with those that are.
    """
    with logged_to_prefect():
        try:
            served = serve_again(Path(workspace), to, now())
        except NightError as refusal:
            return refused_state(refusal)
        show_rolled_back(served.sentence, {f"run_date:{served.serving}"})
    return Completed(message=served.sentence)


@dataclass
class _Call:
    """A run started from the shell: the command as typed goes in; how it ended comes out, even where Prefect could not take it."""

    command: str = ""
    ended: Ending | NightError | None = None
    patience: ExitStack = field(default_factory=ExitStack)
    """What was set for the rest of this run, because its server died."""


_call: ContextVar[_Call | None] = ContextVar("_call", default=None)


def run_recorded(
    root: Path, run_date: date | None, options: Options, on_bad_file: Literal["stop", "set_aside"] | None, command: str
) -> Ending:
    """Run one night in this process as a flow run; without Prefect, should it fail to record it. Raises what `run_night` raises."""
    call, state = _Call(command), None
    token = _call.set(call)
    try:
        with tags(OURS):
            state = nightly(str(root.resolve()), run_date, **options.model_dump(), on_bad_file=on_bad_file or "as set", return_state=True)
    except Exception as error:  # noqa: BLE001 - what a night raises arrives as a state, so this comes from Prefect
        log.warning("not recorded in Prefect: %s", error)
    finally:
        call.patience.close()
        _call.reset(token)
    if isinstance(call.ended, NightError):
        raise call.ended
    if call.ended is None and state is not None:
        state.result()
    return call.ended or run_night(root, run_date, _settings(str(root), on_bad_file), options, command=command)


def _carried_out(workspace: str, run: Callable[[Runner, str], Ending | list[Ending]], progress: Progress) -> State[Any]:
    """Run something with its steps as Prefect tasks, show how it ended, and return the state that says so."""
    call, runner = _call.get() or _Call(), PrefectRunner(progress)
    with logged_to_prefect():
        try:
            with terminated():
                found = run(runner, call.command)
        except NightError as refusal:
            call.ended = refusal
            return refused_state(refusal)
        endings: Sequence[Ending] = found if isinstance(found, list) else [found]
        call.ended = endings[-1]
        if dead := dead_api():
            give_up_on(dead, call.patience)
        else:
            show(Path(workspace), endings, runner.receipts)
    return state_of(endings)


def _settings(workspace: str, on_bad_file: OnBadFile | None) -> Settings:
    root = Path(workspace).resolve()
    Workspace(root).require()
    return load_settings(root, **({"source": {"on_bad_file": on_bad_file}} if on_bad_file in ("stop", "set_aside") else {}))
