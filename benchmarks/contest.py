"""Run the rivals on a set: choose their parameters on the validation part, then learn from training and validation part together."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks import judge
from benchmarks.attributes import columns
from benchmarks.nights import HERE, known_items
from benchmarks.sets import BenchSet
from benchmarks.splits import TEST, TRAIN, VALIDATION

EASE_UP_TO_ITEMS = 12_000
"""Catalogue above which an item x item inverse takes gigabytes and minutes."""

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """What a rival recommended, (users, 20), with which parameters, and what it took."""

    name: str
    lists: NDArray[np.int32]
    parameters: Parameters
    seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Absent:
    """A rival that did not take part, and why."""

    name: str
    reason: str


def grid(name: str, bench_set: BenchSet) -> list[Parameters]:
    """Return the parameters a rival is tried with on the validation part; empty where it cannot take part."""
    factors = bench_set.factors
    tried: dict[str, dict[str, tuple[Any, ...]]] = {
        "popularity": {},
        "EASE": {"l2": bench_set.ease_l2},
        "implicit ALS": {"factors": (factors,), "alpha": (1.0, 5.0, 20.0), "regularization": (0.1, 1.0, 10.0), "iterations": (15,)},
        "implicit BPR": {"factors": (factors,), "learning_rate": (0.02, 0.05), "regularization": (0.001, 0.01, 0.05), "iterations": (100,)},
        "implicit bm25": {"K": (50, 200), "K1": (0.5, 1.2), "B": (0.2, 0.75)},
        "LightFM": {"no_components": (factors,), "learning_rate": (0.02, 0.05), "epochs": (15, 40)},
        "LightFM + attributes": {"no_components": (factors,), "learning_rate": (0.02, 0.05), "epochs": (15, 40), "attributes": (True,)},
    }
    values = tried[name]
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def contest(bench_set: BenchSet, part: NDArray[np.int8], name: str, folder: Path, python: str = sys.executable) -> Entry | Absent:
    """Tune one rival on the validation part, fit it on all but the test part, and return its lists."""
    if name == "EASE" and len(bench_set.likes.item_ids) > EASE_UP_TO_ITEMS:
        return Absent(name, f"{len(bench_set.likes.item_ids):,} items: the inverse would take too much memory and time")
    tried = grid(name, bench_set)
    if len(tried) > 1:
        targets = bench_set.likes.matrix(part == VALIDATION)
        scored = []
        job = _job(bench_set, part == TRAIN, folder / "train.npz")
        for parameters in tried:
            entry = _fit(name, job, folder, parameters, python)
            if isinstance(entry, Absent):
                return entry
            scored.append(judge.per_user(entry.lists, targets)["ndcg@10"].mean())
        tried = [tried[int(np.argmax(scored))]]
    return _fit(name, _job(bench_set, part < TEST, folder / "train_and_validation.npz"), folder, tried[0], python)


def item_features(bench_set: BenchSet, hidden: NDArray[np.bool_]) -> sp.csr_matrix | None:
    """Return the item attributes as columns, without what would tell who met the hidden; None where there are none; (items, columns)."""
    items = known_items(bench_set, bench_set.likes.frame[hidden])
    return None if items is None else columns(items, bench_set.likes.item_ids)


def _job(bench_set: BenchSet, rows: NDArray[np.bool_], file: Path) -> Path:
    """Write what a rival may learn from, once."""
    if not file.exists():
        likes, items = bench_set.likes.matrix(rows), item_features(bench_set, ~rows)
        parts = {"likes": likes} | ({} if items is None else {"items": items})
        np.savez(
            file, **{f"{name}_{of}": getattr(matrix, of) for name, matrix in parts.items() for of in ("data", "indices", "indptr", "shape")}
        )
    return file


def _fit(name: str, job: Path, folder: Path, parameters: Parameters, python: str) -> Entry | Absent:
    lists, measured = folder / "lists.npz", folder / "measured.json"
    inner = [python, "-m", "benchmarks.rivals", name, str(job), str(lists), json.dumps(parameters)]
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("measured.py")), str(measured), *inner]
    finished = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if finished.returncode == 3:
        return Absent(name, f"{json.loads(finished.stdout)['missing']} is not installed in {python}")
    if finished.returncode:
        return Absent(name, (finished.stderr.strip().splitlines() or ["failed without a word"])[-1])
    took, cost = json.loads(finished.stdout.splitlines()[-1]), json.loads(measured.read_text())
    with np.load(lists) as arrays:
        return Entry(name, arrays["lists"], parameters, took["fit_seconds"] + took["rank_seconds"], cost["peak_bytes"])
