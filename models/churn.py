"""Judge how much tonight's lists have in common with those served before: a sudden change is a fault more often than news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.evidence import Check, GateConfig
from models.gate_rules import usual_spread


@dataclass(frozen=True)
class Churn:
    """The rule's answer, and whether the change is worth a warning although it passes."""

    check: Check
    warn: bool


def judge_overlap(overlap: float, trailing: Sequence[float], config: GateConfig) -> Churn:
    """Warn of an overlap below the band of the nights before, refuse one twice as far below or under the floor.

    overlap is the mean share of a user's earlier list, as far as it may still be shown, that is shown again; trailing holds that of
    recent published nights. A floor of 0 lets any change pass.
    """
    floor, limit, warn_at = config.min_overlap, config.min_overlap, config.min_overlap
    if len(trailing) >= config.min_trailing_nights:
        nights = np.array(trailing)
        median = float(np.median(nights))
        width = max(config.band_width * usual_spread(nights), config.overlap_band * median)
        warn_at, limit = max(floor, median - width), max(floor, median - 2 * width)
    passed = floor == 0 or overlap >= limit
    found = f"{overlap:.1%} of what was served and may still be shown is shown again"
    sentence = f"{found}, the least is {limit:.1%}; [gate] min_overlap = 0 lets any change pass"
    if passed:
        sentence = f"{found}, {'less than usual, which begins' if overlap < warn_at else 'as usual; a warning begins'} below {warn_at:.1%}"
    return Churn(Check("overlap", passed, overlap, limit, sentence), overlap < warn_at)
