"""How likely what is recommended is liked, by its score: measured only where a policy asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from models.policies.minimum import Curve
from tasks.report.plot import Plot, across, lines, steps, upwards
from tasks.report.telling import Telling


@dataclass(frozen=True)
class Measure:
    """The curve of some users in words: on how many places it rests, and the chance of a like at the lowest and the highest scores."""

    users: str
    places: int
    lowest: float
    highest: float


@dataclass(frozen=True)
class Reliability:
    """The curves of everybody and of each segment in one plot; `asked` is the chance that a policy asks for."""

    plot: Plot
    measures: list[Measure]
    asked: float | None


def reliability(telling: Telling) -> Reliability | None:
    """Draw the calibration of tonight's scores; None where no policy asked for one."""
    evaluated = telling.story.evaluated
    if evaluated is None or evaluated.calibration is None:
        return None
    curves = {"everybody": evaluated.calibration.everybody} | {
        name: curve for name, curve in evaluated.calibration.segments.items() if curve.places
    }
    lowest = min(curve.scores[0] for curve in curves.values())
    highest = max(curve.scores[-1] for curve in curves.values())
    end = highest + (highest - lowest or 1.0) / 20
    x, y = across(lowest, end), upwards(0.0, max(curve.chances[-1] for curve in curves.values()))
    series = {name: steps(list(zip(curve.scores, curve.chances, strict=True)), end) for name, curve in curves.items()}
    measures = [_measure(name, curve) for name, curve in curves.items()]
    says = "; ".join(f"{one.users} from {one.lowest:.1%} at the lowest scores to {one.highest:.1%} at the highest" for one in measures)
    plot = Plot("score", "chance of a like", x.ticks(), y.ticks(), lines(series, x, y), f"Chance of a like by score: {says}")
    asked = telling.night.settings.get("policies", {}).get("minimum", {}).get("chance")
    return Reliability(plot, measures, asked or None)


def _measure(name: str, curve: Curve) -> Measure:
    return Measure(name, curve.places, curve.chances[0], curve.chances[-1])
