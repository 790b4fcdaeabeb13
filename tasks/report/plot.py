"""Plots as numbers: two labelled axes and lines between them. The template turns them into inline SVG that follows the page's colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 340, 200
"""Of a whole plot, in pixels: it fits a phone as it is, so its letters are never scaled."""

LEFT, RIGHT, TOP, BOTTOM = 52, 20, 10, 40
"""What lies around the lines: the labels of the axes."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, and what it says."""

    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """One line of a plot: its points as SVG writes them, and a whisker at each point whose interval is known."""

    name: str
    points: str
    dots: tuple[Point, ...] = ()
    whiskers: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True)
class Plot:
    """Lines over two axes; `says` tells in words what a reader would see."""

    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    says: str
    band: str = ""
    """The points of an area behind the lines, where there is one."""


@dataclass(frozen=True)
class Axis:
    """Places values along a length; `low` lies at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, *, whole: bool = False) -> tuple[Tick, ...]:
        """Return marks at round numbers; at whole ones only, where there is nothing between."""
        step = _round_step((self.high - self.low) / 4, whole=whole)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        values = [number * step for number in range(first, last + 1)]
        return tuple(Tick(self(value), f"{round(value, 12):.6g}") for value in values)


def across(low: float, high: float) -> Axis:
    """Return the axis from left to right."""
    return Axis(low, high, LEFT, WIDTH - RIGHT)


def upwards(low: float, high: float) -> Axis:
    """Return the axis from below to above, with some room beyond its ends, but none below zero where nothing is."""
    room = (high - low or abs(high) or 1.0) / 20
    return Axis(low if low == 0 else low - room, high + room, HEIGHT - BOTTOM, TOP)


def lines(series: Mapping[str, Sequence[Point]], x: Axis, y: Axis, *, dotted: bool = False) -> tuple[Line, ...]:
    """Draw each series as a line through its points; with a dot on each, where they are few and each counts."""
    drawn = []
    for name, points in series.items():
        placed = [(x(across), y(up)) for across, up in points]
        drawn.append(Line(name, _written(placed), tuple(placed) if dotted or len(placed) == 1 else ()))
    return tuple(drawn)


def steps(points: Sequence[Point], until: float) -> list[Point]:
    """Return the corners of a curve that keeps each value up to the next point, and the last one up to `until`."""
    ends = [x for x, _ in points[1:]] + [until]
    return [corner for (x, y), end in zip(points, ends, strict=True) for corner in ((x, y), (end, y))]


def area(low: Sequence[Point], high: Sequence[Point], x: Axis, y: Axis) -> str:
    """Return the outline of the area between two series over the same places."""
    return _written([(x(across), y(up)) for across, up in [*low, *reversed(high)]])


def _written(points: Sequence[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _round_step(least: float, *, whole: bool) -> float:
    """Return the smallest of 1, 2, 2.5 and 5 times a power of ten that is no smaller."""
    if least <= 0 or not math.isfinite(least):
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9))
    return max(1.0, math.ceil(step)) if whole else step
