"""How fast a night is beside the script that people would write instead: one model, the same rows, whole processes in turn.

Both learn EASE from the same likes and write the best 100 items of everybody. The night also validates, evaluates, learns anew from
everything, is gated and publishes. Their lists are judged on the same held-out likes.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from cyclopts import App, Parameter

from benchmarks import judge, nights
from benchmarks.compare import alone
from benchmarks.nights import measured
from benchmarks.sets import SETS, BenchSet, SetMissingError
from benchmarks.sparse_world import SparseWorldConfig, sparse_world
from benchmarks.splits import TEST, Likes, split

app = App(name="speed", help=__doc__, help_format="plaintext")

K = 100
SCRIPT = Path(__file__).with_name("thirty_lines.py")


def ml_1m_shaped(_folder: Path | None) -> BenchSet:
    """Make up a set with the users, items and events of MovieLens-1M, whose licence keeps it from being fetched by a program."""
    world = sparse_world(SparseWorldConfig(n_users=6040, n_items=3700, n_pairs=1_000_000, n_topics=60, n_places=12, fewest=20))
    return BenchSet("ml-1m-shaped", Likes.of(world.interactions), "last_one_out", world.items)


KNOWN: dict[str, Callable[[Path | None], BenchSet]] = {
    "ml-100k": SETS["ml-100k"],
    "ml-1m-shaped": ml_1m_shaped,
    "goodbooks-10k": SETS["goodbooks-10k"],
}


@dataclass(frozen=True)
class Run:
    """What one whole process took, and how good its lists are; `steps` are the seconds of each step of a night."""

    seconds: float
    peak_bytes: int
    ndcg: float
    steps: dict[str, float]


@app.default
def speed(
    *,
    sets: Annotated[tuple[str, ...], Parameter(help=f"Which sets: {', '.join(KNOWN)}.")] = tuple(KNOWN),
    data: Annotated[Path | None, Parameter(help="Folder that holds a folder per set.", env_var="NIGHTLY_BENCH_DATA")] = None,
    rounds: Annotated[int, Parameter(help="Runs of each, in turn; medians count.")] = 3,
) -> int:
    """Time nights and the script in turn, and print medians, ratios and where the time goes."""
    for name in sets:
        try:
            bench_set = KNOWN[name](data / name if data and (data / name).is_dir() else None)
        except SetMissingError as missing:
            print(f"NOT MEASURED {missing}")
            continue
        with tempfile.TemporaryDirectory(prefix="bench-speed-") as folder:
            runs = [(script(bench_set, Path(folder)), night(bench_set, Path(folder) / f"night-{number}")) for number in range(rounds)]
        ours, theirs = (
            sorted(found, key=lambda run: run.seconds)[len(found) // 2] for found in ([b for _, b in runs], [a for a, _ in runs])
        )
        ratio = statistics.median(ours.seconds / theirs.seconds for theirs, ours in runs)
        for who, run in (("thirty lines", theirs), ("nightly", ours)):
            print(f"{name:<14} {who:<13} {run.seconds:7.1f} s  {run.peak_bytes / 2**30:5.2f} GB  NDCG@10 {run.ndcg:.4f}")
        print(f"{name:<14} ratio {ratio:.2f}; " + ", ".join(f"{step} {seconds:.1f}" for step, seconds in ours.steps.items()), flush=True)
    return 0


def script(bench_set: BenchSet, folder: Path) -> Run:
    """Run the script as a process and judge its lists."""
    rows = split(bench_set.likes, bench_set.protocol) < TEST
    source, target = folder / "likes.parquet", folder / "lists.parquet"
    bench_set.likes.frame.loc[rows, ["user_id", "item_id"]].to_parquet(source, index=False)
    finished, seconds, peak_bytes = measured([sys.executable, str(SCRIPT), str(source), str(target), str(K)], folder)
    if finished.returncode:
        raise RuntimeError(f"{SCRIPT.name}: {finished.stderr.strip().splitlines()[-1]}")
    return Run(seconds, peak_bytes, _ndcg(bench_set, pd.read_parquet(target)), {})


def night(bench_set: BenchSet, folder: Path) -> Run:
    """Run a night with the same model and judge its published lists."""
    rows = split(bench_set.likes, bench_set.protocol) < TEST
    settings = {**alone("ease"), "NIGHTLY__SCORE__K": str(K)}
    ran = nights.whole_night(bench_set, rows, folder, 42, nights.HERE, settings)
    if not ran.published:
        raise RuntimeError(f"{bench_set.name}: {ran.ending['ending']}: {ran.ending.get('reason')}")
    told = re.findall(r"(\w+): done in ([\d.]+) s", (folder / "night.log").read_text())
    return Run(ran.seconds, ran.peak_bytes, _ndcg(bench_set, ran.table("recommendations")), {step: float(took) for step, took in told})


def _ndcg(bench_set: BenchSet, table: pd.DataFrame) -> float:
    likes = bench_set.likes
    lists = nights.places(table, likes.user_ids, likes.item_ids)
    return float(judge.per_user(lists, likes.matrix(split(likes, bench_set.protocol) == TEST))["ndcg@10"].mean())


if __name__ == "__main__":
    app()
