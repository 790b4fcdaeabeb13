"""Fill the lists of a block of users place by place, each place with the best candidate that no rule keeps out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.policies.list_rules import Cap, Diversity, ListRules, Minimum, Quota
from models.ragged import place_in_row


@dataclass(frozen=True)
class Pool:
    """Candidates of some users, (users, pool) each, best first: `shown` marks those that a list may hold, `absent` those that are there."""

    items: NDArray[np.int32]
    scores: NDArray[np.float64]
    shown: NDArray[np.bool_]

    @classmethod
    def of(cls, items: NDArray[np.int32], scores: NDArray[np.floating], segment: NDArray[np.integer], minimum: Minimum | None) -> Self:
        """Take the candidates that reach the minimum of the user's segment, (users,); items of -1 are none, whatever they score."""
        known = np.where(items >= 0, scores, 0.0).astype(np.float64)
        shown = items >= 0
        if minimum is not None:
            shown = shown & (known >= minimum.score[segment][:, None])
        return cls(items, known, shown)

    def at(self, users: NDArray[np.intp]) -> Self:
        """Return the candidates of some of the users."""
        return replace(self, items=self.items[users], scores=self.scores[users], shown=self.shown[users])


@dataclass(frozen=True)
class Filled:
    """Lists as they were filled, (users, k) each, in the order of choice.

    `place` is the place in the pool, -1 behind the last; `penalty` what diversity takes from the score at the moment of choice, 0 or
    less; `value` the score less that penalty, -inf behind the last. `capped` (users, pool) has the code of the first cap that the list
    has used up for a candidate, 0 where there is none.
    """

    place: NDArray[np.intp]
    penalty: NDArray[np.float64]
    value: NDArray[np.float64]
    capped: NDArray[np.int8]

    def listed(self) -> NDArray[np.bool_]:
        """Mark the candidates that the lists hold; (users, pool)."""
        marked = np.zeros(self.capped.shape, np.bool_)
        user, rank = np.nonzero(self.place >= 0)
        marked[user, self.place[user, rank]] = True
        return marked

    def with_lists_of(self, users: NDArray[np.intp], other: Filled) -> Filled:
        """Return these lists, those of some users exchanged for others."""
        exchanged = Filled(self.place.copy(), self.penalty.copy(), self.value.copy(), self.capped.copy())
        exchanged.place[users], exchanged.penalty[users] = other.place, other.penalty
        exchanged.value[users], exchanged.capped[users] = other.value, other.capped
        return exchanged

    def at(self, users: NDArray[np.intp] | NDArray[np.bool_]) -> Filled:
        """Return the lists of some of the users."""
        return Filled(self.place[users], self.penalty[users], self.value[users], self.capped[users])


def fill(pool: Pool, k: int, rules: ListRules, quotas: Sequence[Quota] = (), early: bool = False) -> Filled:
    """Fill lists of k places, each with the candidate of the largest value that may stand there; ties go to the earlier in the pool.

    Values never rise from one place to the next as long as quotas leave the choice free: what may be chosen only grows less, and what a
    candidate loses to diversity only grows. Only the given quotas are kept, either in the last places that are enough for them or, if
    `early`, in the first ones, before better items use up the caps of theirs.
    """
    users = np.arange(len(pool.items))
    tallies = [Tally(cap, pool.items) for cap in rules.caps]
    likeness = None if rules.diversity is None else Likeness(rules.diversity, pool, k)
    claims = Claims(quotas, pool.items, early) if quotas else None
    place = np.full((len(users), k), -1)
    penalty = np.zeros((len(users), k))
    value = np.where(pool.shown, pool.scores, -np.inf)
    values = np.full((len(users), k), -np.inf)
    for rank in range(min(k, pool.items.shape[1])):
        for tally in tallies:
            np.put(value, tally.used_up(), -np.inf)
        best = (value if claims is None else claims.narrowed(value, k - rank)).argmax(axis=1)
        found = np.flatnonzero(value[users, best] > -np.inf)
        chosen = best[found]
        place[found, rank] = chosen
        values[found, rank] = value[found, chosen]
        value[found, chosen] = -np.inf
        for tally in tallies:
            tally.count(found * pool.items.shape[1] + chosen)
        if claims is not None:
            claims.settle(found, chosen)
        if likeness is not None:
            penalty[found, rank] = likeness.penalty[found, chosen]
            likeness.compare_with(best)
            value = np.where(value > -np.inf, pool.scores + likeness.penalty, -np.inf)
    capped = np.zeros(pool.items.shape, np.int8)
    for tally in reversed(tallies):
        np.put(capped, tally.used_up(), tally.code)
    return Filled(place, penalty, values, capped)


class Tally:
    """How many items of each list have each value of a cap, and which candidates have a value that is used up."""

    def __init__(self, cap: Cap, items: NDArray[np.int32]) -> None:
        self.code, self._most = cap.code, cap.most
        user, place = np.nonzero(items >= 0)
        rows = cap.groups[items[user, place]]
        n_values = np.diff(rows.indptr)
        values = np.repeat(user * cap.groups.shape[1], n_values) + rows.indices
        _, value, candidates = np.unique(values, return_inverse=True, return_counts=True)
        # A value that too few candidates have is never used up: of sellers, say, hardly one is left to look at.
        scarce = candidates[value] > cap.most
        self._value = value[scarce]
        self._candidate = np.repeat(user * items.shape[1] + place, n_values)[scarce]
        self._begin = np.searchsorted(self._candidate, np.arange(items.size + 1))
        self._count = np.zeros(len(candidates), np.int32)

    def count(self, chosen: NDArray[np.intp]) -> None:
        """Count one more item in some users' lists, each a candidate numbered through (users, pool)."""
        n_values = self._begin[chosen + 1] - self._begin[chosen]
        self._count[self._value[np.repeat(self._begin[chosen], n_values) + place_in_row(n_values)]] += 1

    def used_up(self) -> NDArray[np.intp]:
        """Return the candidates that have a value which a list must not hold once more, numbered likewise."""
        return self._candidate[self._count[self._value] >= self._most]


class Likeness:
    """What every candidate loses, `penalty` (users, pool), by resembling what its list holds so far."""

    def __init__(self, diversity: Diversity, pool: Pool, k: int) -> None:
        users = np.arange(len(pool.items))
        last = np.maximum(np.minimum((pool.items >= 0).sum(axis=1), k), 1) - 1
        self._weight = diversity.strength * (pool.scores[:, :1] - pool.scores[users, last][:, None])
        self._vectors = diversity.vectors[pool.items]
        self._nearest = np.zeros(pool.items.shape, np.float32)
        self.penalty = np.zeros(pool.items.shape)

    def compare_with(self, chosen: NDArray[np.intp]) -> None:
        """Compare all candidates with the one of each user that was chosen last, (users,)."""
        cosine = np.vecdot(self._vectors, self._vectors[np.arange(len(chosen)), chosen][:, None])
        np.maximum(self._nearest, cosine, out=self._nearest)
        self.penalty = 0 - self._weight * self._nearest


class Claims:
    """How many items each quota lacks in each list, and who may have the next place so that it still gets them."""

    def __init__(self, quotas: Sequence[Quota], items: NDArray[np.int32], early: bool) -> None:
        self._theirs = np.stack([quota.items[items] for quota in quotas])
        self._lacks = np.repeat([[quota.least] for quota in quotas], len(items), axis=1)
        self._early = early

    def narrowed(self, value: NDArray[np.float64], places_left: int) -> NDArray[np.float64]:
        """Return the values of candidates, (users, pool), those set to -inf that would take a place from the quotas.

        Of a quota's claim counts what its candidates can meet. As long as there are more places than claims, everybody may stand;
        once there are as many, only who meets a claim; and where there are fewer, who meets several.
        """
        meets = self._theirs & (self._lacks > 0)[:, :, None] & (value > -np.inf)
        claims = np.minimum(self._lacks, meets.sum(axis=2)).sum(axis=0)
        met = meets.sum(axis=0)
        required = np.maximum(claims - places_left + 1, int(self._early))
        return np.where(met >= np.minimum(required, met.max(axis=1))[:, None], value, -np.inf)

    def settle(self, users: NDArray[np.intp], chosen: NDArray[np.intp]) -> None:
        """Strike out the claims that the candidates chosen for some users meet."""
        self._lacks[:, users] = np.maximum(self._lacks[:, users] - self._theirs[:, users, chosen], 0)
