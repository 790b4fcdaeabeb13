"""How the lists of earlier nights turned out, by what people went on to like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from models.bootstrap import Interval
from tasks.delayed import PUBLISHED
from tasks.report.plot import Line, Plot, Tick, across, lines, upwards
from tasks.report.telling import NIGHTS_SHOWN, Telling, table_of
from tasks.tables import EVERYBODY


@dataclass(frozen=True)
class Outcome:
    """One earlier night: what its holdout promised, and what its lists were worth by the newest judgement; None where nothing tells."""

    run_date: str
    promised: float | None
    found: Interval


@dataclass(frozen=True)
class Outcomes:
    """Earlier nights, oldest first, at one length of list; the plot is None where there is but one."""

    k: int
    nights: list[Outcome]
    plot: Plot | None


def outcomes(telling: Telling) -> Outcomes | None:
    """Gather the newest judgement of each earlier night, of tonight's table and of those before it; None where there is none."""
    evaluated = telling.story.evaluated
    if evaluated is None:
        return None
    found = {str(fact.of_date): fact.interval for fact in telling.metrics if _is_judgement(fact.model_dump(), evaluated.k)}
    for night in reversed(telling.nights[:-1]):
        path = table_of(night, "metrics")
        rows = pq.read_table(path, filters=[("metric", "=", "ndcg"), ("segment", "=", EVERYBODY)]).to_pylist() if path else []
        for row in rows:
            if _is_judgement(row, evaluated.k):
                found.setdefault(str(row["of_date"]), Interval(row["value"], row["low"], row["high"], row["n_users"]))
    days = sorted(found)[-NIGHTS_SHOWN:]
    qualities = {night.manifest["run_date"]: night.manifest.get("quality") or {} for night in telling.nights[:-1]}
    promised = {day: quality.get("ndcg") for day, quality in qualities.items() if quality.get("k") == evaluated.k}
    nights = [Outcome(day, promised.get(day), found[day]) for day in days]
    return Outcomes(evaluated.k, nights, _plot(nights, evaluated.k) if len(nights) > 1 else None) if nights else None


def _is_judgement(row: dict[str, Any], k: int) -> bool:
    is_of_everybody = (row["metric"], row["segment"], row["k"]) == ("ndcg", EVERYBODY, k)
    return is_of_everybody and row["ranking"].startswith(f"{PUBLISHED} ")


def _plot(nights: list[Outcome], k: int) -> Plot:
    values = [(float(place), night.found.value or 0.0) for place, night in enumerate(nights)]
    highs = [night.found.high or night.found.value or 0.0 for night in nights] + [night.promised or 0.0 for night in nights]
    x, y = across(0.0, len(nights) - 1), upwards(0.0, max([*highs, 1e-9]))
    promised = [(float(place), night.promised) for place, night in enumerate(nights) if night.promised is not None]
    whiskers = [
        (x(place), y(night.found.low), y(night.found.high))
        for place, night in enumerate(nights)
        if night.found.low is not None and night.found.high is not None
    ]
    (turned_out,) = lines({"turned out": values}, x, y, dotted=True)
    drawn = [Line(turned_out.name, turned_out.points, turned_out.dots, tuple(whiskers))]
    drawn += lines({"promised by the holdout": promised}, x, y, dotted=True) if promised else ()
    first, last = nights[0], nights[-1]
    says = f"NDCG@{k} of earlier nights' lists, from {values[0][1]:.4f} for {first.run_date} to {values[-1][1]:.4f} for {last.run_date}"
    ticks = tuple(Tick(x(place), nights[place].run_date[5:]) for place in sorted({0, len(nights) // 2, len(nights) - 1}))
    return Plot("night", f"NDCG@{k}", ticks, y.ticks(), tuple(drawn), says)
