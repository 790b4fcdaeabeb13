"""How fast popularity fades, read off the data itself: what explains the latest likes best by those before them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    later, earlier = likes.where(likes.age_days < cut), likes.where(likes.age_days >= cut)
    if not len(later):
        return None
    span = float(order[-1]) - cut
    candidates = [None, *(span / 2.0**halvings for halvings in HALVINGS)] if span > 0 else [None]
    return max(candidates, key=lambda half_life: _likelihood(later, earlier, cut, half_life))


def _likelihood(later: Interactions, earlier: Interactions, cut: float, half_life_days: float | None) -> float:
    """Return the mean log share that earlier likes, as they have faded at the cut, give the items of the later ones."""
    timeless = np.bincount(earlier.item, minlength=earlier.n_items) + 1.0
    # What is common to all weights cancels out: fading from the cut on, the oldest likes do not vanish in rounding.
    weight = earlier.weight * (1.0 if half_life_days is None else np.exp2((cut - earlier.age_days) / half_life_days))
    counts = np.bincount(earlier.item, weight, minlength=earlier.n_items)
    shares = (1 - TIMELESS) * counts / max(counts.sum(), np.finfo(np.float64).tiny) + TIMELESS * timeless / timeless.sum()
    return float(np.log(shares[later.item]).mean())
