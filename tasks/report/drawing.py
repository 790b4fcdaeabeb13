"""Small drawings as numbers: where lines and bars go. The template turns them into inline SVG that follows the page's colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.bootstrap import Interval

BAR_WIDTH = 160
CURVE_WIDTH, CURVE_HEIGHT = 240, 80


@dataclass(frozen=True)
class Scale:
    """Places values between `low` and `high` along a length; where all are one, in its middle."""

    low: float
    high: float
    length: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(share * self.length, 1)


@dataclass(frozen=True)
class Bar:
    """One bar from the left, and the whisker of its interval where there is one."""

    end: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Piece:
    """One piece of a bar that is divided among several names."""

    name: str
    start: float
    width: float


@dataclass(frozen=True)
class Curve:
    """One training curve: the line's points, and what it says in words."""

    name: str
    points: str
    first: float
    last: float
    n: int


def bars(values: Sequence[float]) -> list[Bar]:
    """Draw values from zero up as bars of one scale."""
    scale = Scale(0.0, max([*values, 1e-9]), BAR_WIDTH)
    return [Bar(scale(value)) for value in values]


def interval_bars(intervals: Sequence[Interval]) -> list[Bar | None]:
    """Draw means with their intervals as bars of one scale; None where nothing was measured."""
    reach = [interval.high if interval.high is not None else interval.value or 0.0 for interval in intervals]
    scale = Scale(0.0, max([*reach, 1e-9]), BAR_WIDTH)
    return [_interval_bar(interval, scale) for interval in intervals]


def _interval_bar(interval: Interval, scale: Scale) -> Bar | None:
    if interval.value is None:
        return None
    if interval.low is None or interval.high is None:
        return Bar(scale(interval.value))
    return Bar(scale(interval.value), scale(interval.low), scale(interval.high))


def divided_bar(shares: Mapping[str, float]) -> list[Piece]:
    """Divide one bar among shares that add up to 1."""
    scale = Scale(0.0, 1.0, BAR_WIDTH)
    pieces, start = [], 0.0
    for name, share in shares.items():
        pieces.append(Piece(name, scale(start), scale(share)))
        start += share
    return pieces


def curve(name: str, values: Sequence[float]) -> Curve | None:
    """Draw one value per epoch as a line; what is not finite is left out, and None is the curve of nothing."""
    finite = [(epoch, value) for epoch, value in enumerate(values) if math.isfinite(value)]
    if not finite:
        return None
    heights = [value for _, value in finite]
    across = Scale(0.0, max(1, len(values) - 1), CURVE_WIDTH)
    up = Scale(min(heights), max(heights), CURVE_HEIGHT)
    points = " ".join(f"{across(epoch)},{round(CURVE_HEIGHT - up(value), 1)}" for epoch, value in finite)
    return Curve(name, points, heights[0], heights[-1], len(values))
