"""The verbs that look before others leap: `plan`, a preview of every verb that writes, and `doctor`. They write nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from flows.cli_app import LOOK, MEND, Flag, Json, RunDate, Workspace, app, settings_of
from flows.cli_nights import IfNew, OnBadFile, Replace

if TYPE_CHECKING:
    from flows.attempt import Options

plan = App(name="plan", group=LOOK, help="Say what a verb that writes would do and cost; writes nothing.")
app.command(plan)
imports = App(name="import", help="Preview the import of a published dataset.")
plan.command(imports)


@plan.default
@plan.command(name="run")
def plan_run(
    *,
    workspace: Workspace = Path(),
    run_date: RunDate = None,
    replace: Replace = False,
    if_new: IfNew = False,
    on_bad_file: OnBadFile = None,
    json: Json = False,
) -> int:
    """Say what a night would take in, touch and cost, and whether it fits.

    Step by step; exits 6 where it does not fit into memory. Writes nothing. A date that `nightly run` would
    refuse is refused in the same words.

    Examples:
        nightly plan --workspace my-shop
        nightly plan run --workspace my-shop --run-date 2026-01-06
        nightly plan rollback --workspace my-shop --to 2026-01-04
    """
    from flows.attempt import Options

    return _night(workspace, run_date, json, options=Options(replace=replace, if_new=if_new), on_bad_file=on_bad_file)


@plan.command(name="refresh")
def plan_refresh(*, workspace: Workspace = Path(), run_date: RunDate = None, on_bad_file: OnBadFile = None, json: Json = False) -> int:
    """Say what taking in the deliveries that wait would do.

    Examples:
        nightly plan refresh --workspace my-shop
    """
    return _night(workspace, run_date, json, flow="refresh", on_bad_file=on_bad_file)


@plan.command(name="retrain")
def plan_retrain(*, workspace: Workspace = Path(), run_date: RunDate = None, on_bad_file: OnBadFile = None, json: Json = False) -> int:
    """Say what training and judging, without publishing, would do.

    Examples:
        nightly plan retrain --workspace my-shop
    """
    return _night(workspace, run_date, json, flow="retrain", on_bad_file=on_bad_file)


@plan.command(name="republish")
def plan_republish(
    model_version: Annotated[str, Parameter(help="The set of models: a folder under models/.")],
    *,
    workspace: Workspace = Path(),
    run_date: RunDate = None,
    replace: Replace = False,
    json: Json = False,
) -> int:
    """Say what publishing with the models of an earlier night would do.

    Examples:
        nightly plan republish 0f3a9c1d5b7e2468 --workspace my-shop --run-date 2026-01-05 --replace
    """
    from flows.attempt import Options

    return _night(workspace, run_date, json, options=Options(replace=replace), flow="republish", version=model_version)


@plan.command(name="backfill")
def plan_backfill(
    *,
    workspace: Workspace = Path(),
    first: Annotated[date, Parameter(name="--from", help="First date, included.")],
    last: Annotated[date, Parameter(name="--to", help="Last date, included.")],
    replace: Replace = False,
    json: Json = False,
) -> int:
    """Say what each night of a range of dates would do.

    Examples:
        nightly plan backfill --workspace my-shop --from 2026-01-05 --to 2026-01-11
    """
    from flows.attempt import Options
    from flows.clock import now
    from flows.plan import show_backfill

    return show_backfill(workspace, first, last, settings_of(workspace), now(), Options(replace=replace), json)


@plan.command(name="rollback")
def plan_rollback(
    *, workspace: Workspace = Path(), to: Annotated[date, Parameter(help="The published date to serve again.")], json: Json = False
) -> int:
    """Say what serving an earlier published date would change.

    Its files are verified, as the verb does.

    Examples:
        nightly plan rollback --workspace my-shop --to 2026-01-04
    """
    from flows.plan import preview_rollback, show_preview

    return show_preview(preview_rollback(workspace, to), json)


@plan.command(name="gc")
def plan_gc(
    *,
    workspace: Workspace = Path(),
    orphans: Annotated[bool, Flag, Parameter(help="As for the verb: also what nothing names.")] = False,
    json: Json = False,
) -> int:
    """Say what `nightly gc` would remove, as its --dry-run does.

    Examples:
        nightly plan gc --workspace my-shop --orphans
    """
    from flows.clock import now
    from flows.plan import preview_gc, show_preview

    return show_preview(preview_gc(workspace, now(), with_orphans=orphans), json)


@imports.command(name="movielens")
def plan_movielens(
    path: Annotated[Path, Parameter(help="The folder or zip file it was published as.")],
    *,
    workspace: Workspace = Path(),
    json: Json = False,
) -> int:
    """Say what importing a published MovieLens data set would do.

    Examples:
        nightly plan import movielens ml-latest-small --workspace my-shop
    """
    from flows.plan import preview_import, show_preview

    return show_preview(preview_import(workspace, path), json)


@app.command(group=MEND)
def doctor(
    *,
    workspace: Workspace = Path(),
    hashes: Annotated[bool, Flag, Parameter(help="Read every byte that is served or needed, as `verify` does.")] = False,
    json: Json = False,
) -> int:
    """Look at all that a night rests on, and say what to do now.

    Exits 6 where something is bad.

    Examples:
        nightly doctor --workspace my-shop
        nightly doctor --workspace my-shop --hashes
        nightly doctor --workspace my-shop --json
    """
    from flows.clock import now
    from flows.doctor import show_diagnosis

    return show_diagnosis(workspace, now(), json, hashes=hashes)


def _night(
    workspace: Path,
    run_date: date | None,
    as_json: bool,
    *,
    options: Options | None = None,
    flow: Literal["night", "refresh", "retrain", "republish"] = "night",
    version: str = "",
    on_bad_file: Literal["stop", "set_aside"] | None = None,
) -> int:
    from flows.clock import now
    from flows.plan import preview_night, show_preview

    return show_preview(preview_night(workspace, run_date, settings_of(workspace, on_bad_file), now(), options, flow, version), as_json)
