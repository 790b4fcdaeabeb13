"""The deployments: what Prefect is told of each flow. prefect.yaml says the same for `prefect deploy`; a test holds them together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.deployments.runner import EntrypointType, RunnerDeployment
from prefect.schedules import Schedule as PrefectSchedule

import flows.deployments as flows_of
from flows.prefect_api import OURS
from flows.prefect_automations import HEARTBEAT_SECONDS
from flows.schedule import Schedule

EVERY_NIGHT = "every-night"
PUBLISHES = "publishes"
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "2", "DO_NOT_TRACK": "1", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS)}
"""What the processes of runs find in their environment; the zombie automation counts on the heartbeat."""


@dataclass(frozen=True)
class Deployable:
    """One flow as people find it in Prefect."""

    name: str
    description: str
    publishes: bool = False
    is_dated: bool = True
    """Whether it takes a time zone, in which the moment it is run becomes a date."""
    is_scheduled: bool = False


DEPLOYABLES = (
    Deployable(
        "nightly", "One night. Takes in what was delivered, trains, judges, and publishes tonight's tables if they pass.", True, True, True
    ),
    Deployable("refresh", "Takes in and validates what was delivered, without training or publishing anything."),
    Deployable("retrain", "Trains and judges models on everything known and keeps them if they pass, without publishing tables."),
    Deployable("republish", "Scores and publishes a date with the models of an earlier night. Asks for model_version.", True),
    Deployable("backfill", "Runs the nights of a range of dates, both ends included, oldest first. Asks for first and last.", True, False),
    Deployable("rollback", "Serves an earlier published date again, until the next night is published. Asks for the date.", True, False),
)


def deployment_of(one: Deployable, workspace: Path, schedule: Schedule, pool: str | None) -> RunnerDeployment:
    """Return a flow as a deployment for one workspace, run by workers of a pool, or, without one, by the process that serves it."""
    flow = getattr(flows_of, one.name)
    return flow.to_deployment(
        one.name,
        description=one.description,
        tags=[OURS, *([PUBLISHES] if one.publishes else [])],
        parameters={"workspace": str(workspace)} | ({"timezone": schedule.timezone} if one.is_dated else {}),
        schedules=[_every_night(schedule)] if one.is_scheduled else [],
        work_pool_name=pool,
        job_variables={"env": ENVIRONMENT} if pool else None,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _every_night(schedule: Schedule) -> PrefectSchedule:
    # A scheduled night that finds the lock held comes after whoever holds it; cancelled, it would be a night missed.
    return PrefectSchedule(cron=schedule.cron, timezone=schedule.timezone, slug=EVERY_NIGHT, parameters={"wait": True})


def facts_of(deployment: Any) -> dict[str, Any]:
    """Return what matters of a deployment, as wanted or as a server has it, in a form that can be compared.

    Whether it is paused is no part of it: that is its people's business.
    """
    is_wanted = isinstance(deployment, RunnerDeployment)
    form = deployment._parameter_openapi_schema.model_dump(exclude_unset=True) if is_wanted else deployment.parameter_openapi_schema
    limit = deployment.concurrency_limit if is_wanted else deployment.global_concurrency_limit
    return {
        "description": deployment.description,
        "tags": sorted(deployment.tags),
        "parameters": deployment.parameters,
        "schedule": [
            (one.slug, getattr(one.schedule, "cron", None), getattr(one.schedule, "timezone", None), one.parameters)
            for one in deployment.schedules or []
        ],
        "entrypoint": deployment.entrypoint,
        "pool": deployment.work_pool_name,
        "job variables": deployment.job_variables or {},
        "form": form,
        "limit": bool(limit),
    }
