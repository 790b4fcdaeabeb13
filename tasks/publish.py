"""Publish: put tonight's proven tables in their place, and move the pointer last.

A reader of `current.json` sees the old night or the new one. A reader of a dated folder sees a whole file or none. Until the pointer
moves, a killed night has published nothing, and running it again completes it.
"""

from __future__ import annotations

import logging
import platform
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.check import Checked
from tasks.evaluate import Evaluated
from tasks.gate import Gated
from tasks.ingest import Delivered
from tasks.night import Night, Receipt, peak_bytes
from tasks.prepare import Prepared
from tasks.refit import Refitted
from tasks.storage import copy_file, file_hash, link_file, sync_file, sync_folder, write_json
from tasks.tables import CONTRACT_VERSION, TABLES, write_table

log = logging.getLogger("nightly")

LIBRARIES = ("duckdb", "great-expectations", "keras", "numpy", "pyarrow", "scipy", "tensorflow")


class Published(Receipt, frozen=True):
    """What is served now: table -> rows, and the manifest that names every file."""

    manifest: str
    model_version: str
    rows: dict[str, int]


def publish(
    night: Night,
    delivered: Delivered,
    prepared: Prepared,
    evaluated: Evaluated | None,
    gated: Gated | None,
    refitted: Refitted,
    _checked: Checked,
    settings: dict[str, Any],
) -> Published:
    """Serve the staged tables: models, dated files, manifest, latest, and the pointer last.

    Without an evaluation (an earlier set of models was asked for by hand) the manifest carries no quality.
    """
    workspace = night.workspace
    reason = gated.reason if gated else f"asked for by hand: the models {refitted.model_version}"
    _write_runs(night, prepared, reason, refitted)
    keep_models(night, refitted)
    tables = {}
    for name in TABLES:
        staged, served = night.staged_table(name), workspace.table(name, night.run_date)
        sync_file(staged)
        if served.is_file() and file_hash(served) != file_hash(staged):
            _keep_replaced(night, name, served)
        link_file(staged, served)
        rows = int(pq.read_metadata(served).num_rows)
        tables[name] = {"path": workspace.relative(served), "sha256": file_hash(served), "rows": rows, "bytes": served.stat().st_size}
    manifest = {
        "schema_version": 1,
        "contract_version": CONTRACT_VERSION,
        "run_id": night.run_id,
        "inputs_id": night.inputs_id,
        "run_date": str(night.run_date),
        "published_at": (night.started_at + night.elapsed).isoformat(timespec="seconds") + "Z",
        "data_through": prepared.data_through,
        "model_version": refitted.model_version,
        "verdict": reason,
        "quality": {"k": evaluated.k, "ndcg": evaluated.evidence.ndcg.value, "holdout": prepared.holdout} if evaluated else None,
        "inputs": {delivery.sha256: {"source": delivery.source, "name": delivery.name} for delivery in delivered.deliveries},
        "tables": tables,
        "settings": settings,
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}},
    }
    path = workspace.manifests / f"{night.run_id}.json"
    write_json(path, manifest)
    _point(night, manifest)
    log.info("publish: %d recommendations for %s", tables["recommendations"]["rows"], night.run_date)
    served_rows = {name: table["rows"] for name, table in tables.items()}
    return Published(files=night.hashed(path), manifest=workspace.relative(path), model_version=refitted.model_version, rows=served_rows)


def serving(night: Night) -> dict[str, Any] | None:
    """Read the manifest of what is served for tonight's date already, None for a new date."""
    return next((manifest for manifest in night.workspace.published() if manifest["run_date"] == str(night.run_date)), None)


def is_intact(night: Night, manifest: dict[str, Any]) -> bool:
    """Tell whether every file a manifest names is there, byte for byte."""
    paths = {night.workspace.root / table["path"]: table["sha256"] for table in manifest["tables"].values()}
    return all(path.is_file() and file_hash(path) == sha256 for path, sha256 in paths.items())


def _write_runs(night: Night, prepared: Prepared, reason: str, refitted: Refitted) -> None:
    """Write every attempt so far, and this one as the published one it is about to be."""
    names = [column.name for column in TABLES["runs"].columns]
    rows = [
        {name: attempt.get(name) for name in names} for attempt in night.workspace.attempts() if attempt["attempt_id"] != night.attempt_id
    ]
    this = attempt_entry(night, "published", 0, reason) | {"data_through": prepared.data_through, "model_version": refitted.model_version}
    for row in (*rows, this):
        row["run_date"] = date.fromisoformat(str(row["run_date"]))
        row["started_at"] = pa.scalar(str(row["started_at"]).removesuffix("Z")).cast(pa.timestamp("us")).as_py()
    content = pa.Table.from_pylist([*rows, this], schema=pa.schema([field.remove_metadata() for field in TABLES["runs"].schema({})]))
    write_table(night.staged_table("runs"), content, TABLES["runs"].schema({}, {"run_id": night.run_id}))


def attempt_entry(night: Night, ending: str, exit_code: int, reason: str) -> dict[str, Any]:
    """Return what is recorded of an attempt that ends now."""
    return {
        "attempt_id": night.attempt_id,
        "run_id": night.run_id,
        "run_date": str(night.run_date),
        "started_at": night.started_at.isoformat(timespec="microseconds") + "Z",
        "seconds": round(night.elapsed.total_seconds(), 3),
        "peak_bytes": peak_bytes(),
        "ending": ending,
        "exit_code": exit_code,
        "reason": reason,
        "data_through": None,
        "model_version": None,
    }


def keep_models(night: Night, refitted: Refitted) -> Receipt:
    """Link the set of models into models/<version>/, file by file; its card comes last and marks it whole."""
    source = night.workspace.root / refitted.folder
    target = night.workspace.models / refitted.model_version
    if (target / "card.json").is_file():
        return Receipt()
    files = sorted((path for path in source.rglob("*") if path.is_file()), key=lambda path: (path.name == "card.json", str(path)))
    for path in files:
        link_file(path, target / path.relative_to(source))
    sync_folder(target)
    return Receipt()


def _keep_replaced(night: Night, name: str, served: Path) -> None:
    """Keep the file a replacement is about to take the place of."""
    link_file(served, night.workspace.history / night.attempt_id / f"{name}.parquet")


def _point(night: Night, manifest: dict[str, Any]) -> None:
    """Refresh latest/ and move the pointer, unless a later date is served already."""
    workspace = night.workspace
    current = workspace.current()
    if current is not None and current["run_date"] > manifest["run_date"]:
        log.info("publish: current.json stays at %s, a later date", current["run_date"])
        return
    for name, table in manifest["tables"].items():
        copy_file(workspace.root / table["path"], workspace.latest / f"{name}.parquet")
    pointer = {"run_id": night.run_id, "run_date": manifest["run_date"], "manifest": f"manifests/{night.run_id}.json"}
    freshness = {"data_through": manifest["data_through"], "published_at": manifest["published_at"]}
    write_json(workspace.pointer, pointer | freshness)
