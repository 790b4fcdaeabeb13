"""Mirror: tell MLflow of a night, for those who compare models there; the workspace stays the record, and nothing is read back."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq

from tasks.diff import by_path
from tasks.mirror_config import MlflowConfig
from tasks.moments import moment
from tasks.refusals import StorageError, UsageError
from tasks.served_night import ServedNight
from tasks.tables import EVERYBODY
from tasks.without_secrets import spelled, without_secrets
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger("nightly")

RUN_ID = "nightly.run_id"
CAUGHT_UP = 30
"""Published nights, the last ones, that are sent where the server lacks them."""

LONGEST_VALUE = 500
MOST_METRICS, MOST_PARAMS = 1_000, 100
"""What the server takes in one request."""


@dataclass(frozen=True)
class NightTold:
    """A night as the server holds it: settings by path, figures by name, and the files that lie beside them."""

    run_id: str
    run_date: date
    ending: str
    at: datetime
    tags: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def published_nights(workspace: Workspace) -> list[NightTold]:
    """Return the last published nights, oldest first, each with its figures as its tables hold them."""
    return [_published(ServedNight(workspace, manifest)) for manifest in workspace.published()[-CAUGHT_UP:]]


def mirror(nights: Sequence[NightTold], config: MlflowConfig, uri: str) -> list[str]:
    """Tell the server of the nights that it does not know yet; returns their run ids.

    A night that is known under its run_id and ending is left alone, one that was told of halfway is told again. Raises UsageError
    without the extra or with an address that MLflow refuses, StorageError where the server fails.
    """
    _require_store(config, uri)
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise UsageError(
            "MLflow", "the extra `mlflow`", "it is not installed", "make setup, or in the project's folder: pip install '.[mlflow]'"
        ) from error
    try:
        client = MlflowClient(uri)
        experiment = _experiment(client, config.experiment, uri)
        told = [night.run_id for night in nights if _tell(client, experiment, night)]
    except Exception as error:  # noqa: BLE001 - MLflow raises what its stores, its network library and its file systems raise
        found = without_secrets(str(error).splitlines()[0] if str(error) else type(error).__name__, uri)
        next_step = f"start the server, or correct {config.tracking_uri_variable}; the next night sends what is missing"
        raise StorageError(f"MLflow at {spelled(uri)}", "a tracking server that takes in a night", found, next_step) from None
    log.info("mlflow: %d nights told of at %s, experiment %s", len(told), spelled(uri), config.experiment)
    return told


def _require_store(config: MlflowConfig, uri: str) -> None:
    if urlsplit(uri).scheme in ("", "file"):
        next_step = f"export {config.tracking_uri_variable}=http://host:5000, or sqlite:////path/mlflow.db"
        raise UsageError(f"environment variable {config.tracking_uri_variable}", "a server or a database", uri or "nothing", next_step)


def _published(night: ServedNight) -> NightTold:
    manifest, folder = night.manifest, night.workspace.report(night.run_date)
    tags = {name: str(manifest[name]) for name in ("model_version", "verdict", "data_through") if manifest.get(name)}
    files = (folder / "index.html", night.workspace.manifest_file(night.run_id))
    at = moment(manifest["published_at"])
    settings = dict(by_path(night.settings))
    return NightTold(night.run_id, night.run_date, "published", at, tags, settings, dict(_figures(night)), files)


def _figures(night: ServedNight) -> Iterator[tuple[str, float]]:
    """Name each figure so that the server draws one chart a metric, with a line a ranking: ndcg_at_20/blend."""
    for row in pq.read_table(night.table("metrics"), partitioning=None).to_pylist():
        if row["of_date"] not in (None, night.run_date) or (row["segment"] != EVERYBODY and row["ranking"] != "blend"):
            continue
        metric = f"{row['metric']}_at_{row['k']}" if row["k"] else row["metric"]
        who = row["ranking"] if row["segment"] == EVERYBODY else f"{row['ranking']}: {row['segment']}"
        for end, value in (("", row["value"]), ("_low", row["low"]), ("_high", row["high"])):
            if value is not None:
                yield _plain(f"{metric}{end}/{who}"), value
    for row in pq.read_table(night.table("weights"), partitioning=None).to_pylist():
        yield _plain(f"weight/{row['model']}: {row['segment']}"), row["weight"]


def _plain(name: str) -> str:
    """Keep what a server takes in a name."""
    return re.sub(r"[^\w .:/-]", "_", name, flags=re.ASCII)[:250]


def _experiment(client: MlflowClient, name: str, uri: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    # Without a server the files would go into a folder mlruns/ wherever the command was typed.
    path = urlsplit(uri).path
    beside = Path(path[1:] if path.startswith("//") else path).with_name("mlflow-artifacts").resolve().as_uri()
    return str(client.create_experiment(name, artifact_location=beside if urlsplit(uri).scheme == "sqlite" else None))


def _tell(client: MlflowClient, experiment: str, night: NightTold) -> bool:
    """Tell of a night; False where the server knows it."""
    from mlflow.entities import Metric, Param, RunTag

    at = round((night.at - datetime(1970, 1, 1)).total_seconds() * 1000)  # noqa: DTZ001 - UTC without zone, as everywhere here
    known = client.search_runs([experiment], f"tags.`{RUN_ID}` = '{night.run_id}'", max_results=1)
    if known and known[0].info.status != "RUNNING" and known[0].data.tags.get("nightly.ending") == night.ending:
        return False
    tags = night.tags | {RUN_ID: night.run_id, "run_date": str(night.run_date)}
    run = known[0] if known else client.create_run(experiment, start_time=at, tags=tags, run_name=f"{night.run_date} {night.ending}")
    run_id = run.info.run_id
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in {**tags, "nightly.ending": night.ending}.items()])
    params = [Param(_plain(name), _value(value)) for name, value in sorted(night.settings.items())]
    metrics = [Metric(name, value, at, 0) for name, value in sorted(night.figures.items())]
    for start in range(0, len(params), MOST_PARAMS):
        client.log_batch(run_id, params=params[start : start + MOST_PARAMS])
    for start in range(0, len(metrics), MOST_METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + MOST_METRICS])
    for file in night.files:
        if file.is_file():
            client.log_artifact(run_id, str(file))
    # Last: a run that is still open was told of halfway.
    client.set_terminated(run_id, "FINISHED" if night.ending == "published" else "FAILED", end_time=at)
    return True


def _value(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str))[:LONGEST_VALUE]
