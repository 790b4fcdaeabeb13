"""Which items users are eligible for: users who may be shown the same items are of one kind, and there are few kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

CELLS_AT_ONCE = 1 << 24
"""Kinds times items that are worked out at a time: what is shared takes many bytes a cell, what comes of it one."""


@dataclass(frozen=True)
class Requirement:
    """Users may be shown a bound item only if they share a value with it.

    `users` (users, values) and `items` (items, values) mark the values of each; `bound` (items,) the items that ask for one, `exempt`
    (users,) the users of whom none is asked.
    """

    users: sp.csr_matrix
    items: sp.csr_matrix
    bound: NDArray[np.bool_]
    exempt: NDArray[np.bool_]
    code: int


@dataclass(frozen=True)
class Kinds:
    """The kind of each user, (users,), and one user of each kind, (kinds,)."""

    kind: NDArray[np.intp]
    member: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.member)


def kinds_of(requirements: Sequence[Requirement], n_users: int) -> Kinds:
    """Put users of one kind where no requirement tells them apart; values that no item has tell nobody apart."""
    kind = np.zeros(n_users, np.int64)
    for requirement in requirements:
        asked_for = np.flatnonzero(requirement.items.getnnz(axis=0))
        kind = _paired(kind, _alike(requirement.users[:, asked_for].tocsr()))
        kind = _paired(kind, requirement.exempt.astype(np.int64))
    _, member, kind = np.unique(kind, return_index=True, return_inverse=True)
    return Kinds(kind.astype(np.intp), member.astype(np.intp))


def ineligible_items(requirements: Sequence[Requirement], kinds: Kinds) -> NDArray[np.int8]:
    """Return the code of the first requirement that keeps an item from users of a kind, 0 where none does; (kinds, items)."""
    n_items = len(requirements[0].bound)
    found = np.zeros((len(kinds), n_items), np.int8)
    at_once = max(1, CELLS_AT_ONCE // max(1, n_items))
    for start in range(0, len(kinds), at_once):
        lot = slice(start, start + at_once)
        members = kinds.member[lot]
        for requirement in reversed(requirements):
            shared = (requirement.users[members] @ requirement.items.T).tocoo()
            refused = requirement.bound[None] & ~requirement.exempt[members][:, None]
            refused[shared.row, shared.col] = False
            found[lot][refused] = requirement.code
    return found


def _paired(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number pairs of numbers: the same number for the same pair."""
    pair = first * (int(second.max(initial=0)) + 1) + second
    return np.unique(pair, return_inverse=True)[1].astype(np.int64)


def _alike(marks: sp.csr_matrix) -> NDArray[np.int64]:
    """Number the rows of a matrix of marks: the same number for rows with the same marks, exactly and without a loop over rows."""
    marks.sort_indices()
    length = np.diff(marks.indptr)
    number = np.zeros(marks.shape[0], np.int64)
    # Rows are told apart place by place; those that have ended keep the number they had, and only rows of one length are compared.
    for place in range(int(length.max(initial=0))):
        longer = np.flatnonzero(length > place)
        entry = marks.indices[marks.indptr[longer] + place].astype(np.int64)
        number[longer] = _paired(number[longer], entry)
    return _paired(length.astype(np.int64), number)
