"""What policies say of everybody, as arrays; a block of users is cut from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.policies.limits import REASONS, SEEN, UNAVAILABLE, Boosts, Limits, Reason
from models.policies.list_rules import ListRules

MOST_CODES = 127
"""Codes of reasons stay below this: they are kept in bytes with a sign."""


@dataclass(frozen=True)
class Policies:
    """Who may be shown what and why not, what is added to scores, and what holds for lists as a whole.

    A code is a place in `reasons`. `closed` (items,) int8 holds the code of what nobody may be shown, 0 elsewhere; `barred` (users, items)
    int8 what a user has seen, blocks and the like; `ineligible` (kinds, items) int8 what users of each kind may not be shown, `kind`
    (users,) being theirs. `boosts.users` is (users, rules). Where several reasons speak against an item, the smallest code is kept.
    """

    reasons: tuple[Reason, ...]
    closed: NDArray[np.int8]
    barred: sp.csr_matrix
    ineligible: NDArray[np.int8] | None = None
    kind: NDArray[np.intp] | None = None
    boosts: Boosts | None = None
    lists: ListRules = field(default_factory=ListRules)

    @classmethod
    def without_rules(cls, seen: sp.csr_matrix, recommendable: NDArray[np.bool_]) -> Self:
        """Bar what users have met, (users, items), and what is not recommendable, (items,); nothing else is asked for."""
        return cls(REASONS, np.where(recommendable, 0, UNAVAILABLE).astype(np.int8), by_smallest_code([(seen, SEEN)]))

    def only(self, users: NDArray[np.intp]) -> Policies:
        """Return the same for some users alone, in little memory: of all others nothing is known any more."""
        barred = self.barred[users]
        counts = np.zeros(self.barred.shape[0], np.intp)
        order = np.argsort(users)
        counts[users] = np.diff(barred.indptr)
        barred = barred[order]
        kept = sp.csr_matrix((barred.data, barred.indices, np.r_[0, np.cumsum(counts)]), shape=self.barred.shape)
        return replace(self, barred=kept)

    def of(self, users: slice | NDArray[np.intp]) -> Limits:
        """Return what holds for a block of users, by number."""
        return Limits(self.barred, self.closed if self.closed.any() else None, self.ineligible, self.kind, self.boosts).of(users)


def by_smallest_code(causes: Sequence[tuple[sp.csr_matrix, int]]) -> sp.csr_matrix:
    """Bring together what bars users from items, (users, items) each with a code; of several the smallest stands; int8."""
    found: sp.csr_matrix | None = None
    for pairs, code in causes:
        # The union of two matrices keeps the greater entry, so codes count downwards meanwhile.
        entries = np.full(len(pairs.indices), MOST_CODES - code, np.int8)
        marked = sp.csr_matrix((entries, pairs.indices, pairs.indptr), shape=pairs.shape)
        found = marked if found is None else found.maximum(marked)
    if found is None:
        raise ValueError("what was seen is always among the causes")
    found.data = (MOST_CODES - found.data).astype(np.int8)
    return found
