"""The best items of a block of users by a blend, exactly and in a total order, and what each model adds to their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.blend import Blend
from models.block_scores import Heard, Panel
from models.scorer import FAMILIES, Family, UserBlock

FEWEST_AT_ONCE = 16
"""Users that are ranked at once however little memory there is."""


@dataclass(frozen=True)
class Chosen:
    """What is recommended to a block of users, best first: score descending, then item ascending.

    items (block, k) are -1 where a list ran out; parts (models, block, k) is what each model adds, NaN where it abstains; user_speaks
    (models, block) says which models speak to whom.
    """

    items: NDArray[np.int32]
    parts: NDArray[np.float64]
    user_speaks: NDArray[np.bool_]


class Ranker(Protocol):
    """Chooses the best of what may be recommended to each user of a block, given what the models of its panel say to them."""

    panel: Panel
    blend: Blend

    def users_at_once(self, most_scores: int) -> int:
        """Return how many users a block should hold where so many scores may stand in memory."""
        ...

    def best(self, heard: Heard, seen: sp.csr_matrix, k: int) -> Chosen:
        """Choose the k best items that are recommendable and not among `seen`, (block, items)."""
        ...


def best_of(ranker: Ranker, users: UserBlock, seen: sp.csr_matrix, k: int) -> Chosen:
    """Ask a ranker's models about a block of users and choose; raises ScoreError where a model says what is no number."""
    return ranker.best(ranker.panel.hear(users), seen, k)


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


def allowed_items(seen: sp.csr_matrix, recommendable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark what may be recommended to each user of a block: recommendable and not seen by them; (block, items)."""
    allowed = np.broadcast_to(recommendable, seen.shape).copy()
    rows = np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))
    allowed[rows, seen.indices] = False
    return allowed
