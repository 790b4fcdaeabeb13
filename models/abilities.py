"""What some scorers can do beside what all of them promise (see `models.scorer`)."""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.scorer import Progress, TrainingData, silent


@runtime_checkable
class WarmScorer(Protocol):
    """A scorer that learns the rest sooner from one that has learned most of it."""

    def fit_from(self, judged: Self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Learn from `data` as `fit` does, starting at what `judged`, of the same numbering of items, learned from a part of it."""
        ...


@runtime_checkable
class Lasting(Protocol):
    """A scorer that learns from interactions alone: from the same ones it learns the same, whatever else the catalogue holds."""

    def renumbered(self, then: NDArray[np.intp]) -> Self:
        """Return the same model behind another numbering of items; `then` (items,) holds the number of each so far, -1 for new ones."""
        ...


@runtime_checkable
class Predictor(Protocol):
    """A scorer that also predicts values, such as ratings, and says how well."""

    def figures(self) -> dict[str, float]:
        """Return errors on held-back values in their unit, beside those of plain means; name -> error."""
        ...
