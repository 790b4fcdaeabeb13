"""Publish: put tonight's proven tables in their place, and move the pointer last.

A reader of `current.json` sees the old night or the new one. A reader of a dated folder sees a whole file or none. Until the pointer
moves, a killed night has published nothing, and running it again completes it.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.check import Checked
from tasks.evaluate import Evaluated
from tasks.gate import Gated
from tasks.model_set import set_fault
from tasks.moments import written
from tasks.night import Night, Receipt, peak_bytes
from tasks.prepare import Prepared
from tasks.publication import Publication, carry_out, note
from tasks.refit import Refitted
from tasks.refusals import StorageError
from tasks.storage import canonical_json, file_hash, link_file, sync_file, sync_tree
from tasks.tables import CONTRACT_VERSION, TABLES
from tasks.tables.writing import write_table
from tasks.workspace import MANIFEST_VERSION, is_whole

log = logging.getLogger("nightly")

LIBRARIES = ("duckdb", "great-expectations", "keras", "numpy", "pyarrow", "scipy", "tensorflow")


class Published(Receipt, frozen=True):
    """What is served now: table -> rows, and the manifest that names every file."""

    manifest: str
    model_version: str
    rows: dict[str, int]


def publish(
    night: Night,
    prepared: Prepared,
    evaluated: Evaluated | None,
    gated: Gated | None,
    refitted: Refitted,
    checked: Checked,
) -> Published:
    """Serve the staged tables, all or nothing: bring everything to the disk, write down what is to be served, and carry it out.

    Without an evaluation (an earlier set of models was asked for by hand) the manifest carries no quality. Raises StorageError where a
    staged table is no longer what was checked.
    """
    workspace = night.workspace
    reason = gated.reason if gated else f"asked for by hand: the models {refitted.model_version}"
    attempt = attempt_entry(night, "published", 0, reason, gated) | {
        "data_through": prepared.data_through,
        "model_version": refitted.model_version,
    }
    _write_runs(night, attempt)
    keep_models(night, refitted)
    staged = {name: night.staged_table(name) for name in TABLES}
    tables = {name: _as_served(night, name, path, checked) for name, path in staged.items()}
    manifest = {
        "schema_version": MANIFEST_VERSION,
        "contract_version": CONTRACT_VERSION,
        "run_id": night.run_id,
        "inputs_id": night.inputs_id,
        "champion": night.champion,
        "run_date": str(night.run_date),
        "published_at": written(night.started_at + night.elapsed),
        "data_through": prepared.data_through,
        "model_version": refitted.model_version,
        "verdict": reason,
        "quality": {"k": evaluated.k, "ndcg": gated.ndcg, "holdout": prepared.holdout, "speaker": gated.speaker, "overlap": checked.overlap}
        if evaluated and gated
        else None,
        "tables": tables,
        **night.origin,
    }
    publication = Publication(
        staged={name: workspace.relative(path) for name, path in staged.items()},
        manifest=manifest,
        attempt=attempt,
        repairs=workspace.manifest(night.run_id) is not None,
    )
    note(night.staging, publication)
    carry_out(workspace, publication, at=manifest["published_at"])
    log.info("publish: %d recommendations for %s", tables["recommendations"]["rows"], night.run_date)
    served_rows = {name: table["rows"] for name, table in tables.items()}
    file = workspace.manifest_file(night.run_id)
    return Published(files=night.hashed(file), manifest=workspace.relative(file), model_version=refitted.model_version, rows=served_rows)


def _as_served(night: Night, name: str, staged: Path, checked: Checked) -> dict[str, Any]:
    """Describe a staged table as the manifest will, once it is on the disk and still what was checked."""
    sync_file(staged)
    sync_file(staged.parent)
    sha256, expected = file_hash(staged), checked.files.get(night.workspace.relative(staged))
    if expected not in (None, sha256):
        raise StorageError(str(staged), f"the bytes that were checked ({expected})", sha256, "check the disk, then run again")
    served = night.workspace.table(name, night.run_date)
    rows = int(pq.read_metadata(staged).num_rows)
    return {"path": night.workspace.relative(served), "sha256": sha256, "rows": rows, "bytes": staged.stat().st_size}


def _write_runs(night: Night, attempt: dict[str, Any]) -> None:
    """Write every attempt so far, and this one as the published one it is about to be."""
    names = [column.name for column in TABLES["runs"].columns]
    earlier = [attempt for attempt in night.workspace.attempts() if is_whole(attempt) and attempt["attempt_id"] != night.attempt_id]
    rows = [{name: attempt.get(name) for name in names} for attempt in earlier]
    this = {name: attempt.get(name) for name in names}
    for row in (*rows, this):
        row["run_date"] = date.fromisoformat(str(row["run_date"]))
        row["started_at"] = pa.scalar(str(row["started_at"]).removesuffix("Z")).cast(pa.timestamp("us")).as_py()
    content = pa.Table.from_pylist([*rows, this], schema=pa.schema([field.remove_metadata() for field in TABLES["runs"].schema({})]))
    write_table(night.staged_table("runs"), content, TABLES["runs"].schema({}, {"run_id": night.run_id}))


def attempt_entry(night: Night, ending: str, exit_code: int, reason: str, gated: Gated | None = None) -> dict[str, Any]:
    """Return what is recorded of an attempt that ends now, with the gate's verdict where it came to one."""
    return {
        "attempt_id": night.attempt_id,
        "run_id": night.run_id,
        "run_date": str(night.run_date),
        "started_at": written(night.started_at, "microseconds"),
        "seconds": round(night.elapsed.total_seconds(), 3),
        "peak_bytes": peak_bytes(),
        "ending": ending,
        "exit_code": exit_code,
        "reason": reason,
        "verdict": gated.verdict if gated else None,
        "checks": canonical_json([asdict(rule) for rule in gated.checks]) if gated else None,
        "data_through": None,
        "model_version": None,
    }


def keep_models(night: Night, refitted: Refitted) -> Receipt:
    """Link the set of models into models/<version>/, file by file; its card comes last and marks it whole."""
    source = night.workspace.root / refitted.folder
    target = night.workspace.models / refitted.model_version
    if set_fault(night.workspace, refitted.model_version) is None:
        return Receipt()
    files = sorted((path for path in source.rglob("*") if path.is_file()), key=lambda path: (path.name == "card.json", str(path)))
    for path in files:
        link_file(path, target / path.relative_to(source))
    sync_tree(target)
    return Receipt()
