"""What is usual: the band that earlier nights make for one of their figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.gate_rules import TRAILING_NIGHTS, spread_around_median

LEAST_NIGHTS = 5
"""Earlier nights without which nothing is usual."""


@dataclass(frozen=True)
class Usual:
    """The median of earlier nights and the ends of what is usual around it."""

    median: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Tell whether a figure lies within, ends included."""
        return self.low <= value <= self.high


def usual(nights: NDArray[np.float64], width: float, least: float, margin: float = 0.0) -> Usual | None:
    """Return what the last of these nights, (nights,) oldest first, make usual; None where they are too few.

    The band reaches `width` robust standard deviations to either side, at least the share `least` of the median, and at least `margin`.
    """
    lately = nights[-TRAILING_NIGHTS:]
    if len(lately) < LEAST_NIGHTS:
        return None
    median = float(np.median(lately))
    reach = max(width * spread_around_median(lately), least * abs(median), margin)
    return Usual(median, median - reach, median + reach)
