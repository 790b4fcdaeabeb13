"""The verb that leads to the pages of nights.

As in `flows.cli`, only the standard library and cyclopts are imported up here.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.cli_app import LOOK, Flag, Json, Workspace, app


@app.command(group=LOOK)
def report(
    *,
    workspace: Workspace = Path(),
    date: Annotated[date | None, Parameter(help="The night's date; default: the newest.")] = None,
    open: Annotated[bool, Flag, Parameter(help="Open the page in a browser.")] = False,
    again: Annotated[bool, Flag, Parameter(help="Write the page anew, although it is there.")] = False,
    json: Json = False,
) -> int:
    """Say where the page of a night is, and open it.

    The index over all nights is written anew, and a page that is missing.

    Examples:
        nightly report --open
        nightly report --workspace my-shop --date 2026-01-05
        nightly report --date 2026-01-05 --again
    """
    from flows.clock import now
    from flows.report import show_report

    return show_report(workspace, date, now(), json, again=again, open_it=open)
