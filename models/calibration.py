"""From which predicted value on to recommend: a cut-off calibrated on predictions whose outcome is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cutoff(predicted: NDArray[np.float32], liked: NDArray[np.bool_], precision: float) -> float:
    """Return the lowest predicted value from which on at least this share was liked; infinity where no value is good enough.

    Equal predictions stand or fall together.
    """
    order = np.argsort(-predicted, kind="stable")
    descending = predicted[order]
    share = np.cumsum(liked[order]) / np.arange(1, len(order) + 1)
    last_of_equals = np.append(descending[1:] != descending[:-1], True)[: len(order)]
    good = np.flatnonzero(last_of_equals & (share >= precision))
    return float(descending[good[-1]]) if len(good) else float("inf")
