"""Refit: train the models that are published, on everything, with the hyper-parameters and weights just judged."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.abilities import WarmScorer
from models.blend import Blend
from models.blend_training import Models
from models.scorer import Scorer
from tasks.blend import Blended, segment_weights, write_weights
from tasks.earlier_models import earlier_models
from tasks.gate import Gated
from tasks.inherited import fingerprint, warm_nights
from tasks.model_set import set_version
from tasks.night import Night
from tasks.prepare import Prepared, training_set
from tasks.prepare.training_set import TrainingSet
from tasks.storage import canonical_json, file_hash, write_bytes
from tasks.train import SCORERS, TrainConfig, Trained, fit_models, load_models


class Refitted(Trained, frozen=True):
    """The set of models and weights to publish; `folder` holds all of it."""

    model_version: str
    folder: str

    adopted: bool = False
    """Whether an earlier night made the set; its items are then numbered as they were that night."""


def refit(night: Night, prepared: Prepared, trained: Trained, blended: Blended, gated: Gated, config: TrainConfig) -> Refitted:
    """Fit every model on everything known, and bring models, weights and item numbers together as one set."""
    known = training_set(night)
    folder = night.staging / "models" / "final"
    served, segments = Blend.from_json(blended.blend), blended.segments
    # Held-out days take little away from models: those that can need not start from nothing.
    warm = [model for model in trained.models if prepared.holdout == "days" and issubclass(SCORERS[model.name], WarmScorer)]
    judged = {scorer.name: scorer for scorer in load_models(night.workspace.root, warm)}
    fitted = fit_models(night, known.training_data("everything"), prepared, config, folder, only=served.models, starts=judged)
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
        "items": file_hash(folder / "items.parquet"),
        "verdict": gated.reason,
        "learned_from": fingerprint(known, np.ones(len(known.events), np.bool_)),
        "warm_nights": warm_nights(night) + 1 if trained.inherited else 0,
    }
    write_bytes(folder / "card.json", (canonical_json(card) + "\n").encode())
    files = fitted.files | night.hashed(
        *(folder / name for name in ("blend.json", "items.parquet", "card.json")), night.staged_table("weights")
    )
    return Refitted(files=files, models=fitted.models, model_version=version, folder=night.workspace.relative(folder))


def set_to_serve(night: Night, refitted: Refitted, known: TrainingSet) -> tuple[list[Scorer], Blend]:
    """Read a set of models and its blend back, ready to score tonight's catalogue."""
    folder = night.workspace.root / refitted.folder
    scorers = earlier_models(folder, known) if refitted.adopted else load_models(night.workspace.root, refitted.models)
    return scorers, Blend.from_json((folder / "blend.json").read_text())
