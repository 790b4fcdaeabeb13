"""How good the night's models are: ladder, weights and training curves from receipts, metrics and coverage from the staged tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from models.bootstrap import Interval
from models.metrics import METRICS
from tasks.night import Night
from tasks.report.drawing import Bar, Curve, Piece, curve, divided_bar, interval_bars
from tasks.tables import EVERYBODY

NIGHTS_SHOWN = 28
"""Nights whose weights are drawn as one line."""

SHARES = {"search_recall", "search_share"}
"""Facts of the coverage table that are no counts."""

if TYPE_CHECKING:
    from tasks.measured import Ladder
    from tasks.report.story import Story


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder with its drawing."""

    rung: Ladder
    bar: Bar | None


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
    """The weights of every segment, one column per model."""

    models: tuple[str, ...]
    segments: list[SegmentBlend]
    by_night: list[Curve]
    nights: tuple[str, ...]


@dataclass(frozen=True)
class ModelTraining:
    """How the training of one model went; `refit_seconds` is None where it was not trained again on everything."""

    name: str
    family: str
    seconds: float
    refit_seconds: float | None
    curves: list[Curve]
    figures: dict[str, float]


@dataclass(frozen=True)
class Grid:
    """Metrics in rows and columns; a cell is None where nothing was measured."""

    title: str
    corner: str
    columns: list[str]
    rows: list[tuple[str, list[Interval | None]]]


@dataclass(frozen=True)
class Count:
    """One fact of the coverage table."""

    fact: str
    subject: str
    value: float


def ladder(story: Story) -> list[Rung]:
    """Draw the ladder of baselines, the best ranking first."""
    if story.evaluated is None:
        return []
    rungs = story.evaluated.ladder
    return [Rung(rung, bar) for rung, bar in zip(rungs, interval_bars([rung.ndcg for rung in rungs]), strict=True)]


def weights(night: Night, story: Story) -> Weights | None:
    """Draw how the models are blended for each segment, and how that changed over the nights."""
    if story.blended is None:
        return None
    models = tuple(dict.fromkeys(name for row in story.blended.segments for name in row.weights))
    segments = []
    for row in story.blended.segments:
        shares = {name: row.weights.get(name, 0.0) for name in models}
        deviations, losses = (tuple(found.get(name) for name in models) for found in (row.deviations, row.losses_without))
        segments.append(SegmentBlend(row.segment, row.n_users, tuple(shares.values()), deviations, losses, divided_bar(shares)))
    history = _weight_history(night)
    dates = tuple(history)
    curves = [curve(name, [history[day].get(name, 0.0) for day in dates]) for name in models] if len(dates) > 1 else []
    return Weights(models, segments, [drawn for drawn in curves if drawn], dates)


def _weight_history(night: Night) -> dict[str, dict[str, float]]:
    """Read each published night's weights up to tonight's, a mean over its holdout users; date -> model -> weight."""
    days = [date.fromisoformat(manifest["run_date"]) for manifest in night.workspace.published()]
    files = {str(day): night.workspace.table("weights", day) for day in days if day < night.run_date}
    files[str(night.run_date)] = night.staged_table("weights")
    history: dict[str, dict[str, float]] = {}
    for day, path in list(files.items())[-NIGHTS_SHOWN:]:
        if path.is_file():
            rows = pq.read_table(path, columns=["model", "weight", "n_users"]).to_pylist()
            total = sum(row["n_users"] for row in rows)
            means: dict[str, float] = {}
            for row in rows if total else ():
                means[row["model"]] = means.get(row["model"], 0.0) + row["weight"] * row["n_users"]
            of_model = total / len({row["model"] for row in rows}) if total else 1
            history[day] = {model: value / of_model for model, value in means.items()}
    return {day: means for day, means in history.items() if means}


def trainings(story: Story) -> list[ModelTraining]:
    """Tell how each model was trained, to be judged and once more to be published."""
    if story.trained is None:
        return []
    refit_seconds = {model.name: model.seconds for model in story.refitted.models} if story.refitted else {}
    return [
        ModelTraining(
            model.name,
            model.family,
            model.seconds,
            refit_seconds.get(model.name),
            [drawn for name, values in model.curves.items() if (drawn := curve(name, values))],
            model.figures,
        )
        for model in story.trained.models
    ]


def metric_grids(night: Night, story: Story) -> list[Grid]:
    """Lay out the staged metrics: the blend by segment, every ranking by segment, and the blend at every list length."""
    path = night.staged_table("metrics")
    if story.evaluated is None or not path.is_file():
        return []
    # What is said of earlier nights stands in the same table.
    facts = [fact for fact in pq.read_table(path).to_pylist() if fact["of_date"] == night.run_date]
    k = story.evaluated.k
    place = {rung.ranking: index for index, rung in enumerate(story.evaluated.ladder)}
    segments = {EVERYBODY: -1} | {row.segment: index for index, row in enumerate(story.blended.segments if story.blended else ())}
    facts.sort(key=lambda fact: segments.get(fact["segment"], len(segments)))
    blend = [fact for fact in facts if fact["ranking"] == "blend" and fact["metric"] in METRICS]
    at_k = [fact for fact in blend if fact["k"] == k]
    ndcg = [fact for fact in facts if fact["metric"] == "ndcg" and fact["k"] == k]
    ndcg.sort(key=lambda fact: place.get(fact["ranking"], len(place)))
    everybody = [fact for fact in blend if fact["segment"] == EVERYBODY]
    return [
        _grid(f"The blend at {k}, by segment", "segment", at_k, _segment, lambda fact: fact["metric"], METRICS),
        _grid(f"NDCG@{k} of every ranking, by segment", "ranking", ndcg, lambda fact: fact["ranking"], _segment),
        _grid("The blend at every list length", "length", everybody, lambda fact: str(fact["k"]), lambda fact: fact["metric"], METRICS),
    ]


def _segment(fact: Mapping[str, Any]) -> str:
    """Name a segment with the users judged in it."""
    name = "everybody" if fact["segment"] == EVERYBODY else fact["segment"]
    return f"{name} ({fact['n_users']:,})"


def _grid(
    title: str,
    corner: str,
    facts: Sequence[Mapping[str, Any]],
    row: Callable[[Mapping[str, Any]], str],
    column: Callable[[Mapping[str, Any]], str],
    order: Sequence[str] = (),
) -> Grid:
    cells = {(row(fact), column(fact)): Interval(fact["value"], fact["low"], fact["high"], fact["n_users"]) for fact in facts}
    columns = list(dict.fromkeys(name for _, name in cells))
    if order:
        columns.sort(key=list(order).index)
    names = list(dict.fromkeys(name for name, _ in cells))
    return Grid(title, corner, columns, [(name, [cells.get((name, heading)) for heading in columns]) for name in names])


def coverage(night: Night, story: Story) -> list[Count]:
    """Read what the staged tables cover, but for how it was searched; short lists, one fact per user, are counted by their reason."""
    path = night.staged_table("coverage")
    if story.scored is None or not path.is_file():
        return []
    facts = pq.read_table(path).to_pylist()
    counts = [Count(fact["fact"], fact["subject"], fact["value"]) for fact in facts if fact["fact"] not in SHARES | {"short_list"}]
    reasons = [fact["reason"] for fact in facts if fact["fact"] == "short_list"]
    return counts + [Count("short_list", reason, reasons.count(reason)) for reason in sorted(set(reasons))]
