"""The command line: each verb reads its settings, runs something of flows/ and says how it ended.

Only the standard library and cyclopts are imported up here: `nightly --help` answers before a heavy library would have loaded.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

import flows.cli_analysts  # noqa: F401 - it has the verbs that ask about published tables
from flows.cli_app import RUNNING, Json, RunDate, Workspace, app

if TYPE_CHECKING:
    from flows.attempt import Ending, Options
    from flows.settings import Settings

imports = App(name="import", help="Bring a published dataset into the inbox.")
app.command(imports)
Replace = Annotated[bool, Parameter(negative="", help="Replace the tables of a date that is published and would change.", group=RUNNING)]
AllowVolume = Annotated[bool, Parameter(negative="", help="Accept a delivery far smaller or larger than usual.", group=RUNNING)]
Wait = Annotated[bool, Parameter(negative="", help="Wait for another run to end instead of ending at once.", group=RUNNING)]
IfNew = Annotated[bool, Parameter(negative="", help="End `skipped` when nothing new was delivered.", group=RUNNING)]
OnBadFile = Annotated[
    Literal["stop", "set_aside"] | None, Parameter(help="Whether an unreadable file stops the night or is set aside.", group=RUNNING)
]


def main() -> None:
    """Run the command line and exit with the ending's code."""
    from flows.console import guarded

    sys.exit(guarded(app))


@app.command
def init(folder: Path) -> int:
    """Lay out a new workspace, with a nightly.toml that shows every setting."""
    import os

    from flows.console import say
    from flows.settings import default_file
    from tasks.workspace import Workspace as Layout

    Layout(folder.resolve()).create(default_file(threads=os.cpu_count() or 1))
    inbox = folder / "inbox" / "interactions"
    say(f"Workspace ready: {folder}\nNext: put a file of interactions into {inbox}, then: nightly run --workspace {folder}")
    return 0


@imports.command
def movielens(path: Path, *, workspace: Workspace = Path()) -> int:
    """Bring any published MovieLens layout (100k, 1m, 10m, latest, 20m-32m; folder or zip) into the inbox."""
    from flows.console import imported
    from flows.settings import set_in_file
    from tasks.movielens import import_movielens
    from tasks.workspace import Workspace as Layout

    layout = Layout(workspace.resolve())
    layout.require()
    found = import_movielens(path, layout.root / "inbox")
    set_in_file(layout.settings_file, "events", "positive_from", found.positive_from)
    imported(found, workspace)
    return 0


@app.command
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
    """Run one night: take in what was delivered, train, judge, and publish tonight's tables if they pass."""
    from flows.attempt import Options
    from flows.console import command_line, finish

    options = Options(replace=replace, if_new=if_new, allow_volume=allow_volume, wait=wait)
    settings = _settings(workspace, on_bad_file)
    return finish(_run(workspace, run_date, settings, options, on_bad_file, command_line()), json)


@app.command
def backfill(
    *,
    workspace: Workspace = Path(),
    first: Annotated[date, Parameter(name="--from", help="First date, included.")],
    last: Annotated[date, Parameter(name="--to", help="Last date, included.")],
    replace: Replace = False,
    wait: Wait = False,
    json: Json = False,
) -> int:
    """Run the nights of a range of dates, in order, each as of its own date."""
    from flows.attempt import Options
    from flows.backfill import run_backfill
    from flows.console import command_line, finish_all

    options = Options(replace=replace, wait=wait)
    return finish_all(run_backfill(workspace, first, last, _settings(workspace, None), options, command=command_line()), json)


@app.command
def tune(
    *,
    workspace: Workspace = Path(),
    run_date: RunDate = None,
    minutes: Annotated[float | None, Parameter(help="Time after which no further trial begins.", group=RUNNING)] = None,
    trials: Annotated[int | None, Parameter(help="Trials of each model, earlier ones of this search included.", group=RUNNING)] = None,
    models: Annotated[str | None, Parameter(help="Models to tune, separated by commas; default: all.", group=RUNNING)] = None,
    windows: Annotated[int | None, Parameter(help="Windows of past time to judge in.", group=RUNNING)] = None,
    fresh: Annotated[bool, Parameter(negative="--resume", help="Forget earlier trials, or go on with them.", group=RUNNING)] = False,
    apply: Annotated[bool, Parameter(negative="", help="Write the last proposal into nightly.toml, and search nothing.")] = False,
    json: Json = False,
) -> int:
    """Search for better settings in windows of past time and propose them; nothing a night uses is changed."""
    from flows.settings import load_settings
    from flows.tune import apply_proposal, run_tune, show_applied, show_tuned
    from tasks.workspace import Workspace as Layout

    if apply:
        return show_applied(apply_proposal(workspace), json)
    Layout(workspace.resolve()).require()
    asked = {"minutes": minutes, "trials": trials, "windows": windows, "models": models.split(",") if models else None}
    flags = {name: value for name, value in asked.items() if value is not None}
    return show_tuned(run_tune(workspace, run_date, load_settings(workspace.resolve(), tune=flags), fresh), json)


@app.command
def status(*, workspace: Workspace = Path(), json: Json = False) -> int:
    """Say what is served, how old it is, which nights are missing and how the last ones ended; exits 7 when it is too old."""
    from flows.clock import now
    from flows.status import show_status

    return show_status(workspace, now(), json)


@app.command
def plan(*, workspace: Workspace = Path(), run_date: RunDate = None, json: Json = False) -> int:
    """Say what a night would take in and cost, step by step, and whether it fits into memory; exits 6 when it does not. Writes nothing."""
    from flows.clock import now
    from flows.plan import show_plan

    return show_plan(workspace, run_date, _settings(workspace, None), now(), json)


@app.command
def verify(*, workspace: Workspace = Path(), json: Json = False) -> int:
    """Hash every file that is served or needed and say what to do about damaged ones; exits 6 where there are any."""
    from flows.verify import verify as examine

    return examine(workspace, json)


@app.command
def rollback(
    *, workspace: Workspace = Path(), to: Annotated[date, Parameter(help="The published date to serve again.")], json: Json = False
) -> int:
    """Serve an earlier published date again, until the next night is published; its files are verified first."""
    from flows.clock import now
    from flows.rollback import roll_back

    return roll_back(workspace, to, now(), json)


@app.command
def gc(
    *,
    workspace: Workspace = Path(),
    dry_run: Annotated[bool, Parameter(negative="", help="List what would go, and remove nothing.")] = False,
    orphans: Annotated[bool, Parameter(negative="", help="Remove also what nothing names, as `nightly doctor` lists it.")] = False,
    json: Json = False,
) -> int:
    """Remove old dates, models and leftovers, as [keeping] says; never anything of raw/."""
    from flows.clock import now
    from flows.gc import collect

    return collect(workspace, now(), json, dry_run=dry_run, with_orphans=orphans)


@app.command
def doctor(*, workspace: Workspace = Path(), json: Json = False) -> int:
    """Look at everything a night rests on and say what to type where something is wrong; exits 6 where it is bad."""
    from flows.clock import now
    from flows.doctor import show_diagnosis

    return show_diagnosis(workspace, now(), json)


@app.command
def demo(
    *, workspace: Annotated[Path, Parameter(name=["--workspace", "-w"], help="Where the demo shop goes.")] = Path("nightly-demo")
) -> int:
    """Generate a small shop and run three of its nights, one of them with a bad delivery that is held."""
    from flows.demo import run_demo

    return run_demo(workspace)


def _settings(workspace: Path, on_bad_file: str | None) -> Settings:
    from flows.settings import load_settings
    from tasks.workspace import Workspace as Layout

    Layout(workspace.resolve()).require()
    return load_settings(workspace.resolve(), **({"source": {"on_bad_file": on_bad_file}} if on_bad_file else {}))


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
            from flows.deployments import run_recorded

            return run_recorded(workspace, run_date, options, on_bad_file, command)
        from flows.console import warn

        warn(f"not recorded in Prefect: no API answers at {address}")
    return run_night(workspace, run_date, settings, options, command=command)


if __name__ == "__main__":
    main()
