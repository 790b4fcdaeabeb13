"""Read a kept set of models back, behind tonight's numbering of items and user features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.renumbered import Renumbered
from models.scorer import Scorer
from tasks.item_numbers import numbers_then
from tasks.prepare.training_set import TrainingSet
from tasks.train import SCORERS


def earlier_models(folder: Path, known: TrainingSet) -> list[Scorer]:
    """Load the models a folder's card names, in order, each translating tonight's numbers into those of its own night.

    Where tonight's numbers are those of then, the models are what they were that night: what a model can beside scoring, such as to be
    searched by its vectors, a translated one cannot, and its sums differ in their last digits.
    """
    card = json.loads((folder / "card.json").read_text())
    scorers = [SCORERS[model["name"]].load(folder / model["name"]) for model in card["models"]]
    numbers = numbers_then(folder, known.items["item_id"])
    features = {name: index for index, name in enumerate(card["user_features"])}
    columns = np.array([features.get(name, -1) for name in known.user_descriptions.names], np.intp)
    if _in_place(columns, len(features)) and all(_in_place(numbers, len(scorer.knows_item)) for scorer in scorers):
        return scorers
    return [Renumbered(scorer, numbers, columns, len(features)) for scorer in scorers]


def _in_place(numbers: NDArray[np.intp], n_then: int) -> bool:
    """Tell whether things have the numbers they had, and are as many."""
    return len(numbers) == n_then and np.array_equal(numbers, np.arange(n_then))
