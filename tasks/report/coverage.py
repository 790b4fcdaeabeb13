"""What the lists cover, and how evenly they show the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.raw_facts import Id
from tasks.report.drawing import Bar, bars
from tasks.report.plot import BOTTOM, HEIGHT, TOP, Axis, Line, Plot, across, lines
from tasks.report.telling import Telling
from tasks.tables import EVERYBODY

SHARES = {"search_recall", "search_share"}
"""Facts of the coverage table that are no counts."""

MOST_SHOWN = 10
POINTS = 50
"""Places of the curve; more are not seen."""


@dataclass(frozen=True)
class Count:
    """One fact of the coverage table, with its bar where it is a part of all users."""

    fact: str
    subject: str
    value: float
    bar: Bar | None = None


@dataclass(frozen=True)
class Shown:
    """An item that many are shown."""

    item_id: Id
    title: str | None
    n_lists: int
    n_first: int
    share: float
    bar: Bar


@dataclass(frozen=True)
class Exposure:
    """How the places of lists are spread over the items that may be shown.

    `gini` is 0 where each is shown as often, 1 where one has all places; `top_tenth` is the share of places that the tenth shown most has.
    """

    plot: Plot
    n_items: int
    n_never: int
    gini: float
    top_tenth: float
    most_shown: list[Shown]


@dataclass(frozen=True)
class Coverage:
    """Counts of users and items, users by the rung they were served by, reasons of short lists, and exposure; parts may be missing."""

    counts: list[Count]
    rungs: list[Count]
    short: list[Count]
    exposure: Exposure | None


def coverage(telling: Telling) -> Coverage | None:
    """Tell what tonight's tables cover; None where no lists were made."""
    facts = [fact for fact in telling.rows("coverage") if fact["fact"] not in SHARES]
    exposure = _exposure(telling)
    if not facts and exposure is None:
        return None
    # Short lists are one fact a user; how many a reason has is what counts.
    reasons = [fact["reason"] for fact in facts if fact["fact"] == "short_list"]
    rungs = [fact for fact in facts if fact["fact"] == "users_served_by"]
    drawn = bars([fact["value"] for fact in rungs])
    return Coverage(
        [Count(fact["fact"], fact["subject"], fact["value"]) for fact in facts if fact["fact"] not in ("short_list", "users_served_by")],
        [Count(fact["fact"], fact["subject"], fact["value"], bar) for fact, bar in zip(rungs, drawn, strict=True)],
        [Count("short_list", reason, reasons.count(reason)) for reason in sorted(set(reasons))],
        exposure,
    )


def _exposure(telling: Telling) -> Exposure | None:
    path = telling.table("exposure")
    columns = ["item_id", "n_lists", "n_first", "share"]
    found = pq.read_table(path, columns=columns, filters=[("segment", "=", EVERYBODY)]) if path else None
    if found is None or not found.num_rows:
        return None
    n_lists = found["n_lists"].to_numpy()
    order = np.lexsort((np.arange(len(n_lists)), -n_lists))[:MOST_SHOWN]
    rows = [row for row in found.take(order).to_pylist() if row["n_lists"]]
    titles = telling.titles(row["item_id"] for row in rows)
    ascending = np.sort(n_lists)
    plot, gini, top_tenth = _concentration(ascending)
    return Exposure(plot, len(n_lists), int((n_lists == 0).sum()), gini, top_tenth, _most_shown(rows, titles))


def _most_shown(rows: Sequence[Mapping[str, Any]], titles: Mapping[Id, str]) -> list[Shown]:
    drawn = bars([row["share"] for row in rows])
    return [Shown(**row, title=titles.get(row["item_id"]), bar=bar) for row, bar in zip(rows, drawn, strict=True)]


def _concentration(ascending: NDArray[np.int64]) -> tuple[Plot, float, float]:
    """Draw what share of all places the items hold that are shown least, given how often each is shown; also Gini and the top tenth."""
    total, n = max(1, int(ascending.sum())), len(ascending)
    held = np.concatenate([[0], np.cumsum(ascending)]) / total  # of the items shown least, by how many they are
    gini = float(max(0.0, 1 - (held[1:] + held[:-1]).sum() / n)) if ascending.any() else 0.0
    top_tenth = float(1 - held[n - max(1, round(n / 10))])
    at = np.unique(np.linspace(0, n, min(n, POINTS) + 1).round().astype(int))
    x, y = across(0, 100), Axis(0, 100, HEIGHT - BOTTOM, TOP)
    series = {"tonight's lists": [(100 * place / n, 100 * float(held[place])) for place in at]}
    even = Line("every item as often", f"{x(0):g},{y(0):g} {x(100):g},{y(100):g}")
    says = f"Places of lists by items, those shown least first: the tenth shown most holds {top_tenth:.1%} of all places, Gini {gini:.3f}"
    plot = Plot("% of the items, least shown first", "% of all places", x.ticks(), y.ticks(), (*lines(series, x, y), even), says)
    return plot, gini, top_tenth
