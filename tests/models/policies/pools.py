"""Tiny pools and rules for lists: items 0 to 11, by hand or drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from hypothesis import strategies as st

from models.policies.arrange import Arranged, arrange
from models.policies.list_rules import Cap, Diversity, ListRules, Minimum, Quota

CAP, OTHER_CAP, QUOTA, OTHER_QUOTA, DIVERSITY, MINIMUM = range(3, 9)
N_ITEMS = 12
DIRECTIONS = np.array([[0, 0], [1, 0], [0, 1], [0.6, 0.8], [0.8, -0.6], [-1, 0]], np.float32)


def ladder(*scores: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pool of one user who is offered items 0, 1, 2, ... with these scores."""
    return np.arange(len(scores), dtype=np.int32)[None], np.array([scores]), np.zeros(1, np.intp)


def cap(values_of_items: list[set[int]], most: int, code: int = CAP) -> Cap:
    """Cap the values that items 0, 1, 2, ... have."""
    pairs = [(item, value) for item, values in enumerate(values_of_items) for value in sorted(values)]
    row, column = np.array(pairs, np.intp).reshape(-1, 2).T
    return Cap(sp.csr_matrix((np.ones(len(pairs), np.int8), (row, column)), shape=(len(values_of_items), 4)), most, code)


def quota(items: set[int], least: int, code: int = QUOTA) -> Quota:
    """Ask for so many of these items."""
    return Quota(np.isin(np.arange(N_ITEMS), sorted(items)), least, code)


@dataclass(frozen=True)
class World:
    """Pools of some users, the length of lists, and rules; small numbers, so that scores and similarities often equal each other."""

    items: np.ndarray
    scores: np.ndarray
    segment: np.ndarray
    k: int
    rules: ListRules

    def arranged(self, rules: ListRules | None = None, users: slice = slice(None)) -> Arranged:
        return arrange(self.items[users], self.scores[users], self.segment[users], self.k, self.rules if rules is None else rules)


scores_of = st.lists(st.sampled_from([-1.0, 0.0, 0.1, 0.5, 0.7, 1.0, 2.0]) | st.floats(-2, 2, width=32), min_size=N_ITEMS, max_size=N_ITEMS)
some_items = st.sets(st.integers(0, N_ITEMS - 1))
values_of = st.lists(st.sets(st.integers(0, 3), max_size=3), min_size=N_ITEMS, max_size=N_ITEMS)
value_of = st.lists(st.sets(st.integers(0, 3), max_size=1), min_size=N_ITEMS, max_size=N_ITEMS)
caps_of = st.builds(cap, values_of, st.integers(0, 3))
quotas_of = st.builds(quota, some_items, st.integers(1, 3))
directions_of = st.lists(st.integers(0, len(DIRECTIONS) - 1), min_size=N_ITEMS, max_size=N_ITEMS)


@st.composite
def list_rules(draw: st.DrawFn) -> ListRules:
    caps = draw(st.lists(caps_of, max_size=2))
    quotas = draw(st.lists(quotas_of, max_size=2))
    vectors = DIRECTIONS[draw(directions_of)]
    diversity = draw(st.sampled_from([0.0, 0.3, 1.0]))
    minimum = Minimum(np.array(draw(st.lists(st.sampled_from([-np.inf, 0, 0.5]), min_size=2, max_size=2)), np.float32), MINIMUM)
    return ListRules(
        caps=tuple(replace(one, code=code) for one, code in zip(caps, (CAP, OTHER_CAP), strict=False)),
        quotas=tuple(replace(one, code=code) for one, code in zip(quotas, (QUOTA, OTHER_QUOTA), strict=False)),
        diversity=Diversity(vectors, diversity, DIVERSITY) if diversity else None,
        minimum=minimum if draw(st.booleans()) else None,
    )


@st.composite
def worlds(draw: st.DrawFn, rules: st.SearchStrategy[ListRules] | None = None) -> World:
    """Draw up to four users with pools of different lengths; the longest is full, or there is padding behind all."""
    pools = []
    for offered, scored in draw(st.lists(st.tuples(some_items, scores_of), min_size=1, max_size=4)):
        pools.append(sorted((-scored[item], item) for item in offered))
    width = max(1, *(len(pool) for pool in pools)) + draw(st.integers(0, 1))
    items = np.full((len(pools), width), -1, np.int32)
    scores = np.full((len(pools), width), -np.inf, draw(st.sampled_from([np.float32, np.float64])))
    for user, pool in enumerate(pools):
        items[user, : len(pool)] = [item for _, item in pool]
        scores[user, : len(pool)] = [-score for score, _ in pool]
    # Rounded to float32, scores may equal each other that did not before: their order is by item then.
    order = np.lexsort((np.where(items < 0, N_ITEMS, items), -scores), axis=1)
    items, scores = np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)
    segment = np.array([draw(st.integers(0, 1)) for _ in pools])
    return World(items, scores, segment, draw(st.integers(1, 6)), draw(list_rules() if rules is None else rules))
