"""How fast popularity fades, read off the data itself: what explains the latest likes best by those before them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compute import side_by_side
from models.scorer import Interactions

LATEST = 0.1
"""Share of the likes, the latest, that the others have to explain."""

HALVINGS = range(-2, 9)
"""Half-lives tried: the time that the data span, halved so many times."""

TIMELESS = 0.1
"""How much of the explanation never fades: without it an item that had been forgotten for a while would be impossible, not unlikely."""


def faded(likes: Interactions, half_life_days: float | None) -> NDArray[np.float64]:
    """Return the weight of each like, halved every half-life that it is old; none means that likes never fade; (likes,)."""
    weight = likes.weight.astype(np.float64)
    return weight if half_life_days is None else weight * np.exp2(-likes.age_days / half_life_days)


def learned_half_life(likes: Interactions) -> float | None:
    """Return the half-life in days with which earlier likes give the latest ones the highest likelihood; None if it is best not to fade.

    Twenty years of data fade otherwise than ten weeks of them: the half-lives tried are parts of the time they span. Data without times
    do not fade.
    """
    order = np.sort(likes.age_days)
    cut = float(order[int(LATEST * len(order))]) if len(order) else 0.0
    is_later = likes.age_days < cut
    if not is_later.any():
        return None
    item, weight, age_days = (column[~is_later] for column in (likes.item, likes.weight, likes.age_days))
    timeless = np.bincount(item, minlength=likes.n_items) + 1.0
    explained = np.bincount(likes.item[is_later], minlength=likes.n_items)

    def likelihood(half_life_days: float | None) -> float:
        # What is common to all weights cancels out: fading from the cut on, the oldest likes do not vanish in rounding.
        left = weight * (1.0 if half_life_days is None else np.exp2((cut - age_days) / half_life_days))
        counts = np.bincount(item, left, minlength=likes.n_items)
        shares = (1 - TIMELESS) * counts / max(counts.sum(), np.finfo(np.float64).tiny) + TIMELESS * timeless / timeless.sum()
        return float(explained @ np.log(shares))

    span = float(order[-1]) - cut
    candidates = [None, *(span / 2.0**halvings for halvings in HALVINGS)] if span > 0 else [None]
    likelihoods = side_by_side(likelihood, candidates)
    return candidates[likelihoods.index(max(likelihoods))]
