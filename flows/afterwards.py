"""What follows a night once it is over: its tables go into a database, its figures to MLflow, where the settings say so.

The night is published, or held, and recorded by then. Whatever fails here is a warning that names what to type.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from flows.clock import now
from flows.settings import Settings
from tasks.diff import by_path
from tasks.inspection import command
from tasks.moments import written
from tasks.night import Night
from tasks.storage import append_line, canonical_json

if TYPE_CHECKING:
    from flows.attempt import Ending

log = logging.getLogger("nightly")

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_DISABLE_TELEMETRY": "true"}
"""What MLflow's client goes by unless the environment says otherwise: left to itself it tries a dead server for minutes."""


def afterwards(night: Night, ending: Ending, settings: Settings) -> None:
    """Carry out what is configured to follow a night, each apart from the others, and note in .history/ how it went."""
    for name, work, next_step in _due(night, ending, settings):
        fault = ""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever goes wrong here must not undo a publication
            fault = f"{error}" or type(error).__name__
            log.warning("%s: not done; the night of %s stands as it is: %s. Then: %s", name, night.run_date, fault, next_step)
        entry = {"at": written(now()), "what": name, "run_id": night.run_id, "run_date": str(night.run_date)}
        try:
            append_line(night.workspace.history / "afterwards.jsonl", canonical_json(entry | {"done": not fault, "fault": fault}))
        except OSError as error:
            log.warning("afterwards.jsonl: not written: %s", error)


def _due(night: Night, ending: Ending, settings: Settings) -> Iterator[tuple[str, Callable[[], Any], str]]:
    """Yield a name, the work and the command that does it by hand, for each thing that is configured."""
    if settings.load.postgres.after_publish and ending.ending == "published":
        from flows.load import load_tables

        yield "load", lambda: load_tables(night.workspace, settings, night.run_date), command(night.workspace.root, "load")
    if settings.mlflow.mirror and ending.ending in ("published", "kept_last_good"):
        yield "mlflow", lambda: _mirror(night, ending, settings), "nothing: the next published night sends what is missing"


def _mirror(night: Night, ending: Ending, settings: Settings) -> None:
    """Tell MLflow of tonight, and of published nights that it lacks."""
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    from tasks.mirror import NightTold, mirror, published_nights

    nights = published_nights(night.workspace)
    if ending.ending != "published":
        held = NightTold(
            night.run_id,
            night.run_date,
            ending.ending,
            night.started_at,
            tags={"verdict": ending.reason},
            settings=dict(by_path(night.origin["settings"])),
            files=(night.workspace.report(night.run_date) / "index.html",),
        )
        nights.append(held)
    mirror(nights, settings.mlflow, os.environ.get(settings.mlflow.tracking_uri_variable, ""))
