"""Find the items that may be among the k best of a user while their scores are still in cache.

Scores that went to memory and came back would cost as much as computing them. A sample of the items says how good the k best are about to
be; then all scores are computed a tile at a time, and of each tile only what reaches that bound is kept. Whoever's bound was too high for
it to be certain that nothing is missed is looked at anew, as a whole. What is barred is found like everything else and told by its code:
who has to say why an item is missing needs its score.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.ragged import place_in_row
from models.rough_scores import RoughScores
from models.stable_order import stable_order
from models.top_k import within_reach

TILE_CELLS = 1 << 19
"""Scores of a tile: few enough to stay near the core, many enough for what is done once a tile to weigh little."""

ONE_TILE = 4096
"""Items up to which all scores of a user are looked at as a whole: there is too little to draw a sample from."""

SAMPLED = 16
"""One of so many items is in the sample."""

DEVIATIONS = 4
"""How many of its standard deviations the rank that bounds a sample lies behind the expected one: few users fall short of it."""

CELLS_AT_ONCE = 1 << 24
"""Scores that stand in memory where users are looked at as a whole."""


class Reached(NamedTuple):
    """Columns within reach of some users, pair by pair, rows ascending: their rough scores, and the codes of what bars them, 0 of none."""

    row: NDArray[np.intp]
    place: NDArray[np.intp]
    score: NDArray[np.float32]
    code: NDArray[np.int8]

    def at(self, pairs: NDArray[np.intp] | NDArray[np.bool_]) -> Reached:
        """Return some of the pairs, by place or marked."""
        return Reached(self.row[pairs], self.place[pairs], self.score[pairs], self.code[pairs])

    def joined(self, other: Reached) -> Reached:
        """Put pairs of further users, or of further columns, among these."""
        both = Reached(
            np.r_[self.row, other.row], np.r_[self.place, other.place], np.r_[self.score, other.score], np.r_[self.code, other.code]
        )
        return both.at(stable_order(both.row))


def reached(scores: RoughScores, k: int, n_all: int = 0) -> Reached:
    """Return the columns that may be among each user's k best exact scores of what is not barred, and the `n_all` best rough ones of all.

    Little more than that are. Columns that nobody speaks of, -inf, never are.
    """
    n_users, n_columns = scores.shape
    everybody = np.arange(n_users)
    rank, rank_of_all = _rank_in_sample(k), _rank_in_sample(n_all)
    if n_columns <= ONE_TILE or max(rank, rank_of_all) >= n_columns // SAMPLED:
        return looked_at_as_a_whole(scores, everybody, k, n_all)
    bound = _bound(scores, rank, rank_of_all if n_all else 0)
    drawn = bound > -np.inf
    lowered = scores.less(np.where(drawn, bound, 0))
    found = _above_zero(lowered)
    open_, margin = found.code == 0, 2 * lowered.margin
    least = np.nextafter(kth_largest(found.row[open_], found.score[open_], n_users, k) - margin, np.float32(-np.inf))
    enough = (least >= 0) & drawn
    least_of_all = np.full(n_users, np.float32(np.inf))
    if n_all:
        least_of_all = kth_largest(found.row, found.score, n_users, n_all)
        enough &= least_of_all >= 0
    kept = enough[found.row] & ((open_ & (found.score >= least[found.row])) | (found.score >= least_of_all[found.row]))
    certain = found.at(kept)
    certain.score[:] += bound[certain.row]
    short = np.flatnonzero(~enough)
    return certain.joined(looked_at_as_a_whole(scores, short, k, n_all)) if len(short) else certain


def _bound(scores: RoughScores, rank: int, rank_of_all: int) -> NDArray[np.float32]:
    """Return scores that very likely enough of what is not barred, and of everything where that is asked for, reach; (block,)."""
    every = slice(None, None, SAMPLED)
    sample = scores.tile(every)
    of_all = np.partition(sample, -rank_of_all, axis=1)[:, -rank_of_all] if rank_of_all else np.float32(np.inf)
    scores.bars.mask(sample, every)
    sample.partition(-rank, axis=1)
    return np.minimum(sample[:, -rank], of_all)


def _rank_in_sample(k: int) -> int:
    """Return the rank in the sample that lies, very likely, behind the k-th best of all."""
    expected = k / SAMPLED
    return int(np.ceil(expected + DEVIATIONS * np.sqrt(expected * (1 - 1 / SAMPLED))))


def kth_largest(row: NDArray[np.intp], score: NDArray[np.float32], n_rows: int, k: int) -> NDArray[np.float32]:
    """Return the k-th largest score of each row, rows ascending, -inf where there are fewer; (rows,)."""
    count = np.bincount(row, minlength=n_rows)
    padded = np.full((n_rows, max(k, count.max(initial=0))), -np.inf, np.float32)
    padded[row, place_in_row(count)] = score
    padded.partition(-k, axis=1)
    return padded[:, -k]


def looked_at_as_a_whole(scores: RoughScores, users: NDArray[np.intp], k: int, n_all: int = 0) -> Reached:
    """Return the same of some users, ascending, by looking at all their scores at once."""
    at_once = max(1, CELLS_AT_ONCE // max(1, scores.shape[1]))
    parts = []
    for start in range(0, len(users), at_once):
        some = users[start : start + at_once]
        theirs = scores.of(some)
        found = _of_everything(theirs.tile(slice(None)), theirs, k, n_all)
        parts.append(found._replace(row=some[found.row]))
    return functools.reduce(Reached.joined, parts)


def _of_everything(tile: NDArray[np.float32], scores: RoughScores, k: int, n_all: int) -> Reached:
    """Return the same, given all scores of all users; (block, columns)."""
    n_columns = tile.shape[1]
    allowed = tile.copy() if n_all else tile
    scores.bars.mask(allowed, slice(None))
    row, place = within_reach(allowed, k, scores.margin)
    if n_all:
        of_all, column = within_reach(tile, n_all)
        row, place = np.divmod(np.union1d(row * n_columns + place, of_all * n_columns + column), n_columns)
    return Reached(row, place, tile[row, place], scores.bars.at(row, place))


def _above_zero(scores: RoughScores) -> Reached:
    """Return the columns that reach zero, those of a user ascending."""
    n_users, n_columns = scores.shape
    width = max(1, TILE_CELLS // n_users)
    buffer = np.empty(n_users * width, np.float32)
    rows, places, values = [], [], []
    for start in range(0, n_columns, width):
        stop = min(start + width, n_columns)
        tile = buffer[: n_users * (stop - start)].reshape(n_users, -1)
        met = np.flatnonzero(scores.tile(slice(start, stop), out=tile) >= 0)
        row = met // (stop - start)
        rows.append(row)
        places.append(met - row * (stop - start) + start)
        values.append(buffer[met])
    row = np.concatenate(rows)
    order = stable_order(row)
    row, place = row[order], np.concatenate(places)[order]
    return Reached(row, place, np.concatenate(values)[order], scores.bars.at(row, place))
