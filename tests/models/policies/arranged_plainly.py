"""A slow and plain version of `arrange` for one user: loops over Python values, written from the definitions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.policies.list_rules import Cap, ListRules


@dataclass
class OneList:
    """What one way of choosing gave: places in the order of choice, and the penalty and value of each when it was chosen."""

    places: list[int]
    penalties: list[float]
    values: list[float]


@dataclass
class Arranger:
    """One user's candidates: items and scores, best first, without padding; `least_score` is the minimum of the user's segment."""

    items: list[int]
    scores: list[float]
    least_score: float
    k: int
    rules: ListRules

    def __post_init__(self) -> None:
        self._values = [
            [set(cap.groups.indices[cap.groups.indptr[item] : cap.groups.indptr[item + 1]].tolist()) for item in self.items]
            for cap in self.rules.caps
        ]

    def arranged(self) -> tuple[list[int], list[float], list[int]]:
        """Return places and what is added, best first, and the reason of every candidate, -1 for the recommended."""
        free = self._chosen(quotas=False)
        kept = free
        for early in (False, True):
            tried = self._chosen(quotas=True, early=early)
            if self._lacking(tried) < self._lacking(kept):
                kept = tried
        rows = []
        by_value = sorted(zip(kept.places, kept.penalties, kept.values, strict=True), key=lambda row: -row[2])
        for at, (place, penalty, value) in enumerate(by_value):
            lifted = at < len(free.values) and free.values[at] > value
            added = free.values[at] - self.scores[place] if lifted else penalty
            rows.append((-(self.scores[place] + added), self.items[place], place, added))
        rows.sort()
        reasons = [self._reason(place, free, kept) for place in range(len(self.items))]
        return [row[2] for row in rows], [row[3] for row in rows], reasons

    def _chosen(self, quotas: bool, early: bool = False) -> OneList:
        chosen = OneList([], [], [])
        for rank in range(self.k):
            open_ = [place for place in range(len(self.items)) if self._may_stand(place, chosen.places)]
            if quotas:
                open_ = self._left_by_quotas(open_, chosen.places, self.k - rank, early)
            if not open_:
                break
            worth = {place: self.scores[place] + self._penalty(place, chosen.places) for place in open_}
            best = min(open_, key=lambda place: (-worth[place], place))
            chosen.penalties.append(self._penalty(best, chosen.places))
            chosen.values.append(worth[best])
            chosen.places.append(best)
        return chosen

    def _may_stand(self, place: int, chosen: list[int]) -> bool:
        return place not in chosen and self.scores[place] >= self.least_score and self._first_full_cap(place, chosen) is None

    def _first_full_cap(self, place: int, chosen: list[int]) -> Cap | None:
        for cap, values in zip(self.rules.caps, self._values, strict=True):
            for value in values[place]:
                if sum(value in values[other] for other in chosen) >= cap.most:
                    return cap
        return None

    def _penalty(self, place: int, chosen: list[int]) -> float:
        diversity = self.rules.diversity
        if diversity is None:
            return 0.0
        span = self.scores[0] - self.scores[min(self.k, len(self.scores)) - 1]
        own = diversity.vectors[self.items[place]]
        alike = [float(np.vecdot(own, diversity.vectors[self.items[other]])) for other in chosen]
        return 0.0 - diversity.strength * span * max([0.0, *alike])

    def _left_by_quotas(self, open_: list[int], chosen: list[int], places_left: int, early: bool) -> list[int]:
        claims = 0
        meets = dict.fromkeys(open_, 0)
        for quota in self.rules.quotas:
            lack = max(0, quota.least - sum(quota.items[self.items[place]] for place in chosen))
            theirs = [place for place in open_ if quota.items[self.items[place]]]
            claims += min(lack, len(theirs))
            for place in theirs if lack else []:
                meets[place] += 1
        required = max(claims - places_left + 1, 1 if early else 0)
        return [place for place in open_ if meets[place] >= min(required, max(meets.values()))]

    def _lacks(self, chosen: OneList) -> list[int]:
        return [max(0, quota.least - sum(bool(quota.items[self.items[at]]) for at in chosen.places)) for quota in self.rules.quotas]

    def _lacking(self, chosen: OneList) -> int:
        return sum(self._lacks(chosen))

    def _reason(self, place: int, free: OneList, kept: OneList) -> int:
        if place in kept.places:
            return -1
        if self.rules.minimum is not None and self.scores[place] < self.least_score:
            return self.rules.minimum.code
        if place in free.places:
            return self._code_of_quota(free, kept)
        full = len(free.places) == self.k and len(kept.places) == self.k
        if full and (-self.scores[place], place) > (-free.values[-1], free.places[-1]):
            return 0
        cap = self._first_full_cap(place, kept.places)
        if cap is not None:
            return cap.code
        if self._first_full_cap(place, free.places) is not None:
            return self._code_of_quota(free, kept)
        assert self.rules.diversity is not None, "only diversity passes over candidates that no rule bars"
        return self.rules.diversity.code

    def _code_of_quota(self, free: OneList, kept: OneList) -> int:
        gained = [
            quota.code
            for quota, before, after in zip(self.rules.quotas, self._lacks(free), self._lacks(kept), strict=True)
            if after < before
        ]
        return gained[0]
