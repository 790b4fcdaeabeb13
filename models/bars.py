"""Which columns of a block's scores are barred to whom: looked up pair by pair, or spread over a tile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.policies.limits import Limits


@dataclass(frozen=True)
class Bars:
    """What `Limits` say, told by columns; `n_columns` are scored.

    `key`, ascending, is user times columns plus column, of pairs that are barred for a reason `code`. `closed` (columns,) holds the codes
    of what nobody may be shown, `ineligible` (kinds, columns) those of what users of a kind may not be, `kind` (block,) being theirs.
    """

    n_columns: int
    key: NDArray[np.int64]
    code: NDArray[np.int8]
    closed: NDArray[np.int8] | None = None
    ineligible: NDArray[np.int8] | None = None
    kind: NDArray[np.intp] | None = None

    @classmethod
    def of_limits(cls, limits: Limits, columns: NDArray[np.intp], place: NDArray[np.intp]) -> Self:
        """Tell limits by columns: item `columns[c]` stands in column c, item i in column `place[i]`, -1 where it is not scored."""
        barred = limits.barred
        column = place[barred.indices]
        key = np.repeat(np.arange(barred.shape[0]), np.diff(barred.indptr)) * len(columns) + column
        code = barred.data
        if len(columns) < len(place):
            scored = column >= 0
            key, code = key[scored], code[scored]
        if not np.all(key[1:] > key[:-1]):
            order = np.argsort(key)
            key, code = key[order], code[order]
        closed = None if limits.closed is None else limits.closed[columns]
        ineligible = None if limits.ineligible is None else limits.ineligible[:, columns]
        return cls(len(columns), key, code, closed, ineligible, limits.kind)

    def of(self, users: NDArray[np.intp]) -> Self:
        """Return the bars of some users of the block, ascending, who are numbered anew."""
        low, high = (np.searchsorted(self.key, (users + more) * self.n_columns) for more in (0, 1))
        count = high - low
        at = np.repeat(low - (np.cumsum(count) - count), count) + np.arange(count.sum())
        key = self.key[at] + np.repeat((np.arange(len(users)) - users) * self.n_columns, count)
        return replace(self, key=key, code=self.code[at], kind=None if self.kind is None else self.kind[users])

    def of_kinds(self, users: NDArray[np.intp]) -> Self:
        """Return what bars some users, in any order, whoever they are: what holds for everybody or for their kind."""
        nothing = np.zeros(0, np.int64)
        return replace(self, key=nothing, code=nothing.astype(np.int8), kind=None if self.kind is None else self.kind[users])

    @property
    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return user and column of the pairs that are barred one by one."""
        return np.divmod(self.key, self.n_columns)

    def at(self, user: NDArray[np.intp], column: NDArray[np.intp]) -> NDArray[np.int8]:
        """Return the codes of some pairs, 0 of those that are not barred; where there are several reasons, the smallest code."""
        code = np.zeros(len(user), np.int8)
        if len(self.key):
            wanted = user * self.n_columns + column
            at = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
            met = self.key[at] == wanted
            code[met] = self.code[at[met]]
        if self.closed is not None:
            code = _smallest(code, self.closed[column])
        if self.ineligible is not None and self.kind is not None:
            code = _smallest(code, self.ineligible[self.kind[user], column])
        return code

    def mask(self, tile: NDArray[np.float32], columns: slice) -> None:
        """Put -inf where scores of some columns, (block, some columns), are barred."""
        start, stop, step = columns.indices(self.n_columns)
        user, column = self.pairs
        met = (column >= start) & (column < stop) & ((column - start) % step == 0)
        tile[user[met], (column[met] - start) // step] = -np.inf
        if self.closed is not None:
            tile[:, self.closed[columns] > 0] = -np.inf
        if self.ineligible is not None and self.kind is not None:
            for kind in np.unique(self.kind):
                rows = np.flatnonzero(self.kind == kind)
                tile[np.ix_(rows, np.flatnonzero(self.ineligible[kind, columns] > 0))] = -np.inf


def _smallest(one: NDArray[np.int8], other: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the smaller code of each pair, or the one that there is."""
    return np.where((one == 0) | ((other > 0) & (other < one)), other, one)
