"""Deploy: bring a work pool, the deployments and the automations to a Prefect server, as often as wanted."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.console import say, warn
from flows.schedule import Schedule
from tasks.refusals import UsageError
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.automations import AutomationCore
    from prefect.client.orchestration import SyncPrefectClient

PATIENCE_SECONDS = 60.0
"""How long a server that does not answer yet is waited for: one that was started in the background takes half a minute."""


@dataclass(frozen=True)
class Change:
    """What was done, or would be, about one thing on the server; `details` names what differs."""

    kind: str
    name: str
    outcome: str
    details: str = ""


@dataclass(frozen=True)
class Wanted:
    """What was asked for: the workspace, when, who runs it, and which block tells people."""

    workspace: Path
    schedule: Schedule
    pool: str
    notify: str | None
    replace: bool
    dry_run: bool


def show_deployed(wanted: Wanted, year: int, as_json: bool) -> int:
    """Set everything up and print what was done.

    Raises UsageError for a folder that is no workspace, a schedule or a block that is not known, a server that does not answer or lets
    nobody in, and deployments that belong to another workspace, unless they are to be replaced.
    """
    Workspace(wanted.workspace).require()
    wanted.schedule.require()
    address = require_api()
    changes = list(_deployed(wanted, address))
    warning = wanted.schedule.warning(year)
    if as_json:
        told = [asdict(change) for change in changes]
        say(json.dumps({"api": address, "dry_run": wanted.dry_run, "changes": told, "warning": warning}, sort_keys=True))
        return 0
    would = "would be " if wanted.dry_run else ""
    for change in changes:
        outcome = change.outcome if change.outcome == "unchanged" else would + change.outcome
        say(f"{outcome:<{len(would) + 9}} {change.kind} {change.name}" + (f": {change.details}" if change.details else ""))
    if warning:
        warn(warning)
    say(_next_step(wanted))
    return 0


def require_api() -> str:
    """Return the address of the Prefect API, as its environment or profile has it; raises UsageError where none answers within a minute."""
    from prefect.settings import PREFECT_API_URL

    address = str(PREFECT_API_URL.value() or "")
    if not address:
        next_step = "prefect server start --background; export PREFECT_API_URL=http://127.0.0.1:4200/api; then the same command again"
        raise UsageError("PREFECT_API_URL", "the address of a Prefect server", "none set", next_step)
    if not _answers(address):
        next_step = "prefect server start --background, or correct PREFECT_API_URL; then the same command again"
        raise UsageError("PREFECT_API_URL", "a Prefect server that answers", f"nobody at {address}", next_step)
    return address


def _answers(address: str) -> bool:
    """Tell whether a server answers, now or within a minute: people deploy right after they have started it."""
    from flows.prefect_api import api_is_alive

    if api_is_alive(address):
        return True
    warn(f"no Prefect server answers at {address} yet; waiting for it, {PATIENCE_SECONDS:.0f} seconds at most")
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        time.sleep(1)
        if api_is_alive(address):
            return True
    return False


@contextmanager
def connected(address: str) -> Iterator[SyncPrefectClient]:
    """Talk to the server in a block; raises UsageError where it does not let us in."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        with get_client(sync_client=True) as client:
            yield client
    except PrefectHTTPStatusError as error:
        if error.response.status_code not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise
        found = f"{error.response.status_code} {error.response.reason_phrase} from {address}"
        next_step = "export PREFECT_API_AUTH_STRING=user:password, as the server was started with, or PREFECT_API_KEY; then again"
        raise UsageError("PREFECT_API_AUTH_STRING", "what the Prefect server asks for", found, next_step) from error


def _deployed(wanted: Wanted, address: str) -> Iterable[Change]:
    with connected(address) as client:
        notify = block_named(client, wanted.notify) if wanted.notify else None
        if not wanted.replace:
            require_ours(client, wanted.workspace)
        yield _pool(client, wanted)
        yield from _deployments(client, wanted)
        yield from set_up_automations(client, notify, wanted.dry_run)


def require_ours(client: SyncPrefectClient, workspace: Path) -> None:
    """Raise UsageError where the server's deployments run another workspace: it would lose its nights without a word."""
    from flows.prefect_deployables import DEPLOYABLES

    for one in DEPLOYABLES:
        known = existing(client, one.name)
        served = known.parameters.get("workspace") if known else None
        if served not in (None, str(workspace)):
            next_step = "add --replace to give it to this workspace, or use another Prefect server for this one"
            raise UsageError(f"deployment {one.name}/{one.name}", f"one of {workspace}", f"one of {served}", next_step)


def existing(client: SyncPrefectClient, name: str) -> Any:
    """Return a deployment as the server has it, None where it has none of that name."""
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(f"{name}/{name}")
    except ObjectNotFound:
        return None


def _pool(client: SyncPrefectClient, wanted: Wanted) -> Change:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound

    try:
        client.read_work_pool(wanted.pool)
    except ObjectNotFound:
        if not wanted.dry_run:
            client.create_work_pool(WorkPoolCreate(name=wanted.pool, type="process"))
        return Change("work pool", wanted.pool, "created")
    return Change("work pool", wanted.pool, "unchanged")


def _deployments(client: SyncPrefectClient, wanted: Wanted) -> Iterable[Change]:
    from prefect.client.schemas.actions import DeploymentUpdate

    from flows.prefect_deployables import DEPLOYABLES, deployment_of, facts_of

    for one in DEPLOYABLES:
        new = deployment_of(one, wanted.workspace, wanted.schedule, wanted.pool)
        known = existing(client, one.name)
        before, after = facts_of(known) if known else {}, facts_of(new)
        differing = [name for name, fact in after.items() if before.get(name) != fact]
        if known and not differing:
            yield Change("deployment", one.name, "unchanged", "paused" if known.paused else "")
            continue
        if not wanted.dry_run:
            paused = {schedule.slug for schedule in known.schedules if not schedule.active} if known else set()
            new.paused = known.paused if known else None
            for schedule in new.schedules or []:
                schedule.active = schedule.slug not in paused
            deployment_id = new.apply()
            if "limit" in differing and known:
                client.update_deployment(deployment_id, DeploymentUpdate(concurrency_limit=None))
        yield Change("deployment", one.name, "updated" if known else "created", ", ".join(differing) if known else "")


def set_up_automations(client: SyncPrefectClient, notify: UUID | None, dry_run: bool) -> Iterable[Change]:
    """Create or update what Prefect watches over; what people switched off stays off, and nothing of others is touched."""
    from flows.prefect_api import OURS
    from flows.prefect_automations import automations

    for new in automations(OURS, notify):
        known = next(iter(client.read_automations_by_name(new.name)), None)
        if known and _watched(known) == _watched(new):
            yield Change("automation", new.name, "unchanged", "" if known.enabled else "switched off")
            continue
        if not dry_run and known:
            client.update_automation(known.id, new.model_copy(update={"enabled": known.enabled}))
        elif not dry_run:
            client.create_automation(new)
        yield Change("automation", new.name, "updated" if known else "created")


def _watched(automation: AutomationCore) -> dict[str, Any]:
    """Return what an automation does, in a form that can be compared: the server adds ids, and keeps sets in any order."""
    told: dict[str, Any] = automation.model_dump(mode="json", include={"description", "trigger", "actions"})
    told["trigger"] = {
        name: sorted(part) if isinstance(part, list) else part
        for name, part in told["trigger"].items()
        if name in ("match", "match_related", "after", "expect", "for_each", "posture", "threshold", "within")
    }
    return told


def block_named(client: SyncPrefectClient, named: str) -> UUID:
    """Find the block that is to notify people; raises UsageError that names those there are."""
    known: dict[str, UUID] = {
        f"{block.block_type.slug}/{block.name}": block.id
        for block in client.read_block_documents(include_secrets=False)
        if block.block_type and block.block_schema and "notify" in block.block_schema.capabilities
    }
    if named not in known:
        found = f"only {', '.join(sorted(known))}" if known else "no block that can notify anybody"
        next_step = (
            "make one in Prefect's page under Blocks: Slack, Teams, Discord, Mattermost, PagerDuty, Opsgenie, Twilio, Sendgrid or Custom"
        )
        raise UsageError(f"--notify {named}", "a notification block, as type/name: slack-webhook/ops", found, f"{next_step} Webhook")
    return known[named]


def _next_step(wanted: Wanted) -> str:
    if wanted.dry_run:
        return "Nothing was changed. Next: the same command without --dry-run"
    worker = shlex.join(["prefect", "worker", "start", "--pool", wanted.pool])
    return f"Next: keep a worker running, {worker}; to run a night now: prefect deployment run nightly/nightly --watch"
