"""What pages draw: figures in large print, and bars as numbers, which the template turns into inline SVG in the page's colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.bootstrap import Interval

BAR_WIDTH = 160


@dataclass(frozen=True)
class Figure:
    """One fact in large print, its name and what stands beside it."""

    name: str
    value: str
    beside: str = ""


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
    """One piece of a bar that is divided among several names, which have numbers: their colours."""

    name: str
    colour: int
    start: float
    width: float


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
    return signed_bar(shares, Scale(0.0, 1.0, BAR_WIDTH))


def signed_bar(parts: Mapping[str, float | None], scale: Scale) -> list[Piece]:
    """Lay what adds to a sum side by side to the right of zero, and what takes from it to the left; nothing is drawn of nothing."""
    pieces, right, left = [], 0.0, 0.0
    for colour, (name, part) in enumerate(parts.items()):
        if part is None or round(abs(part), 9) == 0:
            continue
        if part > 0:
            start, right = right, right + part
        else:
            left += part
            start = left
        width = round(scale(scale.low + abs(part)), 1)
        if width:
            pieces.append(Piece(name, colour, scale(start), width))
    return pieces
