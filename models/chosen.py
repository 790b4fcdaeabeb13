"""The best items of a block of users by a blend, exactly and in a total order, and what each model adds to their scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.blend import Blend
from models.block_scores import Heard, Panel
from models.policies.limits import Limits
from models.ragged import padded
from models.scorer import FAMILIES, Family, UserBlock

FEWEST_AT_ONCE = 16
"""Users that are ranked at once however little memory there is."""


@dataclass(frozen=True)
class Chosen:
    """What is recommended to a block of users, best first: score descending, then item ascending.

    items (block, k) are -1 where a list ran out; parts (models, block, k) is what each model adds, NaN where it abstains, and policy
    (block, k) what policies do; user_speaks (models, block) says which models speak to whom.
    """

    items: NDArray[np.int32]
    parts: NDArray[np.float64]
    policy: NDArray[np.float64]
    user_speaks: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Reach:
    """The items within reach of each user of a block, in no order, and how to score them exactly.

    items (block, most of a user) are -1 behind the last; scores are float32, boosts included; codes are those of the reasons that bar an
    item, 0 where none does. `parts_of` returns what each model adds to some items, (block, places) -> (models, block, places), NaN where
    it abstains. user_speaks (models, block) says which models speak to whom.
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    codes: NDArray[np.int8]
    limits: Limits
    parts_of: Callable[[NDArray[np.int32]], NDArray[np.float64]]
    user_speaks: NDArray[np.bool_]

    def policy_of(self, items: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return what boosts add to the scores of some items of each user; (block, places)."""
        boosts = self.limits.boosts
        return np.zeros(items.shape) if boosts is None else boosts.at(items)

    def best(self, families: tuple[Family, ...], k: int) -> Chosen:
        """Choose the k best items of each user that nothing bars, by the score that is published."""
        allowed = (self.codes == 0) & (self.items >= 0)
        row, place = np.nonzero(allowed)
        return self.ordered(padded(row, self.items[row, place], len(allowed), -1, k), families, k)

    def ordered(self, items: NDArray[np.int32], families: tuple[Family, ...], k: int, added: NDArray[np.float64] | None = None) -> Chosen:
        """Score some items of each user, (block, places) or -1, exactly, `added` to what models say, and return the k best."""
        parts, policy = self.parts_of(items), self.policy_of(items)
        if added is not None:
            policy = policy + added
        total = np.where(items >= 0, published_scores(parts, families) + policy, -np.inf)
        order = ranking(total, items)[:, :k]
        items, policy = np.take_along_axis(items, order, axis=1), np.take_along_axis(policy, order, axis=1)
        return Chosen(items, np.take_along_axis(parts, order[None], axis=2), np.where(items >= 0, policy, 0.0), self.user_speaks)


class Ranker(Protocol):
    """Chooses the best of what may be recommended to each user of a block, given what the models of its panel say to them."""

    panel: Panel
    blend: Blend

    def users_at_once(self, most_scores: int) -> int:
        """Return how many users a block should hold where so many scores may stand in memory."""
        ...

    def reach(self, heard: Heard, limits: Limits, k: int, n_all: int = 0) -> Reach:
        """Find what may be among the k best items of each user that limits allow, and the `n_all` best whatever they allow."""
        ...


def best(ranker: Ranker, heard: Heard, limits: Limits, k: int) -> Chosen:
    """Choose the k best items of each user that limits allow, by the score that is published."""
    return ranker.reach(heard, limits, k).best(ranker.blend.families, k)


def best_unseen(ranker: Ranker, heard: Heard, seen: sp.csr_matrix, k: int) -> Chosen:
    """Choose the k best items that a ranker scores and that are not among `seen`, (block, items)."""
    return best(ranker, heard, Limits.by_what_was_seen(seen), k)


def best_of(ranker: Ranker, users: UserBlock, seen: sp.csr_matrix, k: int) -> Chosen:
    """Ask a ranker's models about a block of users and choose; raises ScoreError where a model says what is no number."""
    return best_unseen(ranker, ranker.panel.hear(users), seen, k)


def fitting(most_scores: int, per_user: int, best: int) -> int:
    """Return how many users fit into memory, `best` at most, and some in any case: fewer cost more time than they save memory."""
    return min(best, max(FEWEST_AT_ONCE, most_scores // max(1, per_user)))


def by_family(parts: NDArray[np.float64], families: tuple[Family, ...]) -> NDArray[np.float64]:
    """Add the contributions of a family's models; (models, ...) -> (families, ...), NaN where all of them abstain."""
    found = np.full((len(FAMILIES), *parts.shape[1:]), np.nan)
    for number, family in enumerate(FAMILIES):
        for model in np.flatnonzero([of == family for of in families]):
            silent = np.isnan(found[number])
            found[number] = np.where(silent, parts[model], found[number] + np.where(np.isnan(parts[model]), 0, parts[model]))
    return found


def summed(families: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up the families in their order, as anybody who reads the table would; (families, ...) -> (...)."""
    return np.asarray(np.nansum(families, axis=0))


def published_scores(parts: NDArray[np.float64], families: tuple[Family, ...]) -> NDArray[np.float64]:
    """Return the scores that are published, given what each model adds; (models, ...) -> (...)."""
    return summed(by_family(parts, families))


def ranking(total: NDArray[np.float64], items: NDArray[np.int32]) -> NDArray[np.intp]:
    """Order each row by score descending, then item ascending; (block, places).

    Few rows hold a score twice: only these are sorted by two keys, which takes several times as long.
    """
    order = np.argsort(-total, axis=1)
    ranked = np.take_along_axis(total, order, axis=1)
    tied = np.flatnonzero(((ranked[:, 1:] == ranked[:, :-1]) & (ranked[:, 1:] > -np.inf)).any(axis=1))
    order[tied] = np.lexsort((items[tied], -total[tied]), axis=1)
    return order


def listed_in(items: NDArray[np.int32], lists: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Mark which items of each user, (block, places), stand in the user's list, (block, k)."""
    found = np.zeros(items.shape, np.bool_)
    for column in lists.T:
        found |= items == column[:, None]
    return found


def allowed_items(seen: sp.csr_matrix, recommendable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark what may be recommended to each user of a block: recommendable and not seen by them; (block, items)."""
    allowed = np.broadcast_to(recommendable, seen.shape).copy()
    rows = np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))
    allowed[rows, seen.indices] = False
    return allowed
