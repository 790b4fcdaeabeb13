"""How the models are blended: for each segment tonight, and over the nights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq

from tasks.report.drawing import Piece, divided_bar
from tasks.report.plot import Axis, Plot, Tick, across, lines, upwards
from tasks.report.telling import Telling, table_of


@dataclass(frozen=True)
class SegmentBlend:
    """The weights of one segment in the order of the models, and the bar they divide.

    `deviations` and `losses_without` are None where they were not measured.
    """

    segment: str
    n_users: int
    shares: tuple[float, ...]
    deviations: tuple[float | None, ...]
    losses_without: tuple[float | None, ...]
    pieces: list[Piece]


@dataclass(frozen=True)
class Weights:
    """The weights of every segment, one column per model; `by_night` is None where tonight is the first night."""

    models: tuple[str, ...]
    segments: list[SegmentBlend]
    by_night: Plot | None
    nights: tuple[str, ...]


def weights(telling: Telling) -> Weights | None:
    """Draw how the models are blended for each segment, and how that changed over the nights."""
    blended = telling.story.blended
    if blended is None:
        return None
    models = tuple(dict.fromkeys(name for row in blended.segments for name in row.weights))
    segments = []
    for row in blended.segments:
        shares = {name: row.weights.get(name, 0.0) for name in models}
        deviations, losses = (tuple(found.get(name) for name in models) for found in (row.deviations, row.losses_without))
        segments.append(SegmentBlend(row.segment, row.n_users, tuple(shares.values()), deviations, losses, divided_bar(shares)))
    history = weights_by_night(telling)
    return Weights(models, segments, _by_night(models, history) if len(history) > 1 else None, tuple(history))


def weights_by_night(telling: Telling) -> dict[str, dict[str, float]]:
    """Read the weights of each published night up to tonight's, a mean over its holdout users; date -> model -> weight."""
    history: dict[str, dict[str, float]] = {}
    for night in telling.nights:
        path = table_of(night, "weights")
        rows = pq.read_table(path, columns=["model", "weight", "n_users"]).to_pylist() if path else []
        total = sum(row["n_users"] for row in rows)
        means: dict[str, float] = {}
        for row in rows if total else ():
            means[row["model"]] = means.get(row["model"], 0.0) + row["weight"] * row["n_users"]
        of_model = total / len({row["model"] for row in rows}) if total else 1
        if means:
            history[str(night.run_date)] = {model: value / of_model for model, value in means.items()}
    return history


def _by_night(models: Sequence[str], history: Mapping[str, Mapping[str, float]]) -> Plot:
    series = {model: [(float(night), means.get(model, 0.0)) for night, means in enumerate(history.values())] for model in models}
    x, y = across(0.0, len(history) - 1), upwards(0.0, max(value for points in series.values() for _, value in points))
    says = "; ".join(f"{model} from {points[0][1]:.3f} to {points[-1][1]:.3f}" for model, points in series.items())
    told = f"Mean weight of each model over {len(history)} nights: {says}"
    return Plot("night", "mean weight", date_ticks(list(history), x), y.ticks(), lines(series, x, y, dotted=len(history) < 8), told)


def date_ticks(dates: Sequence[str], x: Axis) -> tuple[Tick, ...]:
    """Mark the first and the last of several nights, without the year, and the one in the middle where there is room."""
    places = sorted({0, len(dates) // 2, len(dates) - 1} if len(dates) > 2 else {0, len(dates) - 1})
    return tuple(Tick(x(place), dates[place][5:]) for place in places)
