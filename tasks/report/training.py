"""How each model was trained: seconds, errors in the unit of the values, and loss and RMSE epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.report.plot import Plot, Point, across, lines, upwards
from tasks.report.telling import Telling

WATCHED = "validation_"
"""What the name of a curve begins with that was measured on what is not learned from."""


@dataclass(frozen=True)
class Curves:
    """The curves of one measure of a model, learned and watched, and what they say in words."""

    name: str
    plot: Plot
    captions: tuple[str, ...]


@dataclass(frozen=True)
class ModelTraining:
    """How the training of one model went; `refit_seconds` is None where it was not trained again on everything."""

    name: str
    family: str
    seconds: float
    refit_seconds: float | None
    curves: list[Curves]
    figures: dict[str, float]


def trainings(telling: Telling) -> list[ModelTraining]:
    """Tell how each model was trained, to be judged and once more to be published."""
    story = telling.story
    if story.trained is None:
        return []
    refit_seconds = {model.name: model.seconds for model in story.refitted.models} if story.refitted else {}
    return [
        ModelTraining(
            model.name, model.family, model.seconds, refit_seconds.get(model.name), _curves(model.name, model.curves), model.figures
        )
        for model in story.trained.models
    ]


def _curves(model: str, told: Mapping[str, Sequence[float]]) -> list[Curves]:
    """Draw what is learned and what is watched of one measure together."""
    measures = dict.fromkeys(name.removeprefix(WATCHED) for name in told)
    drawn = (_drawn(model, name, {each: told[each] for each in (name, WATCHED + name) if each in told}) for name in measures)
    return [curves for curves in drawn if curves]


def _drawn(model: str, name: str, told: Mapping[str, Sequence[float]]) -> Curves | None:
    """Draw one value per epoch; what is not finite is left out, and None is the drawing of nothing."""
    series: dict[str, list[Point]] = {}
    for curve, values in told.items():
        finite = [(float(epoch), value) for epoch, value in enumerate(values, start=1) if math.isfinite(value)]
        if finite:
            series[curve.replace("_", " ")] = finite
    if not series:
        return None
    values = [value for points in series.values() for _, value in points]
    x, y = across(1.0, max(2.0, *(points[-1][0] for points in series.values()))), upwards(min(values), max(values))
    captions = tuple(f"{curve}: {points[0][1]:.4f} to {points[-1][1]:.4f}, {_epochs(points)}" for curve, points in series.items())
    says = f"{model} by epoch. {'; '.join(captions)}"
    return Curves(name, Plot("epoch", _label(name), x.ticks(whole=True), y.ticks(), lines(series, x, y), says), captions)


def _epochs(points: Sequence[Point]) -> str:
    return f"{points[-1][0]:.0f} epoch{'' if points[-1][0] == 1 else 's'}"


def _label(name: str) -> str:
    return name.upper() if name in ("rmse", "mae") else name.replace("_", " ")
