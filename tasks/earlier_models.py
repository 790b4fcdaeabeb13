"""Read a kept set of models back, behind tonight's numbering of items and user features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from models.renumbered import Renumbered
from models.scorer import Scorer
from tasks.item_numbers import numbers_then
from tasks.prepare.training_set import TrainingSet
from tasks.train import SCORERS


def earlier_models(folder: Path, known: TrainingSet) -> list[Scorer]:
    """Load the models a folder's card names, in order, each translating tonight's numbers into those of its own night."""
    card = json.loads((folder / "card.json").read_text())
    numbers = numbers_then(folder, known.items["item_id"])
    features = {name: index for index, name in enumerate(card["user_features"])}
    columns = np.array([features.get(name, -1) for name in known.user_descriptions.names], np.intp)
    return [Renumbered(SCORERS[model["name"]].load(folder / model["name"]), numbers, columns, len(features)) for model in card["models"]]
