"""Approximate search: look only into the cells of items that promise a user most.

What is found is then scored exactly, as everything else is; only what lies in other cells can be missed. How much that is has to be
measured against looking everywhere.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from models.rough_scores import RoughScores
from models.tiles import looked_at_as_a_whole, padded_rows
from models.top_k import top_k, within_reach

MOST_OF_PROBES = 4
"""Times the number of cells a user is meant to look into that are looked into where they are small."""

MOST_OF_MEAN = 4
"""Times the mean size that a cell may have before it is cut: one cell that holds half of a catalogue would be no choice."""


class CellSearch:
    """Finds places within reach among `probes` cells a user.

    vectors (columns, width) are those of the columns, cell (columns,) says which lie close together; columns of a cell stand side by side
    within a group of columns, from one of `bounds` to the next.
    """

    def __init__(self, vectors: NDArray[np.float32], cell: NDArray[np.intp], bounds: NDArray[np.intp], probes: int) -> None:
        changes = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]]) if len(cell) else np.zeros(0, np.intp)
        starts = np.union1d(changes, bounds[:-1])
        longest = MOST_OF_MEAN * max(1, len(cell) // max(1, len(starts)))
        self.starts = np.union1d(starts, _cuts(starts, len(cell), longest))
        self.sizes = np.diff(np.r_[self.starts, len(cell)])
        self.probes = min(probes, len(self.starts))
        self.group = np.searchsorted(bounds, self.starts, side="right") - 1
        self.middles = np.add.reduceat(vectors, self.starts) / self.sizes[:, None].astype(np.float32)

    @property
    def n_cells(self) -> int:
        """Count the cells."""
        return len(self.starts)

    @property
    def scores_of_user(self) -> int:
        """Return about how many scores of a user are computed."""
        return self.probes * int(self.sizes.sum()) // max(1, len(self.sizes))

    def places(self, scores: RoughScores, k: int) -> NDArray[np.intp]:
        """Return columns that may be among each user's k best exact scores, -1 behind the last; (block, most, k or more).

        Whoever would get fewer than k that way is looked at as a whole.
        """
        n_users = len(scores.users)
        probed, begins, kept = self._probed(scores)
        begin_of = np.full((n_users, len(self.starts)), -1, np.int32)
        np.put_along_axis(begin_of, probed, np.where(kept, begins, -1), axis=1)
        values = self._values(scores, probed, begins, kept)
        cell = np.searchsorted(self.starts, scores.masked_column, side="right") - 1
        begin = begin_of[scores.masked_user, cell]
        met = begin >= 0
        values[scores.masked_user[met], (begin + scores.masked_column - self.starts[cell])[met]] = -np.inf
        row, at = within_reach(values, k, scores.margin)
        # Numbered one user behind the other, what begins last before a score is the cell that holds it.
        stride = int(begins.max(initial=0)) + values.shape[1] + 1
        probe = np.searchsorted((np.arange(n_users)[:, None] * stride + begins).ravel(), row * stride + at, side="right") - 1
        probe -= row * begins.shape[1]
        place = self.starts[probed[row, probe]] + at - begins[row, probe]
        if scores.sums is not None:
            also_row, also = self._told(scores, scores.sums, begin_of, k)
            row, place = np.r_[row, also_row], np.r_[place, also]
        short = np.flatnonzero(np.bincount(row, minlength=n_users) < k)
        if len(short):
            kept = ~np.isin(row, short)
            missed, found = looked_at_as_a_whole(scores, short, k)
            row, place = np.r_[row[kept], missed], np.r_[place[kept], found]
        order = np.argsort(row, kind="stable")
        return padded_rows(row[order], place[order], n_users, k)

    def _probed(self, scores: RoughScores) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """Return each user's most promising cells, the best first, where each begins behind those before it, and which are looked into.

        All are (block, cells). As many items are looked at for everybody, whatever the size of their cells: who is drawn to small ones
        looks into more of them, up to MOST_OF_PROBES times as many.
        """
        share = scores.share[:, self.group]
        promise = np.where(share > 0, scores.users @ self.middles.T * share, np.float32(-np.inf))
        most = min(MOST_OF_PROBES * self.probes, len(self.starts))
        some = np.argpartition(-promise, most - 1, axis=1)[:, :most]
        order = np.argsort(-np.take_along_axis(promise, some, axis=1), axis=1, kind="stable")
        probed = np.take_along_axis(some, order, axis=1)
        begins = np.cumsum(self.sizes[probed], axis=1) - self.sizes[probed]
        return probed, begins, begins < self.scores_of_user

    def _told(
        self, scores: RoughScores, sums: NDArray[np.float32], begin_of: NDArray[np.int32], k: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return user and column of those that models that are no products say most of, but for those in cells that are probed."""
        allowed = sums.copy()
        allowed[scores.masked_user, scores.masked_column] = -np.inf
        for group, (start, stop) in enumerate(itertools.pairwise(scores.bounds)):
            allowed[scores.share[:, group] == 0, start:stop] = -np.inf
        column, best = top_k(allowed, k)
        row, rank = np.nonzero(best > -np.inf)
        place = column[row, rank].astype(np.intp)
        outside = begin_of[row, np.searchsorted(self.starts, place, side="right") - 1] < 0
        return row[outside], place[outside]

    def _values(
        self, scores: RoughScores, probed: NDArray[np.intp], begins: NDArray[np.intp], kept: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Compute the scores of the cells looked into for each user, one behind the other, -inf behind the last; (block, most)."""
        width = int((begins + self.sizes[probed])[kept].max(initial=0))
        values = np.full((len(probed), width), -np.inf, np.float32)
        users, probe = np.nonzero(kept)
        by_cell = np.argsort(probed[users, probe], kind="stable")
        users, probe = users[by_cell], probe[by_cell]
        places = users * width + begins[users, probe]
        cells, first = np.unique(probed[users, probe], return_index=True)
        for cell, some in zip(cells, np.split(np.arange(len(by_cell)), first[1:]), strict=True):
            columns = slice(self.starts[cell], self.starts[cell] + self.sizes[cell])
            found = scores.users[users[some]] @ scores.vectors[columns].T
            if scores.sums is not None:
                found += scores.sums[users[some], columns]
            share = scores.share[users[some], self.group[cell], None]
            found = np.where(share > 0, found * share, np.float32(-np.inf))
            values.ravel()[places[some][:, None] + np.arange(found.shape[1])] = found
        return values


def _cuts(starts: NDArray[np.intp], end: int, longest: int) -> NDArray[np.intp]:
    """Return where cells that are longer than that are cut."""
    stops = np.r_[starts, end][1:]
    return np.concatenate(
        [np.zeros(0, np.intp), *(np.arange(a, b, longest) for a, b in zip(starts, stops, strict=True) if b - a > longest)]
    )
