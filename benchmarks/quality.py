"""How good the published lists are, beside rivals that learned from the same rows.

A line per result as it comes; --write puts the tables into benchmarks/README.md. What is missing is said and left out.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from benchmarks import readme
from benchmarks.cold import cold
from benchmarks.compare import OURS, Plan, Result, compare
from benchmarks.readme import METRICS, quality_tables
from benchmarks.sets import SETS, BenchSet, SetMissingError

app = App(name="quality", help=__doc__, help_format="plaintext")

NONE = "none"


@app.default
def quality(
    *,
    sets: Annotated[tuple[str, ...], Parameter(help=f"Which sets: {', '.join(SETS)}.")] = tuple(SETS),
    data: Annotated[Path | None, Parameter(help="Folder that holds a folder per set.", env_var="NIGHTLY_BENCH_DATA")] = None,
    ml_100k: Annotated[Path | None, Parameter(help="Folder of ml-100k.inter; fetched with pip where it is nowhere.")] = None,
    ml_latest_small: Annotated[Path | None, Parameter(help="Folder of ratings.csv, movies.csv, tags.csv.")] = None,
    goodbooks_10k: Annotated[Path | None, Parameter(help="Folder of ratings and books, .parquet or .csv.")] = None,
    rivals: Annotated[tuple[str, ...], Parameter(help=f"Which rivals: {', '.join(Plan.rivals)}; or {NONE}.")] = Plan.rivals,
    rivals_python: Annotated[str, Parameter(help="Interpreter that has the rivals.")] = Plan.python,
    seeds: Annotated[tuple[int, ...], Parameter(help="One night for each.")] = Plan.seeds,
    singles: Annotated[tuple[str, ...], Parameter(help="Sets on which every model has a night alone.")] = ("ml-100k",),
    cold_start: Annotated[tuple[str, ...], Parameter(help="Sets on which new items and new users are measured.")] = (
        "ml-100k",
        "ml-latest-small",
        "shop",
    ),
    setting: Annotated[tuple[str, ...], Parameter(help="NIGHTLY__SECTION__KEY=VALUE for all nights; none is the default night.")] = (),
    code: Annotated[Path, Parameter(help="Folder whose flows, tasks and models run the nights.")] = Plan.code,
    work: Annotated[Path | None, Parameter(help="Where workspaces go and stay; default: a temporary folder.")] = None,
    out: Annotated[Path | None, Parameter(help="Add each result to this file, one JSON object a line.")] = None,
    write: Annotated[bool, Parameter(negative="", help="Put the tables into benchmarks/README.md.")] = False,
) -> int:
    """Judge the nights of every set and the rivals beside them."""
    given = {"ml-100k": ml_100k, "ml-latest-small": ml_latest_small, "goodbooks-10k": goodbooks_10k}
    chosen = tuple(rival for rival in rivals if rival != NONE)
    settings = dict(pair.split("=", 1) for pair in setting)
    plan = Plan(work or Path(tempfile.mkdtemp(prefix="bench-quality-")), code.resolve(), rivals_python, seeds, chosen, settings)
    results = []
    for name in sets:
        for result in _results(name, given.get(name) or _inside(data, name), plan, name in singles, name in cold_start):
            print(line(result), flush=True)
            results.append(result)
            if out:
                with out.open("a") as file:
                    file.write(json.dumps(result) + "\n")
    if write:
        readme.write("quality", quality_tables(results))
    return 0


def line(result: Result) -> str:
    """Say a result in one line."""
    who = f"{result['set']:<16} {result.get('system', ''):<21}" + (f" seed {result['seed']}" if "seed" in result else "")
    match result["kind"]:
        case "absent":
            return f"NOT MEASURED {who} {result.get('what', '')}: {result['reason']}"
        case "lists":
            metrics = "  ".join(f"{name} {result[name]:.4f}" for name in METRICS)
            faults = f"  {result['faults']} FAULTS: seen or repeated items" if result["faults"] else ""
            return (
                f"{who} {metrics}  {result['seconds']:.1f} s  {result['peak_bytes'] / 2**30:.2f} GB  {result.get('parameters', '')}{faults}"
            )
        case "difference":
            ends = f"{result['low']:+.4f} to {result['high']:+.4f}, standard error {result['standard_error']:.4f}"
            return f"{who} {OURS} minus this, {result['metric']}: {result['mean']:+.4f} ({ends})"
        case kind:
            return f"{who} {kind}: " + json.dumps(
                {key: value for key, value in result.items() if key not in ("kind", "set", "system", "seed")}
            )


def _results(name: str, folder: Path | None, plan: Plan, singles: bool, cold_start: bool) -> Iterator[Result]:
    try:
        bench_set: BenchSet = SETS[name](folder)
    except SetMissingError as missing:
        yield {"kind": "absent", "set": name, "system": "the whole set", "reason": str(missing)}
        return
    yield from compare(bench_set, plan, singles)
    if cold_start:
        yield from cold(bench_set, plan)


def _inside(data: Path | None, name: str) -> Path | None:
    return data / name if data and (data / name).is_dir() else None


if __name__ == "__main__":
    app()
