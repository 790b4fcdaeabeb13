"""Run a night as a shop would: interactions into an inbox, `nightly run` as a process of its own, lists out of the published tables."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.sets import BenchSet

HERE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Night:
    """What a night cost and how it ended."""

    workspace: Path
    run_date: date
    ending: dict[str, Any]
    seconds: float
    peak_bytes: int

    @property
    def published(self) -> bool:
        return self.ending.get("ending") == "published"

    def table(self, name: str) -> pd.DataFrame:
        """Read one published table of this night."""
        return pd.read_parquet(self.workspace / "tables" / name / f"run_date={self.run_date}" / "part-0.parquet")

    def rankings(self) -> dict[str, float]:
        """Return the NDCG@10 of every ranking on the night's own holdout, best first, out of the metrics table."""
        metrics = self.table("metrics")
        metrics = metrics[metrics.ranking != "published"]  # lists of earlier nights
        of = metrics[(metrics.metric == "ndcg") & (metrics.segment == "__all__") & (metrics.k == 10)].sort_values("value", ascending=False)
        return {ranking: round(value, 4) for ranking, value in zip(of.ranking, of.value, strict=True)}

    def model_seconds(self) -> dict[str, list[float]]:
        """Return how long each model trained: on the part that is judged, then on everything; out of the log."""
        seconds: dict[str, list[float]] = {}
        for model, took in re.findall(r"(\w+): fitted in ([\d.]+) s", (self.workspace / "night.log").read_text()):
            seconds.setdefault(model, []).append(float(took))
        return seconds


def new_workspace(folder: Path, code: Path = HERE) -> Path:
    """Lay out a fresh workspace with `nightly init`."""
    subprocess.run([sys.executable, "-m", "flows.cli", "init", str(folder)], cwd=code, check=True, capture_output=True)
    return folder


def deliver(workspace: Path, run_date: date, **sources: pd.DataFrame | None) -> None:
    """Put one Parquet file per source into the inbox; a source of which nothing is known brings none."""
    for source, rows in sources.items():
        if rows is not None:
            rows.to_parquet(workspace / "inbox" / source / f"{source}-{run_date}.parquet", index=False)


def run(workspace: Path, run_date: date, settings: Mapping[str, str], code: Path = HERE) -> Night:
    """Run one night with the default configuration but for `settings` (NIGHTLY__... variables), and measure the whole process."""
    finished, seconds, peak_bytes = measured(night_command(workspace, run_date), workspace, settings, code)
    (workspace / "night.log").write_text(finished.stderr)
    return Night(workspace, run_date, ending_told(finished.stdout, finished.stderr), seconds, peak_bytes)


def ending_told(answer: str, log: str) -> dict[str, Any]:
    """Read how a night says that it ended; one that died without an answer failed, with the last line of its log."""
    try:
        told: dict[str, Any] = json.loads(answer)
    except json.JSONDecodeError:
        return {"ending": "failed", "reason": (log.strip().splitlines() or ["no output"])[-1]}
    return told


def night_command(workspace: Path, run_date: date) -> list[str]:
    """Return the command that runs a night and answers in JSON."""
    return [sys.executable, "-m", "flows.cli", "run", "--workspace", str(workspace), "--run-date", str(run_date), "--json"]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what is set around the bench, but of NIGHTLY__ settings only the given: a night is the default night wherever it runs."""
    around = os.environ.items()  # noqa: TID251  # handed on as it is
    return {name: value for name, value in around if not name.startswith("NIGHTLY__") and name != "PREFECT_API_URL"} | dict(settings)


def measured(
    command: list[str], folder: Path, settings: Mapping[str, str] | None = None, code: Path = HERE
) -> tuple[subprocess.CompletedProcess[str], float, int]:
    """Run a process with only these NIGHTLY__ settings; return how it ended, its seconds and its peak memory. `folder` takes a note."""
    note = folder / ".measured.json"
    outer = [sys.executable, "-I", "-S", str(Path(__file__).with_name("measured.py")), str(note), *command]
    finished = subprocess.run(outer, cwd=code, env=environment(settings or {}), capture_output=True, text=True, check=False)
    cost = json.loads(note.read_text())
    return finished, cost["seconds"], cost["peak_bytes"]


def places(table: pd.DataFrame, user_ids: NDArray[np.generic], item_ids: NDArray[np.generic]) -> NDArray[np.int32]:
    """Turn the published rows (user_id, rank, item_id) into item places, best first; (users, longest list), -1 where a list ended.

    Users who are not asked for are left out; an item that is not in the catalogue keeps its rank and counts as a miss.
    """
    user = pd.Index(user_ids).get_indexer(table.user_id)
    item = pd.Index(item_ids).get_indexer(table.item_id)
    lists = np.full((len(user_ids), int(table["rank"].max() or 0)), -1, np.int32)
    asked = user >= 0
    lists[user[asked], table["rank"].to_numpy()[asked] - 1] = item[asked]
    return lists


def known_items(bench_set: BenchSet, hidden: pd.DataFrame) -> pd.DataFrame | None:
    """Return the item attributes a night may see: no tag that a user gave to an item of theirs that is held out.

    `hidden` are the (user_id, item_id) held out.
    """
    if bench_set.items is None or bench_set.tags is None:
        return bench_set.items
    told = bench_set.tags.merge(hidden[["user_id", "item_id"]], how="left", indicator=True)
    tags = told[told._merge == "left_only"].assign(tag=lambda rows: rows.tag.str.lower().str.replace("|", " "))
    joined = tags.drop_duplicates(["item_id", "tag"]).groupby("item_id").tag.agg("|".join).rename("tags")
    return bench_set.items.merge(joined, how="left", on="item_id")


def whole_night(
    bench_set: BenchSet, rows: NDArray[np.bool_], folder: Path, seed: int, code: Path, settings: Mapping[str, str], show_tags: bool = False
) -> Night:
    """Deliver the marked likes of a set, and all its attributes, into a fresh workspace, and run its night.

    `show_tags` also delivers the tags that users gave to items of theirs that are held out.
    """
    workspace = new_workspace(folder, code)
    frame = bench_set.likes.frame
    columns = [name for name in ("user_id", "item_id", "occurred_at") if name in frame]
    deliver(
        workspace,
        bench_set.run_date,
        interactions=frame.loc[rows, columns],
        items=known_items(bench_set, frame[~rows] if not show_tags else frame[:0]),
        users=bench_set.users,
    )
    return run(workspace, bench_set.run_date, {"NIGHTLY__SEED": str(seed), **settings}, code)
