"""Items that are talked of for another reason than their popularity: they are on the rise, or they are new."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.holdout import DAY, NEVER
from models.knowledge.trending import Trending
from models.scorer import TrainingData
from tasks.prepare.training_set import TrainingSet

FEW_USERS, FEW_OF_ALL = 10, 0.01
"""Users, and the share of all users, of which an item that only few have met was met by fewer; the larger number counts."""

Ranking = tuple[NDArray[np.intp], NDArray[np.floating]]
"""Items, best first, and what each scores."""


def on_the_rise(data: TrainingData, seed: int) -> Ranking:
    """Return the items that are liked more often lately than they used to be, what rises most first (ties: lower item first)."""
    trend = Trending().fit(data, seed).item_factors[:, 0]
    items = np.flatnonzero(trend > 0)
    items = items[np.lexsort((items, -trend[items]))]
    return items, trend[items]


def newest(known: TrainingSet, data: TrainingData) -> Ranking:
    """Return the items that few have met, what came last first (ties: lower item first).

    An item came when it became available or, where no time is set for that, when it was first met; it scores the days since then, up to
    the newest event, as a negative number. Without times nothing is new.
    """
    times = known.events.occurred_at
    if times is None or not len(times):
        return np.zeros(0, np.intp), np.zeros(0)
    came = np.full(known.n_items, NEVER)
    np.minimum.at(came, known.events.item, times)
    available_from = known.items["available_from"]
    is_set = available_from.is_valid().to_numpy()
    came[is_set] = available_from.drop_null().to_numpy()
    n_users = np.bincount(data.interactions.item, minlength=known.n_items)
    items = np.flatnonzero((came < NEVER) & (n_users < max(FEW_USERS, FEW_OF_ALL * known.n_users)))
    items = items[np.lexsort((items, -came[items]))]
    # What becomes available after the newest event, but tonight still, is as new as can be.
    return items, -np.maximum(0, times.max() - came[items]) / DAY + 0.0
