"""Refit: train the models that are published, on everything, with the hyper-parameters and weights just judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.blend import Blend
from models.blend_training import Models
from models.renumbered import Renumbered
from models.scorer import Scorer
from tasks.blend import Blended, segment_weights, write_weights
from tasks.gate import Gated
from tasks.night import Night
from tasks.prepare import Prepared, training_set
from tasks.prepare.training_set import TrainingSet
from tasks.storage import canonical_json, write_bytes
from tasks.train import TrainConfig, Trained, fit_models, load_models, set_version


class Refitted(Trained, frozen=True):
    """The set of models and weights to publish; `folder` holds all of it."""

    model_version: str
    folder: str

    adopted: bool = False
    """Whether an earlier night made the set; its items are then numbered as they were that night."""


def refit(night: Night, prepared: Prepared, blended: Blended, gated: Gated, config: TrainConfig) -> Refitted:
    """Fit every model on everything known, and bring models, weights and item numbers together as one set."""
    known = training_set(night)
    folder = night.staging / "models" / "final"
    fitted = fit_models(night, known.training_data("everything"), prepared, config, folder)
    served, segments = Blend.from_json(blended.blend), blended.segments
    if gated.speaker:
        served = Models(served.models, served.families, served.segments).alone(gated.speaker)
        counts = [np.full(row.n_users, index, np.int16) for index, row in enumerate(blended.segments)]
        segments = segment_weights(served, np.concatenate(counts))
    write_weights(night, served, segments)
    version = set_version([folder / model.name for model in fitted.models], served.to_json())
    write_bytes(folder / "blend.json", served.to_json().encode())
    pq.write_table(pa.table({"item_id": known.items["item_id"]}), folder / "items.parquet", compression="zstd")
    card = {
        "model_version": version,
        "run_date": str(night.run_date),
        "data_through": prepared.data_through,
        "models": [{"name": model.name, "family": model.family} for model in fitted.models],
        "segment_bounds": known.segments.bounds,
        "user_features": known.user_descriptions.names,
        "config": config.model_dump(mode="json"),
        "verdict": gated.reason,
    }
    write_bytes(folder / "card.json", (canonical_json(card) + "\n").encode())
    files = fitted.files | night.hashed(
        *(folder / name for name in ("blend.json", "items.parquet", "card.json")), night.staged_table("weights")
    )
    return Refitted(files=files, models=fitted.models, model_version=version, folder=night.workspace.relative(folder))


def set_to_serve(night: Night, refitted: Refitted, known: TrainingSet) -> tuple[list[Scorer], Blend]:
    """Read a set of models and its blend back, ready to score tonight's catalogue."""
    folder = night.workspace.root / refitted.folder
    scorers = load_models(night.workspace.root, refitted.models)
    if refitted.adopted:
        scorers = [_renumbered(scorer, known, folder / "items.parquet", folder / "card.json") for scorer in scorers]
    return scorers, Blend.from_json((folder / "blend.json").read_text())


def _renumbered(scorer: Scorer, known: TrainingSet, items: Path, card: Path) -> Scorer:
    then = pq.read_table(items)["item_id"]
    numbers = pc.fill_null(pc.index_in(known.items["item_id"], then), -1).to_numpy().astype(np.intp)
    features = {name: index for index, name in enumerate(json.loads(card.read_text())["user_features"])}
    columns = np.array([features.get(name, -1) for name in known.user_descriptions.names], np.intp)
    return Renumbered(scorer, numbers, columns, len(features))
