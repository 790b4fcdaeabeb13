"""Why an item is recommended: the liked item that speaks most for it, as the models see it that add most to its score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.chosen import Chosen
from models.ragged import padded_places
from models.scorer import Scorer, UserBlock

LATEST = 20
"""Likes of a user, the latest, of which a model is asked where their order is known: a reason that lies far back is none to the reader."""

MODELS_ASKED = 2
"""Models asked why an item is recommended, from the one that adds most on: what quieter ones say explains little."""

CELLS_AT_ONCE = 1 << 18
"""Pairs of a recommended and a liked item compared in one go; bounds what is gathered for them."""


class Because:
    """Names liked items; models that compare no items explain nothing."""

    def __init__(self, scorers: Sequence[Scorer]) -> None:
        one = np.arange(min(1, len(scorers[0].knows_item)))
        self.scorers = scorers
        self.comparers = [place for place, scorer in enumerate(scorers) if scorer.similarity(one, one) is not None]

    def of(self, users: UserBlock, chosen: Chosen) -> NDArray[np.int32]:
        """Find the liked item that adds most to each recommended one, as the model sees it that adds most; (block, k), -1 where none does.

        Where the loudest model names none, the next is asked, up to MODELS_ASKED. Models are asked about the LATEST likes where their
        order is known, else about all.
        """
        because = np.full(chosen.items.shape, -1, np.int32)
        if not self.comparers:
            return because
        parts = chosen.parts[self.comparers]
        by_loudness = np.argsort(-np.where(np.isnan(parts), -np.inf, parts), axis=0, kind="stable")
        has_likes = np.diff(users.history.indptr) > 0
        for speakers in by_loudness[:MODELS_ASKED]:
            for number, model in enumerate(self.comparers):
                asked = (speakers == number) & (because < 0) & (chosen.items >= 0) & has_likes[:, None]
                _answer(self.scorers[model], users, chosen.items, asked, because)
        return because


def _answer(scorer: Scorer, users: UserBlock, items: NDArray[np.int32], asked: NDArray[np.bool_], because: NDArray[np.int32]) -> None:
    """Let one model explain the marked places of `items`, (block, k), into `because`."""
    n_asked = asked.sum(axis=1)
    rows = np.flatnonzero(n_asked)
    in_order = users.recent[rows, 0] >= 0
    recent, rows = rows[in_order], rows[~in_order]
    latest = users.recent[:, :LATEST]
    _explain(scorer, latest, (latest[recent] >= 0).sum(axis=1), recent, items, asked, n_asked, because)
    _explain(scorer, users.history, np.diff(users.history.indptr)[rows], rows, items, asked, n_asked, because)


def _explain(
    scorer: Scorer,
    past: NDArray[np.int32] | sp.csr_matrix,
    n_past: NDArray[np.integer],
    rows: NDArray[np.intp],
    items: NDArray[np.int32],
    asked: NDArray[np.bool_],
    n_asked: NDArray[np.intp],
    because: NDArray[np.int32],
) -> None:
    """Do so for some users, `rows`, by the `n_past` items of their past; users with pasts of similar length are compared in one go."""
    for some in _alike(n_past, n_asked[rows]):
        users = rows[some]
        # The places asked about come first; what pads stands behind them and is dropped again.
        place = np.argsort(~asked[users], axis=1, kind="stable")[:, : n_asked[users].max()]
        real = np.take_along_axis(asked[users], place, axis=1)
        liked = _padded(past, users, int(n_past[some].max()))
        wanted = np.maximum(np.take_along_axis(items[users], place, axis=1), 0)
        strength = scorer.similarity(wanted.astype(np.intp), np.maximum(liked, 0).astype(np.intp))
        if strength is None:
            return
        strength = np.where(liked[:, None, :] >= 0, strength, np.float32(-np.inf))
        strongest = strength.argmax(axis=2)
        found = np.where(strength.max(axis=2) > 0, np.take_along_axis(liked, strongest, axis=1), -1)
        row, column = np.nonzero(real)
        because[users[row], place[row, column]] = found[row, column]


def _alike(n_past: NDArray[np.integer], n_asked: NDArray[np.integer]) -> Iterator[NDArray[np.intp]]:
    """Cut users into lots with pasts of similar length, none of more pairs than are compared in one go, but for a single user."""
    order = np.argsort(n_past, kind="stable")
    start = 0
    while start < len(order):
        # Lengths rise: a lot is as wide as its last user, and no wider than half as much again as its first.
        lengths = n_past[order[start:]]
        widest = np.maximum.accumulate(n_asked[order[start:]])
        pairs = lengths * widest * np.arange(1, len(lengths) + 1)
        fits = (pairs <= CELLS_AT_ONCE) & (lengths <= 1.5 * lengths[0] + 8)
        stop = start + max(1, int(fits.argmin()) if not fits.all() else len(fits))
        yield order[start:stop]
        start = stop


def _padded(past: NDArray[np.int32] | sp.csr_matrix, users: NDArray[np.intp], width: int) -> NDArray[np.int32]:
    """Return the items of users' pasts, -1 behind the last; (users, width)."""
    if not isinstance(past, sp.csr_matrix):
        return past[users, :width]
    place, present = padded_places(past.indptr, users, width)
    return np.where(present, past.indices[place], -1).astype(np.int32)
