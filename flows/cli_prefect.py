"""The verbs that bring nights to a Prefect server: `deploy` for workers of a pool, `serve` for people without one.

As in `flows.cli`, only the standard library and cyclopts are imported up here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from flows.cli_app import PREFECT, Flag, Json, Workspace, app

WHEN = Group("When and where")

Cron = Annotated[str, Parameter(help="When nights begin: minute, hour, day, month, day of the week.", group=WHEN)]
TimeZone = Annotated[str, Parameter(name="--timezone", help="The zone of that line, which also gives nights their dates.", group=WHEN)]
Notify = Annotated[
    str | None, Parameter(help="The block that tells people, as type/name; without one, only zombies are looked for.", group=WHEN)
]


@app.command(group=PREFECT)
def deploy(
    *,
    workspace: Workspace = Path(),
    pool: Annotated[str, Parameter(help="The work pool whose workers run nights; a process pool is created.", group=WHEN)] = "nightly-pool",
    cron: Cron = "0 2 * * *",
    timezone: TimeZone = "UTC",
    notify: Notify = None,
    replace: Annotated[bool, Flag, Parameter(help="Give deployments of another workspace to this one.")] = False,
    dry_run: Annotated[bool, Flag, Parameter(help="Say what would be done, and do nothing.")] = False,
    json: Json = False,
) -> int:
    """Set up work pool, deployments and automations on a server.

    On the Prefect server at PREFECT_API_URL; done twice, it changes nothing more.

    Examples:
        nightly deploy --workspace my-shop
        nightly deploy --workspace my-shop --cron "30 3 * * *" --timezone Europe/Zurich --notify slack-webhook/ops
        nightly deploy --workspace my-shop --dry-run
    """
    from flows.clock import now
    from flows.deploy import Wanted, show_deployed
    from flows.schedule import Schedule

    wanted = Wanted(workspace.resolve(), Schedule(cron, timezone), pool, notify, replace, dry_run)
    return show_deployed(wanted, now().year, json)


@app.command(group=PREFECT)
def serve(
    *, workspace: Workspace = Path(), cron: Cron = "0 2 * * *", timezone: TimeZone = "UTC", notify: Notify = None, json: Json = False
) -> int:
    """Run nights by schedule and on demand from this process.

    Without a work pool, until Ctrl-C; Prefect shows all of it.

    Examples:
        nightly serve --workspace my-shop
        nightly serve --workspace my-shop --cron "30 3 * * *" --timezone Europe/Zurich
    """
    from flows.clock import now
    from flows.schedule import Schedule
    from flows.serve import serve_all

    return serve_all(workspace.resolve(), Schedule(cron, timezone), notify, now().year, json)
