"""Draw what growth.py found as two SVG files: `python -m benchmarks.plots FIGURES.json FOLDER`; needs matplotlib alone.

The same figures give the same bytes: no dates, fixed ids, text as text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SMALL_SHARE = 0.04
"""Steps with less of the largest night's seconds are drawn as one."""

OTHERS = "other steps"

MOST_LINES = 8
"""Steps whose memory is drawn: those that hold the most at the largest size."""

COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#e69f00", "#332288", "#44aa99", "#999933", "#882255")
"""Told apart with impaired colour vision, too (after Paul Tol)."""
GREY = "#bbbbbb"

STYLE = {
    "svg.hashsalt": "nightly",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
}


def folded(figures: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Return the seconds of each step at each size, steps in order; small ones are added up as OTHERS, the last."""
    seconds = [{step["name"]: step["seconds"] for step in record["steps"]} for record in figures]
    names = list(dict.fromkeys(name for steps in seconds for name in steps))
    large = [name for name in names if seconds[-1].get(name, 0.0) >= SMALL_SHARE * figures[-1]["seconds"]]
    drawn = {name: [steps.get(name, 0.0) for steps in seconds] for name in large}
    drawn[OTHERS] = [sum(value for name, value in steps.items() if name not in large) for steps in seconds]
    return drawn


def heaviest(figures: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Return the GB that the process held at most during each of the heaviest steps, at each size, steps in order."""
    held = [{step["name"]: step["peak_bytes"] / 2**30 for step in record["steps"]} for record in figures]
    largest = sorted(held[-1], key=lambda name: -held[-1][name])[:MOST_LINES]
    return {name: [steps.get(name, 0.0) for steps in held] for name in held[-1] if name in largest}


def palette(figures: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Give every step that is drawn anywhere a colour, the same in both plots."""
    drawn = {name for parts in (folded(figures), heaviest(figures)) for name in parts} - {OTHERS}
    steps = [step["name"] for step in figures[-1]["steps"] if step["name"] in drawn]
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(steps)} | {OTHERS: GREY}


def draw_seconds(figures: Sequence[dict[str, Any]], file: Path) -> None:
    """Draw the seconds of the steps on top of each other, over the events of the log."""
    events, parts, colours = [record["events"] / 1e6 for record in figures], folded(figures), palette(figures)
    figure, axes = _axes("Seconds of a night, by step", "seconds")
    layers = axes.stackplot(events, list(parts.values()), colors=[colours[name] for name in parts], edgecolor="white", linewidth=0.6)
    for place, record in zip(events, figures, strict=True):
        axes.annotate(f"{record['seconds']:,.0f} s", (place, record["seconds"]), (0, 5), textcoords="offset points", ha="right")
    axes.legend(layers[::-1], list(parts)[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    _save(figure, axes, events, file)


def draw_memory(figures: Sequence[dict[str, Any]], file: Path) -> None:
    """Draw the most memory held during the heaviest steps, over the events of the log: peaks do not add up, the highest is the night's."""
    events, lines, colours = [record["events"] / 1e6 for record in figures], heaviest(figures), palette(figures)
    figure, axes = _axes("Most memory held during a step", "GB")
    axes.plot(events, [record["peak_bytes"] / 2**30 for record in figures], color="black", linestyle="--", label="the night")
    for name, held in sorted(lines.items(), key=lambda line: -line[1][-1]):
        axes.plot(events, held, marker="o", color=colours[name], label=name)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    _save(figure, axes, events, file)


def _axes(title: str, unit: str) -> tuple[Any, Any]:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.6), layout="constrained")
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set_xlabel("events in the log, millions")
    axes.set_ylabel(unit)
    axes.set_axisbelow(True)
    return figure, axes


def _save(figure: Any, axes: Any, events: Sequence[float], file: Path) -> None:
    axes.set_xlim(0, max(events) * 1.02)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.1)
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def main() -> None:
    """Draw both plots."""
    import matplotlib

    figures, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    matplotlib.use("svg")
    with matplotlib.rc_context(STYLE):
        draw_seconds(figures, folder / "growth-seconds.svg")
        draw_memory(figures, folder / "growth-memory.svg")


if __name__ == "__main__":
    main()
