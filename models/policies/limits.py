"""What policies say before anything is ranked: what a user may not be shown, and why, and what is added to scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Cause = Literal[
    "rank",
    "seen",
    "unavailable",
    "blocked",
    "own_item",
    "ineligible",
    "tired_of",
    "below_minimum",
    "capped",
    "diversified",
    "displaced",
]


class Reason(NamedTuple):
    """Why a candidate is not recommended, and the setting that says so, such as `caps.genres`; empty for rank and seen items."""

    cause: Cause
    rule: str = ""


SCORED_LESS = 0
"""The code of the reason of a candidate that nothing keeps from a list but better ones."""

REASONS = (Reason("rank"), Reason("seen", "seen"), Reason("unavailable", "available"))
"""The reasons that there are without any policy; what a rule adds is numbered on from here."""

SEEN, UNAVAILABLE = 1, 2


@dataclass(frozen=True)
class Boosts:
    """What rules add to scores: the product of what each rule means to a user, (block, rules), and to an item, (items, rules)."""

    users: NDArray[np.float32]
    items: NDArray[np.float32]

    def at(self, items: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return what is added to the scores of some items of each user, (block, places); -1 stands for any item."""
        return np.vecdot(self.items[items].astype(np.float64), self.users[:, None].astype(np.float64))


@dataclass(frozen=True)
class Limits:
    """What may not be shown to a block of users, by the code of the reason, 0 where nothing speaks against it.

    `barred` (block, items) int8 holds what a user has seen, blocks and the like; `closed` (items,) int8 what nobody may be shown;
    `ineligible` (kinds, items) int8 what users of each kind may not be shown, `kind` (block,) being theirs. They are None where there are
    no such rules. `boosts` are added to scores.
    """

    barred: sp.csr_matrix
    closed: NDArray[np.int8] | None = None
    ineligible: NDArray[np.int8] | None = None
    kind: NDArray[np.intp] | None = None
    boosts: Boosts | None = None

    @classmethod
    def by_what_was_seen(cls, seen: sp.csr_matrix) -> Self:
        """Bar what users have met, (block, items), and nothing else."""
        codes = np.full(len(seen.indices), SEEN, np.int8)
        return cls(sp.csr_matrix((codes, seen.indices, seen.indptr), shape=seen.shape))

    def of(self, rows: slice | NDArray[np.intp]) -> Limits:
        """Return what limits some users of the block."""
        return Limits(
            self.barred[rows],
            self.closed,
            self.ineligible,
            None if self.kind is None else self.kind[rows],
            None if self.boosts is None else replace(self.boosts, users=self.boosts.users[rows]),
        )
