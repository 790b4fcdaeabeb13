"""The verb that brings published tables into a database.

As in `flows.cli`, only the standard library and cyclopts are imported up here.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.cli_app import EVERY_NIGHT, Json, Workspace, app, settings_of


@app.command(group=EVERY_NIGHT)
def load(
    *,
    workspace: Workspace = Path(),
    date: Annotated[date | None, Parameter(help="A published date; default: the one that is served.")] = None,
    json: Json = False,
) -> int:
    """Load the published tables into PostgreSQL, all at once.

    In one transaction: readers see the old night or the new one. Where the database is stands in an environment variable, which tables
    in [load.postgres].

    Examples:
        nightly load
        nightly load --date 2026-07-14
    """
    from flows.load import show_load

    return show_load(workspace, date, settings_of(workspace), json)
