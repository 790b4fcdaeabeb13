"""Judge one user segment at a time, however many there are, without raising more false alarms than one judgement would."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.bootstrap import Comparison, Interval
from models.evidence import Slice


class Pairs(NamedTuple):
    """Two values of each user of a segment, both (users,) in the same order: ours and a rival's."""

    segment: str
    rival: str
    ours: NDArray[np.float64]
    theirs: NDArray[np.float64]


def compare_slices(pairs: Sequence[Pairs], min_users: int, confidence: float) -> tuple[Slice, ...]:
    """Compare every segment that has enough users, all of them together with the given confidence; the others get no ends.

    The chance of a false alarm is divided evenly among the comparisons (Bonferroni). So far out a bootstrap would need a hundred thousand
    resamples; the mean of a hundred users and more is close enough to normal.
    """
    n_judged = sum(len(pair.ours) >= min_users for pair in pairs)
    reach = NormalDist().inv_cdf(1 - (1 - confidence) / 2 / max(1, n_judged))
    return tuple(Slice(pair.segment, pair.rival, _compared(pair, reach if len(pair.ours) >= min_users else None)) for pair in pairs)


def _compared(pair: Pairs, reach: float | None) -> Comparison:
    n_users = len(pair.ours)
    if reach is None:
        return Comparison(None, Interval(None, None, None, n_users))
    difference = pair.ours - pair.theirs
    value = float(difference.mean())
    half = reach * float(difference.std(ddof=1)) / n_users**0.5
    return Comparison(float(pair.theirs.mean()), Interval(value, value - half, value + half, n_users))
