"""What the second night costs: a workspace that knows the past gets the newest hundredth, beside a first night on everything.

The log is cut by whole days: the past, then the shortest run of days with at least a hundredth of the events, delivered as a new file
on its last date, then as many again that no night sees; by those the published lists of both nights are judged, user by user.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from cyclopts import App, Parameter

from benchmarks import judge, nights, readme
from benchmarks.made_up import large_shop, made_up
from benchmarks.splits import Likes
from benchmarks.steps import Watched, watch

app = App(name="second_night", help=__doc__, help_format="plaintext")

SHARE = 0.01
SETTINGS = {"NIGHTLY__SCORE__K": "100"}

MOST_OF_FULL = 0.5
"""The share of a full night's seconds that the second night may take."""


@dataclass(frozen=True)
class Cut:
    """A log in three: what the first night knows, what the second gets besides, what both are judged by; whole days each."""

    past: pd.DataFrame
    new: pd.DataFrame
    later: pd.DataFrame


@dataclass(frozen=True)
class Round:
    """The nights of one round, and NDCG@10 of the later two, user by user."""

    first: Watched
    second: Watched
    full: Watched
    ndcg_second: np.ndarray[Any, Any]
    ndcg_full: np.ndarray[Any, Any]


@app.default
def second_night(
    *,
    pairs: int = 2_000_000,
    users: int = 140_000,
    items: int = 27_000,
    rounds: Annotated[int, Parameter(help="Three nights each; medians count.")] = 1,
    worlds: Annotated[Path | None, Parameter(help="Folder where made-up logs are kept; default: a temporary one.")] = None,
    write: Annotated[bool, Parameter(negative="", help="Put the table into benchmarks/README.md.")] = False,
) -> int:
    """Run the three nights of each round, and print what they took."""
    with tempfile.TemporaryDirectory(prefix="bench-second-night-") as scratch:
        log = made_up(large_shop(pairs, users, items), worlds or Path(scratch) / "worlds")
        cut = cut_by_days(pd.read_parquet(log.interactions))
        catalogue = pd.read_parquet(log.items)
        found = [one_round(cut, catalogue, Path(scratch) / str(number)) for number in range(rounds)]
    sizes = (
        f"{len(cut.past):,} events of the past and {len(cut.new):,} new ones; {users:,} users, {items:,} items, K = 100, default models; "
    )
    about = f"{sizes}{'one round' if rounds == 1 else f'medians of {rounds} rounds'}.\n"
    print(about + "\n" + as_table(found) + "\n" + verdict(found))
    if write:
        readme.write("second night", about, as_table(found), verdict(found))
    return 0


def cut_by_days(interactions: pd.DataFrame) -> Cut:
    """Cut a log into the past, the newest days but as many, and these; raises ValueError where a day is too large for three parts."""
    day = interactions.occurred_at.dt.floor("D")
    of_day = day.value_counts().sort_index()
    from_end = of_day[::-1].cumsum()
    later = from_end.index[np.argmax(from_end.to_numpy() >= SHARE * len(day))]
    before = from_end[from_end.index < later] - from_end[later]
    if not (before >= SHARE * len(day)).any() or len(before) < 2:
        raise ValueError(f"expected a log of many days; found {len(of_day)}, too few to cut off a hundredth twice")
    new = before.index[np.argmax(before.to_numpy() >= SHARE * len(day))]
    return Cut(interactions[day < new], interactions[(day >= new) & (day < later)], interactions[day >= later])


def one_round(cut: Cut, catalogue: pd.DataFrame, folder: Path) -> Round:
    """Let one workspace have its first night and its second, another everything at once."""
    folder.mkdir()
    growing, fresh = (nights.new_workspace(folder / name) for name in ("growing", "fresh"))
    nights.deliver(growing, last_day(cut.past), interactions=cut.past, items=catalogue)
    first = published(growing, last_day(cut.past))
    nights.deliver(growing, last_day(cut.new), interactions=cut.new)
    second = published(growing, last_day(cut.new))
    nights.deliver(fresh, last_day(cut.past), interactions=cut.past, items=catalogue)
    nights.deliver(fresh, last_day(cut.new), interactions=cut.new)
    full = published(fresh, last_day(cut.new))
    return Round(first, second, full, ndcg(second.night, cut.later), ndcg(full.night, cut.later))


def published(workspace: Path, run_date: date) -> Watched:
    """Watch a night; raises RuntimeError where it publishes nothing."""
    watched = watch(workspace, run_date, SETTINGS)
    if not watched.night.published:
        raise RuntimeError(f"{workspace.name}, {run_date}: {watched.night.ending['ending']}: {watched.night.ending.get('reason')}")
    print(f"{workspace.name:<8} {run_date} {watched.seconds:9.1f} s {watched.peak_bytes / 2**30:6.2f} GB", flush=True)
    return watched


def last_day(interactions: pd.DataFrame) -> date:
    """Return the day of the newest event, whose night is the first to know them all."""
    newest = interactions.occurred_at.max()
    return date(newest.year, newest.month, newest.day)


def ndcg(night: nights.Night, later: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return NDCG@10 of the published lists, by what each user went on to like; users ascending, those without a list count 0."""
    likes = Likes.of(later)
    lists = nights.places(night.table("recommendations"), likes.user_ids, likes.item_ids)
    return judge.per_user(lists, likes.matrix(np.ones(len(likes.frame), np.bool_)))["ndcg@10"]


def as_table(rounds: Sequence[Round]) -> str:
    """Return a row a step and one of all: median seconds of the three nights, the second's share of the full one, peaks."""
    trios = [(found.first, found.second, found.full) for found in rounds]
    by_name = [[{step.name: step for step in watched.steps} for watched in trio] for trio in trios]
    rows = []
    for name in dict.fromkeys(step.name for trio in trios for step in (*trio[0].steps, *trio[1].steps)):
        seconds = [statistics.median(trio[n][name].seconds if name in trio[n] else 0.0 for trio in by_name) for n in range(3)]
        peaks = [max(trio[n][name].peak_bytes if name in trio[n] else 0 for trio in by_name) for n in (1, 2)]
        rows.append([name, *_cells(seconds, peaks)])
    whole = [statistics.median(trio[n].seconds for trio in trios) for n in range(3)]
    rows.append(["**the night**", *_cells(whole, [max(trio[n].peak_bytes for trio in trios) for n in (1, 2)])])
    header = ["step", "first night: s", "second night: s", "full night: s", "second of full", "second: peak GB", "full: peak GB"]
    return readme.table(header, rows)


def _cells(seconds: Sequence[float], peaks: Sequence[int]) -> list[str]:
    share = f"{seconds[1] / seconds[2]:.2f}" if seconds[2] >= 0.05 else ""
    return [*(f"{value:.1f}" for value in seconds), share, *(f"{peak / 2**30:.2f}" for peak in peaks)]


def verdict(rounds: Sequence[Round]) -> str:
    """Say what share of a full night the second takes, and whether its lists are as good."""
    share = statistics.median(found.second.seconds / found.full.seconds for found in rounds)
    second, full = (np.mean([getattr(found, f"ndcg_{name}") for found in rounds], axis=0) for name in ("second", "full"))
    paired = judge.paired(second, full)
    reached = "reached" if share <= MOST_OF_FULL else "**missed**"
    quality = (
        f"NDCG@10 on later likes of {len(second):,} users: {second.mean():.4f} after the second night, {full.mean():.4f} after the full one"
    )
    return (
        f"The second night takes {share:.2f} of a full one (at most {MOST_OF_FULL}: {reached}). {quality}; "
        f"paired difference {paired.mean:+.4f}, 95 % interval {paired.low:+.4f} to {paired.high:+.4f}.\n"
    )


if __name__ == "__main__":
    app()
