"""The verbs of those who ask what was published, why, and what other policies would have made of it.

As in `flows.cli`, only the standard library and cyclopts are imported up here.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from flows.cli_app import ASK, Flag, Json, Workspace, app


@app.command(group=ASK)
def explain(
    user: Annotated[str, Parameter(help="The user's id, as in the source.")],
    *,
    workspace: Workspace = Path(),
    item: Annotated[str | None, Parameter(help="Tell only where this item stands.")] = None,
    date: Annotated[date | None, Parameter(help="A published date; default: the one that is served.")] = None,
    json: Json = False,
) -> int:
    """Say what a user is shown and why, and what is left out.

    Also what changed since the night before, and what the user had done. Writes nothing.

    Examples:
        nightly explain ada
        nightly explain ada --item kettle --date 2026-01-05
    """
    from flows.explain import show_explanation

    return show_explanation(workspace, user, item, date, json)


@app.command(group=ASK)
def diff(
    before: Annotated[date, Parameter(help="A published date.")],
    after: Annotated[date, Parameter(help="The published date to compare with it.")],
    *,
    workspace: Workspace = Path(),
    user: Annotated[str | None, Parameter(help="Show this user's two lists side by side.")] = None,
    limit: Annotated[int, Parameter(help="Items and users that are listed.")] = 10,
    json: Json = False,
) -> int:
    """Compare the recommendations of two published dates.

    And what they were made from: deliveries, settings, models, code. Writes nothing.

    Examples:
        nightly diff 2026-01-05 2026-01-06
        nightly diff 2026-01-05 2026-01-06 --user ada
    """
    from flows.diff import show_diff

    return show_diff(workspace, before, after, user, limit, json)


@app.command(group=ASK)
def query(
    statement: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="One SQL statement; - reads it from standard input; none lists the tables.")
    ] = None,
    /,
    *,
    workspace: Workspace = Path(),
    own: Annotated[list[str] | None, Parameter(name="--with", negative="", help="A file of yours as a table: NAME=FILE.csv.")] = None,
    rows: Annotated[int, Parameter(validator=Number(gte=0), help="Rows of the answer that are shown.")] = 40,
    csv: Annotated[bool, Flag, Parameter(name="--csv", help="Print all rows as CSV.")] = False,
    json: Json = False,
) -> int:
    """Ask the published tables in SQL.

    Each has a view of its name, and of all nights as TABLE_history; without a statement they are listed. Writes nothing.

    Examples:
        nightly query
        nightly query "select * from recommendations where user_id = 'ada'"
        nightly query "from metrics_history" --csv > metrics.csv
    """
    from flows.query import show_query

    return show_query(workspace, statement, own or [], json, csv, rows)


@app.command(group=ASK)
def simulate(
    *,
    policy: Annotated[Path, Parameter(help="A TOML file with a [policies] table, such as a nightly.toml.")],
    workspace: Workspace = Path(),
    user: Annotated[str | None, Parameter(help="Show this user's two lists side by side.")] = None,
    limit: Annotated[int, Parameter(validator=Number(gte=0), help="Items and users that are listed.")] = 10,
    json: Json = False,
) -> int:
    """Compare the served lists with those of other policies.

    The lists of the served night are made once more beside the workspace's files; nothing that is served changes.

    Examples:
        nightly simulate --policy other-rules.toml
        nightly simulate --policy other-rules.toml --user ada --json
    """
    from flows.simulation_page import show_simulation

    return show_simulation(workspace, policy, user, limit, json)
