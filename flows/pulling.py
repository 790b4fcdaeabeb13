"""Before a night: bring what is new in a database into the inbox, once a night."""

from __future__ import annotations

import os
from datetime import date, datetime

from flows.settings import Settings
from tasks.refusals import NightError
from tasks.storage_faults import named_faults
from tasks.workspace import Workspace

INTERRUPTED = (1, 6, 130, 143)
"""Exit codes of an attempt that the next one resumes: killed, or without a disk or server."""


def pull_if_due(workspace: Workspace, run_date: date, settings: Settings, started_at: datetime, *, again: bool) -> NightError | None:
    """Pull from the databases that are configured; returns a refusal instead of raising it, so that the attempt is recorded with it.

    Unless it is to pull `again`, a date that is published already is left as it is, and an attempt that resumes an interrupted one works
    with what that one pulled, however much has been sold meanwhile.
    """
    config = settings.source.postgres
    if not config.sources or (workspace.manifests_of(str(run_date)) and not again):
        return None
    from tasks.ingest.pull import is_pulled, pull
    from tasks.postgres import Address

    if not again and is_pulled(workspace, run_date) and _was_interrupted(workspace, run_date):
        return None
    try:
        with named_faults(workspace):
            address = Address.told(config.uri_variable, os.environ.get(config.uri_variable))
            pull(workspace, settings.source, address, run_date, started_at.date())
    except NightError as refusal:
        return refusal
    return None


def _was_interrupted(workspace: Workspace, run_date: date) -> bool:
    last = [attempt for attempt in workspace.attempts() if attempt.get("run_date") == str(run_date)][-1:]
    return bool(last) and last[0].get("exit_code") in INTERRUPTED
