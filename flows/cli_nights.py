"""The verbs that begin a workspace and run its nights.

As in `flows.cli`, only the standard library and cyclopts are imported up here.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from flows.cli_app import BEGIN, EVERY_NIGHT, RUNNING, Flag, Json, RunDate, Workspace, app, settings_of

if TYPE_CHECKING:
    from flows.attempt import Ending, Options
    from flows.settings import Settings

IMPORTS = "Examples\n  nightly import movielens ml-latest-small.zip --workspace films"
imports = App(name="import", help="Bring a published dataset into the inbox.", group=BEGIN, help_epilogue=IMPORTS)
app.command(imports)
Replace = Annotated[bool, Flag, Parameter(help="Replace the tables of a date that is published and would change.", group=RUNNING)]
AllowVolume = Annotated[bool, Flag, Parameter(help="Accept a delivery far smaller or larger than usual.", group=RUNNING)]
Wait = Annotated[bool, Flag, Parameter(help="Wait for another run to end instead of ending at once.", group=RUNNING)]
IfNew = Annotated[bool, Flag, Parameter(help="End `skipped` when nothing new was delivered.", group=RUNNING)]
OnBadFile = Annotated[
    Literal["stop", "set_aside"] | None, Parameter(help="Whether an unreadable file stops the night or is set aside.", group=RUNNING)
]


@app.command(group=BEGIN)
def init(
    folder: Annotated[Path, Parameter(help="The folder to lay out; it may exist already if it is empty.")], *, json: Json = False
) -> int:
    """Lay out a workspace; its nightly.toml shows every setting.

    Examples:
        nightly init my-shop
    """
    import os
    import shlex
    from json import dumps

    from flows.console import say
    from flows.settings import default_file
    from tasks.workspace import Workspace as Layout

    Layout(folder.resolve()).create(default_file(threads=os.cpu_count() or 1))
    inbox, run_it = folder / "inbox" / "interactions", f"nightly run --workspace {shlex.quote(str(folder))}"
    told = f"Workspace ready: {folder}\nNext: put a file of interactions into {inbox}, then: {run_it}"
    say(dumps({"workspace": str(folder), "inbox": str(inbox), "next_step": run_it}) if json else told)
    return 0


@imports.command
def movielens(
    path: Annotated[Path, Parameter(help="The folder or zip, as it was downloaded.")],
    *,
    workspace: Workspace = Path(),
    json: Json = False,
) -> int:
    """Bring any published MovieLens data set into the inbox.

    Every layout is known (100k, 1m, 10m, latest, 20m to 32m), as a folder or as the zip it is downloaded as. Ratings from 4 stars on count
    as liking: `positive_from` in nightly.toml is set so.

    Examples:
        nightly init films
        nightly import movielens ml-latest-small.zip --workspace films
    """
    from flows.console import imported
    from flows.settings import set_in_file
    from tasks.movielens import import_movielens
    from tasks.workspace import Workspace as Layout

    layout = Layout(workspace.resolve())
    layout.require()
    found = import_movielens(path, layout.root / "inbox")
    set_in_file(layout.settings_file, "events", "positive_from", found.positive_from)
    imported(found, workspace, json)
    return 0


@app.command(group=EVERY_NIGHT)
def run(
    *,
    workspace: Workspace = Path(),
    run_date: RunDate = None,
    replace: Replace = False,
    allow_volume: AllowVolume = False,
    if_new: IfNew = False,
    on_bad_file: OnBadFile = None,
    wait: Wait = False,
    json: Json = False,
) -> int:
    """Run one night: take in, train, judge, publish what passes.

    It ends `published`, `unchanged` or `skipped` (exit 0), keeps the last good tables (3: input refused, 4: held by the gate), or fails
    (1, 2, 5, 6). A night that was cut off goes on where it was when the same command is typed again.

    Examples:
        nightly run
        nightly run --workspace my-shop --run-date 2026-01-06
        nightly run --if-new --json
    """
    from flows.attempt import Options
    from flows.console import command_line, finish

    options = Options(replace=replace, if_new=if_new, allow_volume=allow_volume, wait=wait)
    settings = settings_of(workspace, on_bad_file)
    return finish(_run(workspace, run_date, settings, options, on_bad_file, command_line()), json)


@app.command(group=EVERY_NIGHT)
def backfill(
    *,
    workspace: Workspace = Path(),
    first: Annotated[date, Parameter(name="--from", help="First date, included.")],
    last: Annotated[date, Parameter(name="--to", help="Last date, included.")],
    replace: Replace = False,
    wait: Wait = False,
    json: Json = False,
) -> int:
    """Run the nights of a range of dates, each as of its own date.

    In order, both ends included; dates that are published already end `unchanged`, so that an interrupted backfill goes on.

    Examples:
        nightly backfill --from 2026-01-05 --to 2026-01-11
        nightly backfill --from 2026-01-05 --to 2026-01-11 --replace
    """
    from flows.attempt import Options
    from flows.backfill import run_backfill
    from flows.console import command_line, finish_all

    options = Options(replace=replace, wait=wait)
    return finish_all(run_backfill(workspace, first, last, settings_of(workspace), options, command=command_line()), json)


@app.command(group=EVERY_NIGHT)
def tune(
    *,
    workspace: Workspace = Path(),
    run_date: RunDate = None,
    minutes: Annotated[float | None, Parameter(help="Time after which no further trial begins.", group=RUNNING)] = None,
    trials: Annotated[int | None, Parameter(help="Trials of each model, earlier ones of this search included.", group=RUNNING)] = None,
    models: Annotated[str | None, Parameter(help="Models to tune, separated by commas; default: all.", group=RUNNING)] = None,
    windows: Annotated[int | None, Parameter(help="Windows of past time to judge in.", group=RUNNING)] = None,
    fresh: Annotated[
        bool, Parameter(negative="--resume", show_default=False, help="Forget earlier trials, or go on.", group=RUNNING)
    ] = False,
    apply: Annotated[bool, Flag, Parameter(help="Write the last proposal into nightly.toml, and search nothing.")] = False,
    json: Json = False,
) -> int:
    """Search for better settings in past time, and propose them.

    Nothing a night uses is changed before --apply. A search that was cut off goes on.

    Examples:
        nightly tune --minutes 30
        nightly tune --models ease,popularity --trials 20
        nightly tune --apply
    """
    from flows.settings import load_settings
    from flows.tune import apply_proposal, run_tune, show_applied, show_tuned
    from tasks.workspace import Workspace as Layout

    if apply:
        return show_applied(apply_proposal(workspace), json)
    Layout(workspace.resolve()).require()
    asked = {"minutes": minutes, "trials": trials, "windows": windows, "models": models.split(",") if models else None}
    flags = {name: value for name, value in asked.items() if value is not None}
    return show_tuned(run_tune(workspace, run_date, load_settings(workspace.resolve(), tune=flags), fresh), json)


@app.command(group=BEGIN)
def demo(
    *,
    workspace: Annotated[Path, Parameter(name=["--workspace", "-w"], help="Where the demo shop goes.")] = Path("nightly-demo"),
    json: Json = False,
) -> int:
    """Generate a small shop and run three nights, one of them bad.

    A delivery that was cut off is refused, and the last good tables stay served. An earlier demo in the same place is removed first.

    Examples:
        nightly demo
        nightly demo --workspace try-out
    """
    from flows.demo import run_demo

    return run_demo(workspace, json)


def _run(
    workspace: Path,
    run_date: date | None,
    settings: Settings,
    options: Options,
    on_bad_file: Literal["stop", "set_aside"] | None,
    command: str,
) -> Ending:
    """Run directly, or as a Prefect flow run where PREFECT_API_URL names a living API; a dead one never keeps a night from running."""
    import os

    from flows.nightly import run_night

    address = os.environ.get("PREFECT_API_URL")
    if address:
        from flows.prefect_api import api_is_alive

        if api_is_alive(address):
            from flows.console import lines_only
            from flows.deployments import run_recorded

            lines_only()  # Prefect writes lines of its own to the same terminal

            return run_recorded(workspace, run_date, options, on_bad_file, command)
        from flows.console import warn

        warn(f"not recorded in Prefect: no API answers at {address}")
    return run_night(workspace, run_date, settings, options, command=command)
