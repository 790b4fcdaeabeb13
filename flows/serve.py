"""Serve: be the worker of all deployments in one process, without a work pool, until it is ended."""

from __future__ import annotations

import json
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from flows.console import say, warn
from flows.deploy import block_named, connected, existing, require_api, require_ours, set_up_automations
from flows.schedule import Schedule
from tasks.refusals import UsageError
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


def serve_all(workspace: Path, schedule: Schedule, notify: str | None, year: int, as_json: bool) -> int:
    """Deploy everything for this process to run, and run what is asked for until Ctrl-C or SIGTERM.

    In the end the schedule of these deployments is paused: nobody would run what it asks for. The next start takes it up again. Raises
    UsageError as `nightly deploy` does, and where workers of a pool run these deployments already.
    """
    from prefect import serve

    from flows.prefect_automations import HEARTBEAT_SECONDS
    from flows.prefect_deployables import DEPLOYABLES, deployment_of

    Workspace(workspace).require()
    schedule.require()
    address = require_api()
    with connected(address) as client:
        block = block_named(client, notify) if notify else None
        require_ours(client, workspace)
        _require_unclaimed(client)
        changes = list(set_up_automations(client, block, dry_run=False))
    if warning := schedule.warning(year):
        warn(warning)
    served = [deployment_of(one, workspace, schedule, pool=None) for one in DEPLOYABLES]
    for deployment in served:
        deployment.paused = False  # as the last end left it
    names = [one.name for one in DEPLOYABLES]
    if as_json:
        say(json.dumps({"changes": [asdict(change) for change in changes], "serving": names, "workspace": str(workspace)}, sort_keys=True))
    else:
        for change in changes:
            say(f"{change.outcome:<9} {change.kind} {change.name}")
        say(f"Serving {', '.join(names)} for {workspace}; Ctrl-C ends it, and pauses its schedule until the next start")
    # Told to stop, it ends as with Ctrl-C, which the event loop knows how to end well upon: it pauses the schedule.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        serve(*served, print_starting_message=False, heartbeat_seconds=HEARTBEAT_SECONDS)
    finally:
        _pause_schedule()
    return 0


def _pause_schedule() -> None:
    """Pause what is scheduled: Prefect does so too, but ended right after a run it may say so and not have done it."""
    from prefect.client.orchestration import get_client

    try:
        with get_client(sync_client=True) as client:
            if known := existing(client, "nightly"):
                client.pause_deployment(known.id)
    except Exception as error:  # noqa: BLE001 - the server may have gone before us, and with it all that it would start
        warn(f"the schedule may go on without anybody to run what it asks for; pause nightly/nightly in Prefect's page ({error})")


def _require_unclaimed(client: SyncPrefectClient) -> None:
    """Raise UsageError where the deployments belong to a work pool: its workers would get no more runs, without a word."""
    from flows.prefect_deployables import DEPLOYABLES

    found = {f"{one.name}/{one.name}": existing(client, one.name) for one in DEPLOYABLES}
    claimed = {name: known.work_pool_name for name, known in found.items() if known and known.work_pool_name}
    if claimed:
        where, pool = f"deployment{'s' if len(claimed) > 1 else ''} {', '.join(claimed)}", next(iter(claimed.values()))
        remove = " && ".join(f"prefect --no-prompt deployment delete {name}" for name in claimed)
        next_step = f"prefect worker start --pool {pool}; or, to serve without a pool, first: {remove}"
        raise UsageError(where, "none of a work pool", f"of the pool {pool}", next_step)
