"""Lines over the nights: how good what was published was beside popularity, how many rows it had and how long it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tasks.report.drawing import Scale
from tasks.report.index.ledger import Attempt, Ledger, number
from tasks.trail import LAST_RESORT

NIGHTS = 366
"""Nights that are drawn, the newest; more of them than a line has room for would be one smear."""

LISTED = 60
"""Nights whose figures can be unfolded."""

WIDTH, HEIGHT = 320, 120

DOTTED = 40
"""Up to how many nights each has its dot."""


@dataclass(frozen=True)
class Published:
    """The figures of one published night; None where nobody wrote them down."""

    day: date
    ndcg: float | None
    popularity: float | None
    rows: float | None
    seconds: float | None


@dataclass(frozen=True)
class Line:
    """One drawn line: what it shows, the pieces between nights without a figure, and its dots."""

    name: str
    pieces: list[str]
    dots: list[tuple[float, float]]
    first: float
    last: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Chart:
    """Lines on one scale that starts at zero; `form` is how its numbers are written."""

    title: str
    form: str
    lines: list[Line]
    top: float
    first: date
    last: date


@dataclass(frozen=True)
class Trends:
    """The charts, and the figures behind them, newest first; `k` is the length of the lists that were judged."""

    k: int | None
    charts: list[Chart]
    listed: list[Published]


def trends(ledger: Ledger) -> Trends:
    """Draw the newest published nights; those judged on lists of another length than the newest have no NDCG here."""
    manifests = list(ledger.remembered.values())[-NIGHTS:]
    k = next((found for manifest in reversed(manifests) if (found := number(_quality(manifest).get("k")))), None)
    attempts = {attempt.run_id: attempt for attempt in ledger.attempts if attempt.ending == "published"}
    nights = [_published(manifest, attempts.get(str(manifest["run_id"])), k) for manifest in manifests]
    drawn = (
        _chart(f"NDCG@{k:.0f}" if k else "NDCG", ".4f", nights, {"published": "ndcg", "popularity": "popularity"}),
        _chart("Recommendations", ",.0f", nights, {"rows": "rows"}),
        _chart("Seconds", ",.1f", nights, {"seconds": "seconds"}),
    )
    return Trends(int(k) if k else None, [chart for chart in drawn if chart], nights[: -LISTED - 1 : -1])


def _published(manifest: dict[str, Any], attempt: Attempt | None, k: float | None) -> Published:
    quality, table = _quality(manifest), manifest["tables"].get("recommendations")
    ndcg = number(quality.get("ndcg")) if quality.get("k") == k else None
    ahead = attempt.measured("popularity") if attempt else None
    # The gate writes down by how much popularity was beaten; where popularity itself was published it says so of the refused models.
    beaten_by = 0.0 if LAST_RESORT in str(manifest.get("verdict")) else ahead
    return Published(
        date.fromisoformat(manifest["run_date"]),
        ndcg,
        None if ndcg is None or beaten_by is None else ndcg - beaten_by,
        number(table.get("rows")) if isinstance(table, dict) else None,
        attempt.seconds if attempt else None,
    )


def _quality(manifest: dict[str, Any]) -> dict[str, Any]:
    quality = manifest.get("quality")
    return quality if isinstance(quality, dict) else {}


def _chart(title: str, form: str, nights: Sequence[Published], names: dict[str, str]) -> Chart | None:
    """Draw some figures over the dates; None where no night has any of them."""
    values = {name: [getattr(night, field) for night in nights] for name, field in names.items()}
    top = max((value for found in values.values() for value in found if value is not None), default=None)
    if top is None:
        return None
    days = [night.day.toordinal() for night in nights]
    across, up = Scale(days[0], days[-1], WIDTH), Scale(0.0, max(top, 1e-9), HEIGHT)
    places = [across(day) for day in days]
    lines = [_line(name, places, found, up) for name, found in values.items() if any(value is not None for value in found)]
    return Chart(title, form, lines, top, nights[0].day, nights[-1].day)


def _line(name: str, places: Sequence[float], values: Sequence[float | None], up: Scale) -> Line:
    pieces: list[list[tuple[float, float]]] = [[]]
    for place, value in zip(places, values, strict=True):
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append((place, round(HEIGHT - up(value), 1)))
    known = [value for value in values if value is not None]
    dots = [point for piece in pieces for point in piece]
    return Line(
        name,
        [" ".join(f"{across},{down}" for across, down in piece) for piece in pieces if len(piece) > 1],
        dots if len(dots) <= DOTTED else dots[-1:],
        known[0],
        known[-1],
        min(known),
        max(known),
    )
