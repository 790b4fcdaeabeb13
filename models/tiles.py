"""Find the items that may be among the k best of a user while their scores are still in cache.

Scores that went to memory and came back would cost as much as computing them. A sample of the items says how good the k best are about to
be; then all scores are computed a tile at a time, and of each tile only what reaches that bound is kept. Whoever's bound was too high for
it to be certain that nothing is missed is looked at anew, as a whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.ragged import place_in_row
from models.rough_scores import RoughScores
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


def places_within_reach(scores: RoughScores, k: int) -> NDArray[np.intp]:
    """Return the columns that may be among each user's k best exact scores, -1 behind the last; (block, most, k or more).

    Little more than k a user are. Masked columns, -inf, never are.
    """
    n_users, n_columns = scores.shape
    rank = _rank_in_sample(k)
    if n_columns <= ONE_TILE or rank >= n_columns // SAMPLED:
        return padded_rows(*looked_at_as_a_whole(scores, np.arange(n_users), k), n_users, k)
    sample = scores.tile(slice(None, None, SAMPLED))
    sample.partition(-rank, axis=1)
    bound = sample[:, -rank]
    drawn = bound > -np.inf
    lowered = scores.less(np.where(drawn, bound, 0))
    places, values = _above_zero(lowered, k)
    ranked = np.sort(values, axis=1)
    least = np.nextafter(ranked[:, -k] - 2 * lowered.margin, np.float32(-np.inf))
    short = np.flatnonzero((least < 0) | ~drawn)
    least[short] = np.inf
    place = np.flatnonzero(values >= least[:, None])
    row, place = place // values.shape[1], places.ravel()[place]
    if len(short):
        missed, found = looked_at_as_a_whole(scores, short, k)
        row, place = np.r_[row, missed], np.r_[place, found]
        order = np.argsort(row, kind="stable")
        row, place = row[order], place[order]
    return padded_rows(row, place, n_users, k)


def _rank_in_sample(k: int) -> int:
    """Return the rank in the sample that lies, very likely, behind the k-th best of all."""
    expected = k / SAMPLED
    return int(np.ceil(expected + DEVIATIONS * np.sqrt(expected * (1 - 1 / SAMPLED))))


def looked_at_as_a_whole(scores: RoughScores, users: NDArray[np.intp], k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return user and column of all that may be among the k best of some users."""
    at_once = max(1, CELLS_AT_ONCE // scores.shape[1])
    rows, places = [], []
    for start in range(0, len(users), at_once):
        some = scores.of(users[start : start + at_once])
        row, place = within_reach(some.tile(slice(None)), k, some.margin)
        rows.append(users[start : start + at_once][row])
        places.append(place)
    return np.concatenate(rows), np.concatenate(places)


def _above_zero(scores: RoughScores, k: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the columns that reach zero, ascending, and their scores, -inf behind the last; both (block, most, k or more)."""
    n_users, n_columns = scores.shape
    width = max(1, TILE_CELLS // n_users)
    buffer = np.empty(n_users * width, np.float32)
    filled = np.zeros(n_users, np.intp)
    found = []
    for start in range(0, n_columns, width):
        stop = min(start + width, n_columns)
        tile = buffer[: n_users * (stop - start)].reshape(n_users, -1)
        reached = np.flatnonzero(scores.tile(slice(start, stop), out=tile) >= 0)
        row = reached // (stop - start)
        count = np.bincount(row, minlength=n_users)
        # Where the tile's columns and the user's cells start, told for each user, makes places of numbers in the tile.
        column, cell = reached - row * (stop - start) + start, np.arange(len(row)) + np.repeat(filled - (np.cumsum(count) - count), count)
        found.append((row, cell, column, buffer[reached]))
        filled += count
    width = max(k, filled.max(initial=0))
    places, values = np.full(n_users * width, -1), np.full(n_users * width, -np.inf, np.float32)
    for row, cell, column, value in found:
        at = row * width + cell
        places[at], values[at] = column, value
    return places.reshape(n_users, width), values.reshape(n_users, width)


def padded_rows(row: NDArray[np.intp], place: NDArray[np.intp], n_rows: int, least: int) -> NDArray[np.intp]:
    """Put the places of each row, rows ascending, into a row of a matrix at least so wide, -1 behind the last."""
    count = np.bincount(row, minlength=n_rows)
    places = np.full((n_rows, max(least, count.max(initial=0))), -1)
    places[row, place_in_row(count)] = place
    return places
