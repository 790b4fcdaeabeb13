"""The verbs of those who ask what was published, why, and what other policies would have made of it.

As in `flows.cli`, only the standard library and cyclopts are imported up here.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from flows.cli_app import Json, Workspace, app


@app.command
def explain(
    user: Annotated[str, Parameter(help="The user's id, as in the source.")],
    *,
    workspace: Workspace = Path(),
    item: Annotated[str | None, Parameter(help="Tell only where this item stands.")] = None,
    date: Annotated[date | None, Parameter(help="A published date; default: the one that is served.")] = None,
    json: Json = False,
) -> int:
    """Say what a user is shown and why, what is left out, what changed and what the user had done; writes nothing."""
    from flows.explain import show_explanation

    return show_explanation(workspace, user, item, date, json)


@app.command
def diff(
    before: Annotated[date, Parameter(help="A published date.")],
    after: Annotated[date, Parameter(help="The published date to compare with it.")],
    *,
    workspace: Workspace = Path(),
    user: Annotated[str | None, Parameter(help="Show this user's two lists side by side.")] = None,
    limit: Annotated[int, Parameter(help="Items and users that are listed.")] = 10,
    json: Json = False,
) -> int:
    """Compare the recommendations of two published dates, and what they were made from; writes nothing."""
    from flows.diff import show_diff

    return show_diff(workspace, before, after, user, limit, json)


@app.command
def query(
    statement: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="One SQL statement; - reads it from standard input; none lists the tables.")
    ] = None,
    /,
    *,
    workspace: Workspace = Path(),
    own: Annotated[list[str] | None, Parameter(name="--with", negative="", help="A file of yours as a table: NAME=FILE.csv.")] = None,
    rows: Annotated[int, Parameter(validator=Number(gte=0), help="Rows of the answer that are shown.")] = 40,
    csv: Annotated[bool, Parameter(name="--csv", negative="", help="Print all rows as CSV.")] = False,
    json: Json = False,
) -> int:
    """Ask the published tables in SQL: each has a view of its name, and of all nights as TABLE_history. Writes nothing."""
    from flows.query import show_query

    return show_query(workspace, statement, own or [], json, csv, rows)


@app.command
def simulate(
    *,
    policy: Annotated[Path, Parameter(help="A TOML file with a [policies] table, such as a nightly.toml.")],
    workspace: Workspace = Path(),
    user: Annotated[str | None, Parameter(help="Show this user's two lists side by side.")] = None,
    limit: Annotated[int, Parameter(validator=Number(gte=0), help="Items and users that are listed.")] = 10,
    json: Json = False,
) -> int:
    """Make the lists of the served night under other policies and compare them with the published ones; changes nothing that is served."""
    from flows.simulation_page import show_simulation

    return show_simulation(workspace, policy, user, limit, json)
