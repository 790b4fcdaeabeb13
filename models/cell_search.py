"""Approximate search: look only into the cells of items that promise a user most.

What is found is then scored exactly, as everything else is; only what lies in other cells can be missed. How much that is has to be
measured against looking everywhere.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from models.rough_scores import RoughScores
from models.tiles import Reached, looked_at_as_a_whole
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

    def reached(self, scores: RoughScores, k: int, n_all: int = 0) -> Reached:
        """Return what `tiles.reached` does, of the cells looked into: the best that is not barred, and the `n_all` best of all.

        Whoever would get fewer than k that way is looked at as a whole.
        """
        n_users = len(scores.users)
        probed, begins, kept = self._probed(scores)
        values, allowed = self._values(scores, probed, begins, kept)
        row, at = within_reach(allowed, k, scores.margin)
        if n_all:
            of_all, also = within_reach(values, n_all)
            row, at = np.divmod(np.union1d(row * values.shape[1] + at, of_all * values.shape[1] + also), values.shape[1])
        # Numbered one user behind the other, what begins last before a score is the cell that holds it.
        stride = int(begins.max(initial=0)) + values.shape[1] + 1
        probe = np.searchsorted((np.arange(n_users)[:, None] * stride + begins).ravel(), row * stride + at, side="right") - 1
        probe -= row * begins.shape[1]
        place = self.starts[probed[row, probe]] + at - begins[row, probe]
        found = Reached(row, place, values[row, at], scores.bars.at(row, place))
        if scores.sums is not None:
            found = found.joined(self._told(scores, scores.sums, probed, kept, k, n_all))
        short = np.flatnonzero(np.bincount(found.row[found.code == 0], minlength=n_users) < k)
        if len(short):
            found = found.at(~np.isin(found.row, short)).joined(looked_at_as_a_whole(scores, short, k, n_all))
        return found

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
        self, scores: RoughScores, sums: NDArray[np.float32], probed: NDArray[np.intp], kept: NDArray[np.bool_], k: int, n_all: int
    ) -> Reached:
        """Return what models that are no products say most of, but for what lies in cells that are looked into."""
        spoken = sums.copy()
        for group, (start, stop) in enumerate(itertools.pairwise(scores.bounds)):
            spoken[scores.share[:, group] == 0, start:stop] = -np.inf
        told = [top_k(spoken, n_all)[0]] if n_all else []
        scores.bars.mask(spoken, slice(None))
        told.append(top_k(spoken, k)[0])
        row, rank = np.nonzero(np.hstack(told) >= 0)
        row, place = np.divmod(np.unique(row * sums.shape[1] + np.hstack(told)[row, rank]), sums.shape[1])
        looked_into = np.zeros((len(probed), len(self.starts)), np.bool_)
        np.put_along_axis(looked_into, probed, kept, axis=1)
        outside = ~looked_into[row, np.searchsorted(self.starts, place, side="right") - 1]
        row, place = row[outside], place[outside]
        return Reached(row, place, self._pairs(scores, sums, row, place), scores.bars.at(row, place))

    def _pairs(self, scores: RoughScores, sums: NDArray[np.float32], row: NDArray[np.intp], place: NDArray[np.intp]) -> NDArray[np.float32]:
        """Compute the scores of some pairs of a user and a column."""
        group = np.searchsorted(scores.bounds, place, side="right") - 1
        return (np.vecdot(scores.users[row], scores.vectors[place]) + sums[row, place]) * scores.share[row, group]

    def _values(
        self, scores: RoughScores, probed: NDArray[np.intp], begins: NDArray[np.intp], kept: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute the scores of the cells looked into for each user, one behind the other, -inf behind the last; (block, most).

        They come twice: all of them, and with -inf where they are barred.
        """
        width = int((begins + self.sizes[probed])[kept].max(initial=0))
        values, allowed = np.full((2, len(probed), width), -np.inf, np.float32)
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
            at = places[some][:, None] + np.arange(found.shape[1])
            values.ravel()[at] = found
            scores.bars.of_kinds(users[some]).mask(found, columns)
            allowed.ravel()[at] = found
        user, column = scores.bars.pairs
        begin_of = np.full((len(probed), len(self.starts)), -1, np.int32)
        np.put_along_axis(begin_of, probed, np.where(kept, begins, -1), axis=1)
        cell = np.searchsorted(self.starts, column, side="right") - 1
        begin = begin_of[user, cell]
        met = begin >= 0
        allowed[user[met], (begin + column - self.starts[cell])[met]] = -np.inf
        return values, allowed


def _cuts(starts: NDArray[np.intp], end: int, longest: int) -> NDArray[np.intp]:
    """Return where cells that are longer than that are cut."""
    stops = np.r_[starts, end][1:]
    return np.concatenate(
        [np.zeros(0, np.intp), *(np.arange(a, b, longest) for a, b in zip(starts, stops, strict=True) if b - a > longest)]
    )
