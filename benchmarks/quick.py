"""Guard the speed of ranking and of whole nights, as ratios to rivals in the same run: exits 1 when one is missed by more than SLACK.

A small form of scoring.py and speed.py. Other work on a machine only ever takes time away, so the best round counts, and what is missed is
measured once more: what has become slower is slower in its best round, too.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from benchmarks import scoring, speed

app = App(name="quick", help=__doc__, help_format="plaintext")

SLACK = 1.3
"""How far a ratio may be above its limit: times vary by a fifth from run to run."""


@dataclass(frozen=True)
class Limit:
    """What a ratio of ours to a rival's is held to: `must` is what was asked for, `reached` what was measured where that is more."""

    must: float
    reached: float | None = None
    why: str = ""

    @property
    def held_to(self) -> float:
        return self.must if self.reached is None else max(self.must, self.reached)


RANKING = {
    "bare product": Limit(1.7, 2.8, "finding the best takes as long as the product: decision 0014"),
    "faiss, seen kept": Limit(0.8, 1.35, "it leaves nothing out and explains nothing"),
    "implicit": Limit(0.25, 0.5, "as for the bare product"),
}
"""Contender -> limit of our seconds over its, for the exact best 100 of 20,000 items."""

NIGHT = Limit(speed.MOST_OF_NIGHT, 5.2, "starting, staging and validating cost more than EASE on a million likes")
WORK = Limit(speed.MOST_OF_WORK)
"""Limits of a whole night over the thirty lines, and of its learning, scoring and writing, on the likes of speed.ml_1m_shaped."""

LIMITS = {
    **{f"ranking / {name}": limit for name, limit in RANKING.items()},
    "night / thirty lines": NIGHT,
    "learn + score + write / thirty lines": WORK,
}

Ratios = Mapping[str, float]
"""Name of a limit -> our seconds over the rival's."""


@app.default
def quick(
    *,
    users: Annotated[int, Parameter(help="Users that are ranked for.")] = 20_000,
    rounds: Annotated[int, Parameter(help="Rounds of ranking, in turn; the best counts.")] = 2,
    nights: Annotated[int, Parameter(help="Rounds of nights and scripts, in turn.")] = 1,
    rivals_python: Annotated[Path, Parameter(help="Interpreter that has faiss and implicit.")] = Path(".venv/bench/bin/python"),
) -> int:
    """Measure, compare with the limits, and exit 1 where one does not hold."""
    return guard((lambda: ranking(users, rounds, rivals_python), lambda: nights_beside_lines(nights)))


def guard(measures: Sequence[Callable[[], Ratios]], limits: Mapping[str, Limit] = LIMITS) -> int:
    """Measure, and what is missed once more; print every ratio beside its limit, and return 1 where the best of both is missed."""
    missed = []
    for measure in measures:
        ratios = measure()
        if told(ratios, limits):
            print("Missed; measured once more:")
            again = measure()
            missed += told({name: min(ratio, again[name]) for name, ratio in ratios.items()}, limits)
    for name in missed:
        print(f"MISSED: {name} by more than {SLACK} times its limit", file=sys.stderr)
    return 1 if missed else 0


def told(ratios: Ratios, limits: Mapping[str, Limit]) -> list[str]:
    """Print ratios beside their limits and return the names of those that are missed."""
    for name, ratio in ratios.items():
        limit = limits[name]
        short = f"; asked for {limit.must:g}, not reached: {limit.why}" if limit.held_to > limit.must else ""
        print(f"{name:<38} {ratio:6.2f}  limit {limit.held_to:g} x {SLACK}{short}", flush=True)
    # A ratio that is not a number is missed, too.
    return [name for name, ratio in ratios.items() if not ratio <= limits[name].held_to * SLACK]


def ranking(n_users: int, rounds: int, rivals_python: Path) -> Ratios:
    """Return our seconds over those of every rival that ranks, of the best round.

    Raises RuntimeError where a rival is not installed and for lists that are not the best ones.
    """
    found = scoring.timed(["ours", *RANKING], n_users, rounds, rivals_python)
    if found["ours"].wrong:
        raise RuntimeError(f"{found['ours'].wrong} of {scoring.CHECKED} lists are not the best there are")
    return {f"ranking / {name}": min(a / b for a, b in zip(found["ours"].seconds, found[name].seconds, strict=True)) for name in RANKING}


def nights_beside_lines(rounds: int) -> Ratios:
    """Return the seconds of a night, and of what it shares with the script, over those of the script."""
    with tempfile.TemporaryDirectory(prefix="bench-quick-") as folder:
        found = speed.compared(speed.ml_1m_shaped(None), Path(folder), rounds)
    return {"night / thirty lines": speed.night_ratio(found), "learn + score + write / thirty lines": speed.work_ratio(found)}


if __name__ == "__main__":
    app()
