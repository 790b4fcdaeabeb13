"""Is tonight's delivery as large as deliveries usually are? A partial or doubled delivery reads perfectly well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, log
from statistics import median

from pydantic import BaseModel, Field


class VolumeConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How far the rows of a delivery may lie from the usual."""

    from_delivery: int = Field(8, ge=3)
    """The band starts with this delivery; before, there is too little to compare with."""

    narrowest_factor: float = Field(5, gt=1)
    """A delivery within this factor of the usual always passes, however steady earlier ones were."""

    widest_factor: float = Field(30, gt=1)
    """A delivery beyond this factor of the usual never passes, however uneven earlier ones were."""

    deviations: float = Field(5, gt=0)
    """Between the two: this many robust standard deviations (1.4826 x MAD of log rows)."""


@dataclass(frozen=True)
class Band:
    """How many rows a delivery usually has, and how few or many pass."""

    usual: int
    low: int
    high: int


def volume_band(earlier: Sequence[tuple[date, int]], night: date, config: VolumeConfig) -> Band | None:
    """Return the band for a delivery of `night` given earlier ones (night, rows); None while there are too few.

    Same weekdays are compared once the earlier deliveries span four weeks, since shops sell differently on Sundays. Median and
    MAD of the logarithm, because volumes vary by factors and one bulk load must not move the band.
    """
    if len(earlier) + 1 < config.from_delivery:
        return None
    same_weekday = [rows for day, rows in earlier if day.weekday() == night.weekday()]
    spans_four_weeks = (night - min(day for day, _ in earlier)).days >= 28
    rows = same_weekday if spans_four_weeks and len(same_weekday) >= 4 else [rows for _, rows in earlier]
    logs = [log(max(count, 1)) for count in rows]
    middle = median(logs)
    spread = 1.4826 * median(abs(value - middle) for value in logs)
    reach = min(max(config.deviations * spread, log(config.narrowest_factor)), log(config.widest_factor))
    return Band(round(exp(middle)), round(exp(middle - reach)), round(exp(middle + reach)))
