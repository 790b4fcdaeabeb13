"""Judge ranked lists by what users went on to like: the whole catalogue ranked, every user counted once, no sampled metrics.

Written from the definitions and apart from the package's own metrics, so that the two check each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

KS = (10, 20)
AT = 10
"""Length of the list that MAP, MRR and coverage look at."""

RESAMPLES = 2000

PerUser = dict[str, NDArray[np.float64]]
"""Metric -> one value per user with targets, (judged,), users ascending."""


@dataclass(frozen=True)
class Difference:
    """Ours minus theirs, paired user by user: the mean, its standard error and the ends of a 95 % bootstrap interval."""

    mean: float
    standard_error: float
    low: float
    high: float


def per_user(lists: NDArray[np.integer], targets: sp.csr_matrix) -> PerUser:
    """Return recall and NDCG at 10 and 20, MAP at 10 and MRR at 10 of each user who has targets.

    lists (users, n) hold item places, best first, -1 where a list ended; targets (users, items) mark what was liked and held out. Recall
    divides by all targets, NDCG and MAP by the best that a list of this length could do. Lists shorter than a metric's k are legal.
    """
    judged = np.flatnonzero(np.diff(targets.indptr))
    n_targets = np.diff(targets.indptr)[judged]
    hit = _hits(np.asarray(lists)[judged], targets[judged])
    discount = 1 / np.log2(np.arange(2, max(KS) + 2))
    ideal = np.cumsum(discount)
    values: PerUser = {}
    for k in KS:
        values[f"recall@{k}"] = hit[:, :k].sum(axis=1) / n_targets
        values[f"ndcg@{k}"] = (hit[:, :k] * discount[: hit[:, :k].shape[1]]).sum(axis=1) / ideal[np.minimum(n_targets, k) - 1]
    first = hit[:, :AT]
    places = np.arange(1, first.shape[1] + 1)
    precision = np.cumsum(first, axis=1) / places
    values[f"map@{AT}"] = (precision * first).sum(axis=1) / np.minimum(n_targets, AT)
    values[f"mrr@{AT}"] = (first / places).max(axis=1, initial=0)
    return values


def summary(lists: NDArray[np.integer], targets: sp.csr_matrix) -> dict[str, float]:
    """Return the mean of each metric, standard errors, and the share of the catalogue that is shown.

    NDCG and recall at 10 have standard errors; shown is what stands in the first ten places of the judged users' lists.
    """
    values = per_user(lists, targets)
    means = {name: float(value.mean()) for name, value in values.items()}
    errors = {f"{name}_se": standard_error(values[name]) for name in ("ndcg@10", "recall@10")}
    shown = np.asarray(lists)[np.diff(targets.indptr) > 0, :AT]
    return {**means, **errors, f"coverage@{AT}": len(np.unique(shown[shown >= 0])) / targets.shape[1]}


def standard_error(values: NDArray[np.float64]) -> float:
    """Return how far a mean over these users may be off, one standard deviation."""
    return float(values.std() / np.sqrt(len(values)))


def paired(ours: NDArray[np.float64], theirs: NDArray[np.float64], seed: int = 0) -> Difference:
    """Compare two values per user, (users,) each in the same order; users are drawn, so what both find hard cancels out."""
    difference = ours - theirs
    rng = np.random.default_rng(seed)
    means = [difference[rng.integers(len(difference), size=len(difference))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return Difference(float(difference.mean()), standard_error(difference), float(low), float(high))


def faults(lists: NDArray[np.integer], seen: sp.csr_matrix) -> int:
    """Count the places of lists that hold an item their user has seen, or an item a second time."""
    n_faults = 0
    for user, row in enumerate(np.asarray(lists)):
        shown = row[row >= 0]
        n_faults += len(shown) - len(np.unique(shown))
        n_faults += int(np.isin(shown, seen.indices[seen.indptr[user] : seen.indptr[user + 1]]).sum())
    return n_faults


def _hits(lists: NDArray[np.integer], targets: sp.csr_matrix) -> NDArray[np.bool_]:
    """Mark the places of lists that hold a target; (judged, n)."""
    n_items = targets.shape[1]
    wanted = np.sort(np.repeat(np.arange(targets.shape[0]), np.diff(targets.indptr)) * n_items + targets.indices)
    shown = np.arange(len(lists))[:, None] * n_items + lists
    found = wanted[np.minimum(np.searchsorted(wanted, shown), len(wanted) - 1)] == shown
    return found & (lists >= 0)
