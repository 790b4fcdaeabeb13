"""What a default night costs as the log grows and the catalogue stays: seconds, memory and bytes of every step, end to end.

What was measured is kept in a file of one JSON object a line; a size that is in it is not measured again, so that one can go on tomorrow.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from benchmarks import nights, readme
from benchmarks.made_up import large_shop, made_up
from benchmarks.steps import watch

app = App(name="growth", help=__doc__, help_format="plaintext")

SETTINGS = {"NIGHTLY__SCORE__K": "100"}

PLOTS = """\
![Seconds of a night over the events in its log, the steps on top of each other](growth-seconds.svg)

![Most memory held during the heaviest steps, over the events in the log](growth-memory.svg)
"""

MOST_SECONDS, MOST_BYTES, MOST_GROWTH = 600, 12 * 2**30, 12.0
"""What the night of the largest log may take, and how many times the seconds of the smallest."""

Record = dict[str, Any]
"""One measured night: pairs, users, items, events, round, ending, seconds, peak_bytes, served_bytes and steps."""


@app.default
def growth(
    *,
    pairs: Annotated[tuple[int, ...], Parameter(help="Sizes of the log.")] = (2_000_000, 6_000_000, 20_000_000),
    users: int = 140_000,
    items: int = 27_000,
    rounds: Annotated[int, Parameter(help="Nights of each size; medians count.")] = 1,
    worlds: Annotated[Path | None, Parameter(help="Folder where made-up logs are kept; default: a temporary one.")] = None,
    results: Annotated[Path | None, Parameter(help="File with what was measured, one JSON object a line; it is added to.")] = None,
    plots_python: Annotated[Path, Parameter(help="Interpreter that has matplotlib.")] = Path(".venv/bench/bin/python"),
    write: Annotated[bool, Parameter(negative="", help="Put the table and the plots into benchmarks/.")] = False,
) -> int:
    """Run the nights that were not measured yet, and print what all took."""
    if write and not (nights.HERE / plots_python).exists():
        raise FileNotFoundError(f"{plots_python}: what draws the plots is not installed; make bench-growth installs it")
    known = read(results)
    with tempfile.TemporaryDirectory(prefix="bench-growth-") as scratch:
        for number in range(rounds):
            for size in pairs:
                about = {"pairs": size, "users": users, "items": items, "round": number}
                if not any(about.items() <= record.items() for record in known):
                    known.append(about | measured(about, worlds or Path(scratch) / "worlds", Path(scratch) / "workspace"))
                    kept(known[-1], results)
    asked = [record for record in known if record["pairs"] in pairs and (record["users"], record["items"]) == (users, items)]
    figures = summary(asked)
    print(as_table(figures))
    print(verdict(figures))
    if write:
        about = f"{users:,} users, {items:,} items, K = 100, the default models; " + _rounds(asked)
        draw(figures, readme.README.parent, plots_python)
        readme.write("growth", about, as_table(figures), verdict(figures), PLOTS)
    return 0


def measured(about: Record, worlds: Path, workspace: Path) -> Record:
    """Deliver a made-up log to a fresh workspace, watch its first night and return what it took."""
    log = made_up(large_shop(about["pairs"], about["users"], about["items"]), worlds)
    nights.new_workspace(workspace)
    log.deliver(workspace)
    watched = watch(workspace, log.last_day, SETTINGS)
    served = sum(file.stat().st_size for file in (workspace / "tables").rglob("*.parquet"))
    shutil.rmtree(workspace)
    return {"events": log.events, "served_bytes": served, **watched.record()}


def read(results: Path | None) -> list[Record]:
    """Return what was measured before."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results and results.is_file() else []


def kept(record: Record, results: Path | None) -> None:
    """Print a night in short, and keep it; raises RuntimeError for one that published nothing."""
    if record["ending"] != "published":
        raise RuntimeError(f"{record['pairs']:,} pairs: {record['ending']}: {record['reason']}")
    print(f"{record['events']:>12,} events {record['seconds']:9.1f} s {record['peak_bytes'] / 2**30:6.2f} GB", flush=True)
    if results:
        with results.open("a") as file:
            file.write(json.dumps(record) + "\n")


def summary(records: Sequence[Record]) -> list[Record]:
    """Return one record a size, the smallest first, with the medians of its rounds: of whole nights and of each step."""
    return [_median([record for record in records if record["pairs"] == size]) for size in sorted({record["pairs"] for record in records})]


def _median(rounds: Sequence[Record]) -> Record:
    def of(found: Sequence[Mapping[str, Any]], name: str) -> float:
        return statistics.median(part[name] for part in found)

    names = dict.fromkeys(step["name"] for record in rounds for step in record["steps"])
    measures = ("seconds", "peak_bytes", "written_bytes")
    by_name = {name: [step for record in rounds for step in record["steps"] if step["name"] == name] for name in names}
    steps = [{"name": name} | {measure: of(found, measure) for measure in measures} for name, found in by_name.items()]
    whole = {name: of(rounds, name) for name in ("seconds", "peak_bytes", "served_bytes")}
    return {"pairs": rounds[0]["pairs"], "events": rounds[0]["events"], **whole, "steps": steps}


def as_table(figures: Sequence[Record]) -> str:
    """Return a row a step and one of all: seconds at each size and their growth, memory at its largest, bytes written."""
    sizes = [_short(record["events"]) for record in figures]
    header = [
        "step",
        *(f"{size}: s" for size in sizes),
        "times",
        *(f"{size}: peak GB" for size in sizes),
        *(f"{size}: written MB" for size in sizes),
    ]
    by_name = [{step["name"]: step for step in record["steps"]} for record in figures]
    rows = []
    for name in by_name[-1]:
        parts = [steps.get(name, {"seconds": 0.0, "peak_bytes": 0, "written_bytes": 0}) for steps in by_name]
        rows.append([name, *_cells(parts)])
    whole = [{**record, "written_bytes": sum(step["written_bytes"] for step in record["steps"])} for record in figures]
    rows.append(["**the night**", *_cells(whole)])
    return readme.table(header, rows)


def _cells(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    first, last = parts[0]["seconds"], parts[-1]["seconds"]
    return [
        *(f"{part['seconds']:.1f}" for part in parts),
        f"{last / first:.1f}" if first >= 0.05 else "",
        *(f"{part['peak_bytes'] / 2**30:.2f}" for part in parts),
        *(f"{part['written_bytes'] / 1e6:,.0f}" for part in parts),
    ]


def verdict(figures: Sequence[Record]) -> str:
    """Say what was asked of the largest night and of growth, and what was found."""
    first, last = figures[0], figures[-1]
    times, events = last["seconds"] / first["seconds"], last["events"] / first["events"]
    found = [
        (f"{last['seconds'] / 60:.1f} minutes (at most {MOST_SECONDS / 60:.0f})", last["seconds"] <= MOST_SECONDS),
        (f"{last['peak_bytes'] / 2**30:.1f} GB (at most {MOST_BYTES / 2**30:.0f})", last["peak_bytes"] <= MOST_BYTES),
        (f"{times:.1f} times the seconds for {events:.1f} times the events (at most {MOST_GROWTH:.0f})", times <= MOST_GROWTH),
    ]
    said = "; ".join(f"{figure}: {'reached' if reached else '**missed**'}" for figure, reached in found)
    return f"{_short(last['events'])} events, {last['served_bytes'] / 1e6:,.0f} MB of tables: {said}.\n"


def draw(figures: Sequence[Record], folder: Path, python: Path) -> None:
    """Draw the plots with the interpreter that has matplotlib."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(figures, file)
        file.flush()
        subprocess.run([str(python), "-m", "benchmarks.plots", file.name, str(folder)], cwd=nights.HERE, check=True)


def _short(events: int) -> str:
    """Write a number of events in two or three digits: 2.0M, 600k."""
    return f"{events / 1e6:.1f}M" if events >= 999_500 else f"{events / 1e3:.0f}k"


def _rounds(records: Sequence[Record]) -> str:
    n = 1 + max(record["round"] for record in records)
    return "one night of each size.\n" if n == 1 else f"medians of {n} nights of each size.\n"


if __name__ == "__main__":
    app()
