"""Measure one set: its nights, one a seed, then the rivals on the same rows, then every paired difference."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks import judge, nights
from benchmarks.contest import Absent, contest
from benchmarks.rivals import RIVALS
from benchmarks.sets import BenchSet
from benchmarks.splits import TEST, split

OURS = "nightly"
COMPARED = ("ndcg@10", "recall@10")

Result = dict[str, Any]
"""One finding; `kind` says which: set, lists, difference, night, cold or absent."""


@dataclass(frozen=True)
class Plan:
    """What is run and where: `code` holds the flows, tasks and models that run the nights, `python` the rivals' packages."""

    work: Path
    code: Path = nights.HERE
    python: str = sys.executable
    seeds: tuple[int, ...] = (1, 2, 3)
    rivals: tuple[str, ...] = tuple(RIVALS)
    settings: Mapping[str, str] = field(default_factory=dict)
    """NIGHTLY__SECTION__KEY -> value; none is the default night."""

    def fresh(self, *parts: str) -> Path:
        """Return a folder in which nothing of an earlier run lies; it does not exist, its parent does."""
        folder = self.work.joinpath(*parts)
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        return folder


def alone(model: str) -> dict[str, str]:
    """Return the settings of a night in which one model ranks; what is popular is there for those whom it does not know."""
    return {"NIGHTLY__TRAIN__MODELS": json.dumps(list(dict.fromkeys([model, "popularity"]))), "NIGHTLY__BLEND__METHOD": model}


def compare(bench_set: BenchSet, plan: Plan, singles: bool) -> Iterator[Result]:
    """Judge the nights of a set and its rivals on the test part; with `singles`, nights of each model alone as well."""
    part = split(bench_set.likes, bench_set.protocol)
    targets = bench_set.likes.matrix(part == TEST)
    yield {"kind": "set", "set": bench_set.name, **size(bench_set, targets)}
    ours: list[judge.PerUser] = []
    models: list[str] = []
    for seed in plan.seeds:
        results, lists = judged_night(bench_set, part, plan, seed, OURS, {})
        yield from results
        if lists is not None:
            ours.append(judge.per_user(lists, targets))
            models = [model for result in results for model in result.get("model_seconds", {})] or models
    for model in models if singles else ():
        results, lists = judged_night(bench_set, part, plan, plan.seeds[0], f"only {model}", alone(model))
        yield from (result for result in results if result["kind"] != "night")
        if lists is not None:
            yield from differences(bench_set.name, f"only {model}", ours, judge.per_user(lists, targets))
    for name in plan.rivals:
        results, lists = judged_rival(bench_set, part, plan, name)
        yield from results
        if lists is not None and ours:
            yield from differences(bench_set.name, name, ours, judge.per_user(lists, targets))


def judged_night(
    bench_set: BenchSet, part: NDArray[np.int8], plan: Plan, seed: int, system: str, settings: Mapping[str, str]
) -> tuple[list[Result], NDArray[np.int32] | None]:
    """Run one night and judge its published lists; None for the lists of a night that published nothing."""
    folder = plan.fresh(bench_set.name, f"{system.replace(' ', '-')}-{seed}")
    night = nights.whole_night(bench_set, part < TEST, folder, seed, plan.code, {**plan.settings, **settings})
    about = {"set": bench_set.name, "system": system, "seed": seed, "seconds": night.seconds, "peak_bytes": night.peak_bytes}
    if not night.published:
        return [{"kind": "absent", **about, "reason": f"{night.ending['ending']}: {night.ending.get('reason')}"}], None
    lists = nights.places(night.table("recommendations"), bench_set.likes.user_ids, bench_set.likes.item_ids)
    told = {"model_seconds": night.model_seconds(), "rankings": night.rankings(), "reason": night.ending["reason"]}
    return [_judged(about, lists, bench_set, part), {"kind": "night", **about, **told}], lists


def judged_rival(bench_set: BenchSet, part: NDArray[np.int8], plan: Plan, name: str) -> tuple[list[Result], NDArray[np.int32] | None]:
    """Tune, fit and judge one rival; None for the lists of one that could not take part."""
    folder = plan.fresh(bench_set.name, "rival")
    folder.mkdir()
    entry = contest(bench_set, part, name, folder, plan.python)
    about: Result = {"set": bench_set.name, "system": name}
    if isinstance(entry, Absent):
        return [{"kind": "absent", **about, "reason": entry.reason}], None
    about |= {"seconds": entry.seconds, "peak_bytes": entry.peak_bytes, "parameters": entry.parameters}
    return [_judged(about, entry.lists, bench_set, part)], entry.lists


def differences(set_name: str, system: str, ours: Sequence[judge.PerUser], theirs: judge.PerUser) -> Iterator[Result]:
    """Yield our mean over seeds minus what another system reaches, paired user by user, for each compared metric."""
    for metric in COMPARED if ours else ():
        mean = np.mean([values[metric] for values in ours], axis=0)
        found = asdict(judge.paired(mean, theirs[metric]))
        theirs_mean = float(theirs[metric].mean())
        yield {
            "kind": "difference",
            "set": set_name,
            "system": system,
            "metric": metric,
            "seeds": len(ours),
            "theirs": theirs_mean,
            **found,
        }


def size(bench_set: BenchSet, targets: sp.csr_matrix) -> Result:
    """Return how large a set is and what is known beside its likes."""
    likes = bench_set.likes
    known = [name for name in ("items", "users", "tags") if getattr(bench_set, name) is not None]
    judged = int(np.count_nonzero(np.diff(targets.indptr)))
    sizes = {"users": len(likes.user_ids), "items": len(likes.item_ids), "likes": len(likes.frame), "judged_users": judged}
    return {**sizes, "protocol": bench_set.protocol, "attributes_of": known}


def _judged(about: Result, lists: NDArray[np.int32], bench_set: BenchSet, part: NDArray[np.int8]) -> Result:
    seen = bench_set.likes.matrix(part < TEST)
    return {"kind": "lists", **about, **judge.summary(lists, bench_set.likes.matrix(part == TEST)), "faults": judge.faults(lists, seen)}
