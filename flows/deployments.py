"""The flows that Prefect schedules and shows: the compositions of flows/, with a form for their arguments and a state for their ending.

Nothing is decided here: a night started by Prefect and one started from the shell make the same bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prefect import flow
from prefect.runtime import flow_run
from prefect.states import State
from pydantic import AfterValidator, Field

from flows.attempt import Ending, Options
from flows.backfill import run_backfill
from flows.nightly import run_night
from flows.prefect_steps import PrefectRunner, logged_to_prefect, terminated
from flows.prefect_summary import refused_state, show, state_of
from flows.refresh import run_refresh
from flows.republish import run_republish
from flows.retrain import run_retrain
from flows.settings import Settings, load_settings
from tasks.night import Runner
from tasks.refusals import NightError
from tasks.workspace import Workspace

log = logging.getLogger("nightly")


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"no time zone is called {name!r}; one is called 'Europe/Zurich'") from error


Folder = Annotated[str, Field(min_length=1)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
ModelVersion = Annotated[str, Field(min_length=1)]
OnBadFile = Literal["stop", "set_aside"] | None


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
    workspace: Folder, run_date: date | None = None, timezone: TimeZone = "UTC", replace: bool = False, allow_volume: bool = False,
    if_new: bool = False, wait: bool = False, on_bad_file: OnBadFile = None,
) -> State[Any]:  # fmt: skip
    """Run one night: take in what was delivered, train, judge, and publish tonight's tables if they pass.

    Args:
        workspace: The workspace folder on the machine that runs this.
        run_date: The night's date; empty means the date for which the run was scheduled, in the time zone below.
        timezone: The time zone in which the scheduled moment becomes a date; the schedule's own.
        replace: Replace the tables of a date that is published already and would change.
        allow_volume: Accept a delivery far smaller or larger than usual.
        if_new: End `skipped` when nothing new was delivered since the last published night.
        wait: Wait for another run to end instead of being cancelled at once.
        on_bad_file: Whether an unreadable file stops the night or is set aside; empty leaves it to nightly.toml.
    """
    day, options = night_date(run_date, timezone), Options(replace=replace, allow_volume=allow_volume, if_new=if_new, wait=wait)

    def run(runner: Runner, command: str) -> Ending:
        return run_night(Path(workspace), day, _settings(workspace, on_bad_file), options, runner, command)

    return _carried_out(run)


@_recorded()
def refresh(
    workspace: Folder, run_date: date | None = None, timezone: TimeZone = "UTC", allow_volume: bool = False, on_bad_file: OnBadFile = None
) -> State[Any]:
    """Take in and validate what was delivered, without training or publishing anything.

    Args:
        workspace: The workspace folder on the machine that runs this.
        run_date: The night's date; empty means the date for which the run was scheduled, in the time zone below.
        timezone: The time zone in which the scheduled moment becomes a date; the schedule's own.
        allow_volume: Accept a delivery far smaller or larger than usual.
        on_bad_file: Whether an unreadable file stops the run or is set aside; empty leaves it to nightly.toml.
    """
    day, options = night_date(run_date, timezone), Options(allow_volume=allow_volume)

    def run(runner: Runner, command: str) -> Ending:
        return run_refresh(Path(workspace), day, _settings(workspace, on_bad_file), options, runner, command)

    return _carried_out(run)


@_recorded()
def retrain(
    workspace: Folder, run_date: date | None = None, timezone: TimeZone = "UTC", allow_volume: bool = False, on_bad_file: OnBadFile = None
) -> State[Any]:
    """Train and judge models on everything known and keep them if they pass, without publishing tables.

    Args:
        workspace: The workspace folder on the machine that runs this.
        run_date: The night's date; empty means the date for which the run was scheduled, in the time zone below.
        timezone: The time zone in which the scheduled moment becomes a date; the schedule's own.
        allow_volume: Accept a delivery far smaller or larger than usual.
        on_bad_file: Whether an unreadable file stops the run or is set aside; empty leaves it to nightly.toml.
    """
    day, options = night_date(run_date, timezone), Options(allow_volume=allow_volume)

    def run(runner: Runner, command: str) -> Ending:
        return run_retrain(Path(workspace), day, _settings(workspace, on_bad_file), options, runner, command)

    return _carried_out(run)


@_recorded()
def republish(
    workspace: Folder, model_version: ModelVersion, run_date: date | None = None, timezone: TimeZone = "UTC", replace: bool = False
) -> State[Any]:
    """Score and publish a date with the models of an earlier night, unjudged: the way back when tonight's disappoint.

    Args:
        workspace: The workspace folder on the machine that runs this.
        model_version: The set of models: the name of a folder under models/ in the workspace.
        run_date: The date to publish; empty means the date for which the run was scheduled, in the time zone below.
        timezone: The time zone in which the scheduled moment becomes a date; the schedule's own.
        replace: Replace the tables of a date that is published already and would change.
    """
    day, options = night_date(run_date, timezone), Options(replace=replace)

    def run(runner: Runner, command: str) -> Ending:
        return run_republish(Path(workspace), day, model_version, _settings(workspace, None), options, runner, command)

    return _carried_out(run)


@_recorded("backfill {first} to {last}")
def backfill(workspace: Folder, first: date, last: date, replace: bool = False) -> State[Any]:
    """Run the nights of a range of dates, both ends included, oldest first, each as of its own date.

    Args:
        workspace: The workspace folder on the machine that runs this.
        first: The first date, included.
        last: The last date, included.
        replace: Replace the tables of dates that are published already and would change.
    """

    def run(runner: Runner, command: str) -> list[Ending]:
        return run_backfill(Path(workspace), first, last, _settings(workspace, None), Options(replace=replace), runner, command)

    return _carried_out(run)


@dataclass
class _Call:
    """A run started from the shell: the command as typed goes in; how it ended comes out, even where Prefect could not take it."""

    command: str = ""
    ended: Ending | NightError | None = None


_call: ContextVar[_Call | None] = ContextVar("_call", default=None)


def run_recorded(root: Path, run_date: date | None, options: Options, on_bad_file: OnBadFile, command: str) -> Ending:
    """Run one night in this process as a flow run; without Prefect, should it fail to record it. Raises what `run_night` raises."""
    call, state = _Call(command), None
    token = _call.set(call)
    try:
        state = nightly(str(root.resolve()), run_date, **options.model_dump(), on_bad_file=on_bad_file, return_state=True)
    except Exception as error:  # noqa: BLE001 - what a night raises arrives as a state, so this comes from Prefect
        log.warning("not recorded in Prefect: %s", error)
    finally:
        _call.reset(token)
    if isinstance(call.ended, NightError):
        raise call.ended
    if call.ended is None and state is not None:
        state.result()
    return call.ended or run_night(root, run_date, _settings(str(root), on_bad_file), options, command=command)


def _carried_out(run: Callable[[Runner, str], Ending | list[Ending]]) -> State[Any]:
    """Run something with its steps as Prefect tasks, show how it ended, and return the state that says so."""
    call, runner = _call.get() or _Call(), PrefectRunner()
    with logged_to_prefect():
        try:
            with terminated():
                found = run(runner, call.command)
        except NightError as refusal:
            call.ended = refusal
            return refused_state(refusal)
        endings: Sequence[Ending] = found if isinstance(found, list) else [found]
        call.ended = endings[-1]
        show(endings, runner.receipts)
    return state_of(endings)


def _settings(workspace: str, on_bad_file: OnBadFile) -> Settings:
    root = Path(workspace).resolve()
    Workspace(root).require()
    return load_settings(root, **({"source": {"on_bad_file": on_bad_file}} if on_bad_file else {}))
