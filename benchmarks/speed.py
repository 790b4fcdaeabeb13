"""How fast a night is beside the script that people would write instead: one model, the same rows, whole processes in turn.

Both learn EASE from the same likes and write the best 100 items of everybody. The night also validates, evaluates, learns anew from
everything, is gated and publishes. Their lists are judged on the same held-out likes.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from cyclopts import App, Parameter

from benchmarks import judge, nights, readme
from benchmarks.compare import alone
from benchmarks.nights import measured
from benchmarks.sets import SETS, BenchSet, SetMissingError
from benchmarks.sparse_world import SparseWorldConfig, sparse_world
from benchmarks.splits import TEST, Likes, split

app = App(name="speed", help=__doc__, help_format="plaintext")

K = 100
SCRIPT = Path(__file__).with_name("thirty_lines.py")

MOST_OF_NIGHT, MOST_OF_WORK = 2.0, 1.0
"""Times the script's whole process that a whole night may take, and its learning, scoring and writing, on all sets but ml-100k."""

NIGHT_IMPORTS = "import flows.cli, flows.nightly, great_expectations"
"""What a night without a network imports; where nothing else is to be done, this is what is left of it."""


def ml_1m_shaped(_folder: Path | None) -> BenchSet:
    """Make up a set with the users and items of MovieLens-1M, whose licence keeps it from being fetched by a program.

    Repeated choices left out, it has 678,598 likes; MovieLens-1M has 575,281 ratings of 4 and more.
    """
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

    @property
    def work_seconds(self) -> float:
        """What the script does and nothing else: learning from everything, which `refit` does where it runs, scoring and writing."""
        learning = "refit" if "refit" in self.steps else "train"
        return sum(self.steps[step] for step in (learning, "score"))


@dataclass(frozen=True)
class Round:
    """The script and the night, one after the other."""

    script: Run
    night: Run


@dataclass(frozen=True)
class Imports:
    """The seconds of a process that only imports what the script imports, and of one that imports what a night does."""

    script: float
    night: float


@app.default
def speed(
    *,
    sets: Annotated[tuple[str, ...], Parameter(help=f"Which sets: {', '.join(KNOWN)}.")] = tuple(KNOWN),
    data: Annotated[Path | None, Parameter(help="Folder that holds a folder per set.", env_var="NIGHTLY_BENCH_DATA")] = None,
    rounds: Annotated[int, Parameter(help="Runs of each, in turn; medians count.")] = 3,
    write: Annotated[bool, Parameter(negative="", help="Put the tables into benchmarks/README.md.")] = False,
) -> int:
    """Time nights and the script in turn, and print medians, ratios and where the time goes."""
    found: dict[str, list[Round]] = {}
    absent: list[str] = []
    for name in sets:
        try:
            bench_set = KNOWN[name](data / name if data and (data / name).is_dir() else None)
        except SetMissingError as missing:
            absent.append(f"Not measured: {missing}.\n")
            continue
        with tempfile.TemporaryDirectory(prefix="bench-speed-") as folder:
            found[name] = compared(bench_set, Path(folder), rounds)
    about = f"K = {K}, EASE; {'one round' if rounds == 1 else f'medians of {rounds} rounds'}.\n"
    parts = [about, *([ratios(found, imports(rounds)), where_the_time_goes(found)] if found else []), *absent]
    print("\n".join(parts))
    if write:
        readme.write("speed", *parts)
    return 0


def compared(bench_set: BenchSet, folder: Path, rounds: int) -> list[Round]:
    """Run the script and the night in turn; `folder` takes what they write."""
    found = []
    for number in range(rounds):
        found.append(Round(script(bench_set, folder), night(bench_set, folder / f"night-{number}")))
        last = found[-1]
        print(f"{bench_set.name}: thirty lines {last.script.seconds:.1f} s, night {last.night.seconds:.1f} s", file=sys.stderr, flush=True)
    return found


def script(bench_set: BenchSet, folder: Path) -> Run:
    """Run the script as a process and judge its lists."""
    rows = split(bench_set.likes, bench_set.protocol) < TEST
    source, target = folder / "likes.parquet", folder / "lists.parquet"
    bench_set.likes.frame.loc[rows, ["user_id", "item_id"]].to_parquet(source, index=False)
    finished, seconds, peak_bytes = measured([sys.executable, str(SCRIPT), str(source), str(target), str(K)], folder)
    if finished.returncode:
        raise RuntimeError(f"{SCRIPT.name}: {finished.stderr.strip().splitlines()[-1]}")
    return Run(seconds, peak_bytes, _ndcg(bench_set, pd.read_parquet(target)), {})


def script_imports() -> str:
    """Return the lines with which the script begins: what it imports."""
    return "\n".join(line for line in SCRIPT.read_text().splitlines() if line.startswith(("import ", "from ")))


def imports(rounds: int) -> Imports:
    """Return what importing takes, medians of rounds in turn."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = [[_process(code, Path(folder)) for code in (script_imports(), NIGHT_IMPORTS)] for _ in range(rounds)]
    return Imports(*map(statistics.median, zip(*seconds, strict=True)))


def _process(code: str, folder: Path) -> float:
    finished, seconds, _ = measured([sys.executable, "-c", code], folder)
    if finished.returncode:
        raise RuntimeError(f"{code}: {finished.stderr.strip().splitlines()[-1]}")
    return seconds


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


def night_ratio(rounds: Sequence[Round]) -> float:
    """Return how many times the script's process a whole night takes; the median of the rounds."""
    return statistics.median(found.night.seconds / found.script.seconds for found in rounds)


def work_ratio(rounds: Sequence[Round]) -> float:
    """Return how many times the script's process learning, scoring and writing take within a night; the median of the rounds."""
    return statistics.median(found.night.work_seconds / found.script.seconds for found in rounds)


def apart_ratio(rounds: Sequence[Round], imported: Imports) -> float:
    """Return what the whole night is of the script where imports are taken off both; the median of the rounds."""
    return statistics.median((found.night.seconds - imported.night) / max(found.script.seconds - imported.script, 0.01) for found in rounds)


def ratios(found: dict[str, list[Round]], imported: Imports) -> str:
    """Return a row a set: both in seconds, with imports apart, as ratios, in memory and in quality."""
    header = [
        *("set", "thirty lines: s", "of it importing", "night: s", "of it importing", f"night / lines (at most {MOST_OF_NIGHT:g})"),
        *("imports taken off both", "learn + score + write: s", f"of the lines (at most {MOST_OF_WORK:g})"),
        *("NDCG@10 lines / night", "peak GB lines / night"),
    ]
    rows = [[name, *_row(rounds, imported)] for name, rounds in found.items()]
    return readme.table(header, rows)


def _row(rounds: Sequence[Round], imported: Imports) -> list[str]:
    def median(of: Callable[[Round], float]) -> float:
        return statistics.median(map(of, rounds))

    return [
        f"{median(lambda found: found.script.seconds):.1f}",
        f"{imported.script:.1f}",
        f"{median(lambda found: found.night.seconds):.1f}",
        f"{imported.night:.1f}",
        f"{night_ratio(rounds):.2f}",
        f"{apart_ratio(rounds, imported):.2f}",
        f"{median(lambda found: found.night.work_seconds):.1f}",
        f"{work_ratio(rounds):.2f}",
        f"{rounds[0].script.ndcg:.4f} / {rounds[0].night.ndcg:.4f}",
        " / ".join(f"{median(lambda found, who=who: getattr(found, who).peak_bytes) / 2**30:.2f}" for who in ("script", "night")),
    ]


def where_the_time_goes(found: dict[str, list[Round]]) -> str:
    """Return a row a step with its median seconds on each set; what is no step is the start, the report and the end."""
    names = list(dict.fromkeys(step for rounds in found.values() for step in rounds[0].night.steps))
    rows = [[name, *(f"{_step(rounds, name):.1f}" for rounds in found.values())] for name in names]
    outside = [statistics.median(each.night.seconds - sum(each.night.steps.values()) for each in rounds) for rounds in found.values()]
    return readme.table(["step of the night: s", *found], [*rows, ["start, report, end", *(f"{seconds:.1f}" for seconds in outside)]])


def _step(rounds: Sequence[Round], name: str) -> float:
    return statistics.median(each.night.steps.get(name, 0.0) for each in rounds)


if __name__ == "__main__":
    app()
