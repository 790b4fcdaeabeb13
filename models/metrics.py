"""Judge ranked lists: user by user against what each went on to like, and all together for what the catalogue gets to show.

Lists are (users, list length) item numbers, best first, -1 where a list ran out; no item stands in one list twice. Targets are a
(users, items) matrix whose stored entries are the items a user is known to like. The whole catalogue is ranked; nothing is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Metric = Literal["hit_rate", "precision", "recall", "ndcg", "map", "mrr"]
METRICS: tuple[Metric, ...] = get_args(Metric)

USERS_AT_ONCE = 65_536
"""Users judged at a time, so that a million lists need no more memory than these."""


def judged_users(targets: sp.csr_matrix) -> NDArray[np.intp]:
    """Return the users that count, those with at least one target; (judged,), ascending."""
    return np.flatnonzero(np.diff(targets.indptr))


def ranking_metrics(items: NDArray[np.int32], targets: sp.csr_matrix, k: int) -> dict[Metric, NDArray[np.float64]]:
    """Return every metric at k of every list; items (users, list length), targets (users, items), each result (users,) in 0..1.

    Recall divides by all targets of the user; MAP and the ideal behind NDCG by min(targets, k), what a perfect list can reach.
    Every user needs a target: keep the rows `judged_users` names.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if items.shape[0] != targets.shape[0]:
        raise ValueError(f"lists are of {items.shape[0]} users, targets of {targets.shape[0]}")
    if items.size and not -1 <= items.min() <= items.max() < targets.shape[1]:
        raise ValueError(f"lists name items outside -1..{targets.shape[1] - 1}: {items.min()} to {items.max()}")
    targets = targets.copy()
    targets.sum_duplicates()
    per_user: dict[Metric, NDArray[np.float64]] = {name: np.empty(len(items)) for name in METRICS}
    for start in range(0, len(items), USERS_AT_ONCE):
        block = slice(start, start + USERS_AT_ONCE)
        n_targets = np.diff(targets[block].indptr)
        if not n_targets.all():
            raise ValueError("users without targets cannot be judged; keep the rows judged_users names")
        for name, values in _block_metrics(hits_of(items[block, :k], targets[block]), n_targets, k).items():
            per_user[name][block] = values
    return per_user


def hits_of(items: NDArray[np.int32], targets: sp.csr_matrix) -> NDArray[np.bool_]:
    """Mark the places of each list that hold a target; items (users, places), targets (users, items), sorted within users, one at least."""
    n_users, n_items = targets.shape
    base = np.arange(n_users, dtype=np.int64) * n_items
    wanted = np.repeat(base, np.diff(targets.indptr)) + targets.indices  # ascending: rows in order, sorted within
    shown = base[:, None] + items
    place = np.minimum(np.searchsorted(wanted, shown), len(wanted) - 1)
    # A padded place would point at the last item of the user before.
    hits: NDArray[np.bool_] = (wanted[place] == shown) & (items >= 0)
    return hits


def _block_metrics(hits: NDArray[np.bool_], n_targets: NDArray[np.integer], k: int) -> dict[Metric, NDArray[np.float64]]:
    n_hits = hits.sum(axis=1)
    rank = np.arange(1, hits.shape[1] + 1)
    reachable = np.minimum(n_targets, k)
    ideal = np.cumsum(1 / np.log2(np.arange(2, k + 2)))
    # Added in rank order like the ideal: a perfect list is then worth exactly 1, and none is worth more.
    gain = np.cumsum(hits / np.log2(rank + 1), axis=1)[:, -1]
    precision_at_hits = np.cumsum(hits, axis=1) / rank * hits
    return {
        "hit_rate": (n_hits > 0).astype(np.float64),
        "precision": n_hits / k,
        "recall": n_hits / n_targets,
        "ndcg": gain / ideal[reachable - 1],
        "map": precision_at_hits.sum(axis=1) / reachable,
        "mrr": np.where(n_hits > 0, 1 / (hits.argmax(axis=1) + 1), 0.0),
    }


@dataclass(frozen=True)
class ListMetrics:
    """What many lists are like together, whoever likes them; shares are in 0..1."""

    coverage: float
    """Share of the recommendable catalogue that somebody is shown."""
    reachable_coverage: float
    """The most that coverage can be with this many places to fill: few users cannot show a large catalogue."""
    novelty: float
    """Mean self-information of what is shown, in bits: -log2 of an item's share of all positives."""
    gini: float
    """Inequality of exposure among recommendable items: 0 shows all alike, towards 1 shows only one."""
    distinct_lists: float
    """Number of different lists as a share of the users who have one; order counts."""
    commonest_list: float
    """Share of the users with a list who are given the most common one."""
    effective_items: float
    """How many items would give exposure the same entropy, were they all shown equally often; k where everybody is shown the same."""
    reachable_items: int
    """The most items that this many places can show."""


def list_metrics(items: NDArray[np.int32], k: int, popularity: NDArray[np.integer], recommendable: NDArray[np.bool_]) -> ListMetrics:
    """Measure the first k places of all lists; popularity counts positives per item, (items,); recommendable marks items, (items,)."""
    shown = items[:, :k]
    exposure = np.bincount(shown[shown >= 0], minlength=len(recommendable))
    offered = exposure[recommendable]
    n_offered = max(1, len(offered))
    reachable = min(len(offered), int(exposure.sum()))
    n_alike = _lists_alike(shown)
    n_lists = max(1, int(n_alike.sum()))
    return ListMetrics(
        coverage=int(np.count_nonzero(offered)) / n_offered,
        reachable_coverage=reachable / n_offered,
        novelty=_novelty(exposure, popularity),
        gini=_gini(offered),
        distinct_lists=len(n_alike) / n_lists,
        commonest_list=int(n_alike.max(initial=0)) / n_lists,
        effective_items=_effective(offered),
        reachable_items=reachable,
    )


def _lists_alike(items: NDArray[np.int32]) -> NDArray[np.intp]:
    """Count how many users are given each of the different lists; empty lists do not count."""
    lists = items[(items >= 0).any(axis=1)]
    return np.unique(lists, axis=0, return_counts=True)[1]


def _novelty(exposure: NDArray[np.integer], popularity: NDArray[np.integer]) -> float:
    """Average -log2 of the popularity share over all places filled; an item nobody has liked yet counts as liked once."""
    if not exposure.any():
        return 0.0
    liked = np.maximum(popularity, 1)
    return float(-(exposure * np.log2(liked / liked.sum())).sum() / exposure.sum())


def _effective(exposure: NDArray[np.integer]) -> float:
    """Return the exponential of the entropy of exposure; 0 when nothing is shown."""
    share = exposure[exposure > 0] / max(1, exposure.sum())
    return float(np.exp(-(share * np.log(share)).sum())) if len(share) else 0.0


def _gini(exposure: NDArray[np.integer]) -> float:
    """Return half the mean difference between two items' exposure, relative to the mean exposure; 0 when nothing is shown."""
    if not exposure.any():
        return 0.0
    n_items = len(exposure)
    order = 2 * np.arange(1, n_items + 1) - n_items - 1
    return float((order * np.sort(exposure)).sum() / (n_items * exposure.sum()))
