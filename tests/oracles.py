"""Slow and plain versions of what the package computes fast: loops over Python values, written from the definitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2, prod

import numpy as np


def ranking_metrics_of_one(ranked: Sequence[int], targets: set[int], k: int) -> dict[str, float]:
    """Judge one list, best first, -1 padded, by walking down its first k places."""
    hits = [item in targets for item in ranked[:k] if item >= 0]
    reachable = min(len(targets), k)
    ranks = [rank for rank, hit in enumerate(hits, start=1) if hit]
    return {
        "hit_rate": float(bool(ranks)),
        "precision": len(ranks) / k,
        "recall": len(ranks) / len(targets),
        "ndcg": sum(1 / log2(rank + 1) for rank in ranks) / sum(1 / log2(rank + 1) for rank in range(1, reachable + 1)),
        "map": sum(nth / rank for nth, rank in enumerate(ranks, start=1)) / reachable,
        "mrr": 1 / ranks[0] if ranks else 0.0,
    }


def list_metrics_of_all(lists: Sequence[Sequence[int]], popularity: Sequence[int], recommendable: Sequence[bool]) -> dict[str, float]:
    """Judge all lists together; Gini by comparing every item with every other, novelty by adding up every place filled."""
    shown = [item for ranked in lists for item in ranked if item >= 0]
    catalogue = [item for item, offered in enumerate(recommendable) if offered]
    exposure = [shown.count(item) for item in catalogue]
    liked = [max(1, count) for count in popularity]
    alike = Counter(tuple(ranked) for ranked in lists if any(item >= 0 for item in ranked))
    return {
        "coverage": sum(count > 0 for count in exposure) / max(1, len(catalogue)),
        "reachable_coverage": min(len(shown), len(catalogue)) / max(1, len(catalogue)),
        "novelty": sum(-log2(liked[item] / sum(liked)) for item in shown) / max(1, len(shown)),
        "gini": sum(abs(a - b) for a in exposure for b in exposure) / max(1, 2 * len(catalogue) * sum(exposure)),
        "distinct_lists": len(alike) / max(1, alike.total()),
        "commonest_list": max(alike.values(), default=0) / max(1, alike.total()),
        "effective_items": prod((sum(exposure) / count) ** (count / sum(exposure)) for count in exposure if count) if shown else 0,
        "reachable_items": min(len(shown), len(catalogue)),
    }


def bootstrap_ends(values: Sequence[float], seed: int, resamples: int, confidence: float) -> tuple[float, float]:
    """Draw users one resample at a time and average whom was drawn."""
    rng = np.random.default_rng(seed)
    means = [sum(values[user] for user in rng.integers(len(values), size=len(values))) / len(values) for _ in range(resamples)]
    tail = (1 - confidence) / 2
    return float(np.quantile(means, tail)), float(np.quantile(means, 1 - tail))


@dataclass(frozen=True, order=True)
class Event:
    """One row of `models.holdout.Events`."""

    user: int
    item: int
    occurred_at: int
    positive: bool


@dataclass(frozen=True)
class Slices:
    """Where each event goes."""

    fit: set[Event]
    holdout: set[Event]
    users: set[int]


def last_days(events: Sequence[Event], day: int, min_users: int, max_share: float) -> tuple[int, Slices] | None:
    """Try every midnight, the latest first."""
    for number in range(max(event.occurred_at // day for event in events), min(event.occurred_at // day for event in events) - 1, -1):
        fit = {event for event in events if event.occurred_at < number * day}
        slices = _judge(fit, [event for event in events if event not in fit])
        if len(slices.users) >= min_users and len(events) - len(fit) <= max_share * len(events):
            return number * day, slices
    return None


def last_positive(events: Sequence[Event], min_history: int) -> Slices:
    """Walk back through each user's liked items, in the order in which the user met them."""
    fit, holdout, users = set(events), set[Event](), set[int]()
    for user in {event.user for event in events}:
        own = [event for event in events if event.user == user]
        met = {event.item: min(other.occurred_at for other in own if other.item == event.item) for event in own}
        liked = sorted((met[item], item) for item in {event.item for event in own if event.positive})
        if not liked:
            continue
        before = {event for event in own if (event.occurred_at, event.item) < liked[-1]}
        if len({event.item for event in before if event.positive}) < min_history:
            continue
        users.add(user)
        fit = fit - set(own) | before
        holdout |= {event for event in own if event.positive and event.item == liked[-1][1]}
    return Slices(fit, holdout, users)


def _judge(fit: set[Event], later: Sequence[Event]) -> Slices:
    warm = {event.user for event in fit if event.positive}
    seen = {(event.user, event.item) for event in fit}
    holdout = {event for event in later if event.positive and event.user in warm and (event.user, event.item) not in seen}
    return Slices(fit, holdout, {event.user for event in holdout})
