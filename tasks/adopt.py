"""Adopt: take an earlier night's set of models to score tonight's users with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from models.blend import Blend
from tasks.blend import segment_weights, write_weights
from tasks.model_set import intact_sets, set_fault
from tasks.night import Night
from tasks.prepare import Prepared, training_set
from tasks.refit import Refitted
from tasks.refusals import StorageError, UsageError
from tasks.storage import link_file
from tasks.tables import TABLES
from tasks.tables.writing import write_table
from tasks.train import FittedModel
from tasks.workspace import Workspace


def adopt(night: Night, _prepared: Prepared, model_version: str) -> Refitted:
    """Stage an earlier set of models for scoring, with the weights it was published with and no new metrics.

    Raises UsageError where the set is gone, or was made for other user segments; StorageError where its files are damaged: none of them
    is opened before its hash is compared.
    """
    source = require_set(night.workspace, model_version)
    card = json.loads((source / "card.json").read_text())
    known = training_set(night)
    if tuple(card["segment_bounds"]) != known.segments.bounds:
        found = f"{card['segment_bounds']}, now {list(known.segments.bounds)}"
        raise UsageError(f"models/{model_version}", "the same [segments] bounds as tonight", found, "set the bounds back for this run")
    target = night.staging / "models" / "final"
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    for path in files:
        link_file(path, target / path.relative_to(source))
    blend = Blend.from_json((target / "blend.json").read_text())
    write_weights(night, blend, segment_weights(blend, np.zeros(0, np.int16)))
    empty = TABLES["metrics"].schema({}, {"run_id": night.run_id})
    write_table(night.staged_table("metrics"), empty.empty_table(), empty)
    models = tuple(
        FittedModel(
            name=model["name"], family=model["family"], folder=night.workspace.relative(target / model["name"]), seconds=0, curves={}
        )
        for model in card["models"]
    )
    linked = [target / path.relative_to(source) for path in files] + [night.staged_table(name) for name in ("weights", "metrics")]
    return Refitted(
        files=night.hashed(*linked), models=models, model_version=model_version, folder=night.workspace.relative(target), adopted=True
    )


def require_set(workspace: Workspace, model_version: str) -> Path:
    """Return the folder of a kept set of models; raises UsageError where it is gone, StorageError where its files are damaged."""
    source = workspace.models / model_version
    if not (source / "card.json").is_file():
        versions = ", ".join(sorted(path.name for path in workspace.models.glob("*") if path.is_dir())) or "none"
        raise UsageError(f"models/{model_version}", "a kept set of models", f"only {versions}", "name one of these")
    fault = set_fault(workspace, model_version)
    if fault is not None:
        whole = ", ".join(intact_sets(workspace)) or "none"
        raise StorageError(fault.file, fault.expected, fault.found, f"name a set that is whole ({whole}), or restore it from a backup")
    return source
