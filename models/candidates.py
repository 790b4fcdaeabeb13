"""What weights are learned on: each user's hardest candidates, and how much mass every model gives to all the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.block_scores import BlockScores, Heard
from models.chosen import Ranker, allowed_items, best_unseen
from models.ragged import place_in_row
from models.top_k import top_k

SHARPNESS = 2.0 ** np.arange(-2, 5)
"""Factors of standardised scores at which the mass of a softmax is taken; between them it is interpolated."""

CELLS_AT_ONCE = 1 << 17
"""Scores whose mass is taken at a time, so that their powers stay in cache."""


@dataclass(frozen=True)
class Candidates:
    """What each user could be shown, and what they went on to like.

    z (models, users, candidates) are standardised scores, zero where `speaks`, of the same shape, says that the model is silent;
    target (users, candidates) marks the held-out likes; segment is (users,). A place where no model speaks holds no candidate.
    log_mass (models, users, len(SHARPNESS)) is the log of the sum of exp(sharpness z) over everything the user could be shown, NaN where it
    was not asked for.
    `newcomer` marks the users whose history was hidden from the models; (users,).
    """

    z: NDArray[np.float32]
    speaks: NDArray[np.bool_]
    target: NDArray[np.bool_]
    segment: NDArray[np.int16]
    log_mass: NDArray[np.float64]
    newcomer: NDArray[np.bool_]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Mark the places that hold a candidate; (users, candidates)."""
        return np.logical_or.reduce(self.speaks, axis=0)

    @property
    def speaks_to(self) -> NDArray[np.bool_]:
        """Mark which models speak to which users; (users, models)."""
        return np.asarray(self.speaks.any(axis=2).T)

    @property
    def within_reach(self) -> NDArray[np.bool_]:
        """Mark the held-out likes that some model speaks of; (users, candidates)."""
        return self.target & self.valid

    @property
    def useful(self) -> NDArray[np.bool_]:
        """Mark the users who teach something: one of their held-out likes is within reach; (users,)."""
        return np.asarray(self.within_reach.any(axis=1))

    @classmethod
    def empty(cls, log_mass: NDArray[np.float64], segment: NDArray[np.int16], newcomer: NDArray[np.bool_], width: int) -> Candidates:
        """Return lists of so many places without a candidate."""
        shape = (len(log_mass), len(segment), width)
        return cls(np.zeros(shape, np.float32), np.zeros(shape, np.bool_), np.zeros(shape[1:], np.bool_), segment, log_mass, newcomer)

    @classmethod
    def together(cls, blocks: Sequence[Candidates]) -> Candidates:
        """Join the candidates of several blocks of users; shorter lists end in places that hold none."""
        segment, newcomer = (np.concatenate(parts) for parts in zip(*((block.segment, block.newcomer) for block in blocks), strict=True))
        log_mass = np.concatenate([block.log_mass for block in blocks], axis=1)
        whole = cls.empty(log_mass, segment, newcomer, max(block.target.shape[1] for block in blocks))
        start = 0
        for block in blocks:
            cells = (..., slice(start, start + len(block.segment)), slice(block.target.shape[1]))
            whole.z[cells], whole.speaks[cells], whole.target[cells] = block.z, block.speaks, block.target
            start += len(block.segment)
        return whole

    def of(self, users: NDArray[np.intp]) -> Candidates:
        """Return the candidates of some users."""
        of_users = (self.target[users], self.segment[users])
        return Candidates(self.z[:, users], self.speaks[:, users], *of_users, self.log_mass[:, users], self.newcomer[users])

    def drawn(self, most: int, rng: np.random.Generator) -> Candidates:
        """Return the candidates of the useful users, of some drawn ones where they are more than `most`."""
        useful = np.flatnonzero(self.useful)
        return self.of(np.sort(rng.choice(useful, most, replace=False)) if len(useful) > most else useful)

    def of_newcomers_and_others(self) -> tuple[Candidates, Candidates] | None:
        """Return the candidates of newcomers and those of all others; None where everybody is one or everybody is the other."""
        if self.newcomer.all() or not self.newcomer.any():
            return None
        return self.of(np.flatnonzero(self.newcomer)), self.of(np.flatnonzero(~self.newcomer))


def collect(
    block: BlockScores,
    segment: NDArray[np.int16],
    allowed: NDArray[np.bool_],
    targets: sp.csr_matrix,
    best: int,
    most_targets: int,
    *,
    newcomers: bool = False,
) -> Candidates:
    """Gather each user's candidates: the best of every model among what is allowed, and what the user went on to like.

    allowed (block, items) marks what may be recommended; targets (block, items) holds the held-out likes, of which the first
    `most_targets` of a user count. `newcomers` says that the models were not told the users' histories.
    """
    log_mass, found = np.empty((*block.z.shape[:2], len(SHARPNESS))), []
    for model, z in enumerate(block.z):
        masked = np.where(block.speaks(model) & allowed, z, np.float32(-np.inf))
        log_mass[model] = log_masses(masked)
        found.append(top_k(masked, best)[0])

    def at(items: NDArray[np.int32]) -> NDArray[np.float32]:
        return block.z[:, np.arange(len(items))[:, None], items]

    lists = _filled(found, _wanted(targets, most_targets, allowed), block.user_speaks, block.item_speaks, at)
    return Candidates(*lists, segment, log_mass, np.full(len(segment), newcomers))


def collect_best(
    heard: Heard,
    rankers: Sequence[Ranker],
    seen: sp.csr_matrix,
    recommendable: NDArray[np.bool_],
    targets: sp.csr_matrix,
    best: int,
    most_targets: int,
    *,
    newcomers: bool = False,
) -> Candidates:
    """Gather the same without the mass of what is left, which needs every score of every model; `rankers` rank by one model each."""
    found = [best_unseen(ranker, heard.alone(model), seen, best).items for model, ranker in enumerate(rankers)]
    wanted = _wanted(targets, most_targets, allowed_items(seen, recommendable))
    lists = _filled(found, wanted, heard.speaks, heard.panel.item_speaks, heard.standardised)
    no_mass = np.full((*heard.speaks.shape, len(SHARPNESS)), np.nan)
    return Candidates(*lists, heard.users.segment, no_mass, np.full(len(heard.users), newcomers))


def _wanted(targets: sp.csr_matrix, most: int, allowed: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return user and item of the first held-out likes of each user that are allowed."""
    user, item = _first_entries(targets, most)
    kept = allowed[user, item]
    return user[kept], item[kept]


def _filled(
    found: Sequence[NDArray[np.int32]],
    wanted: tuple[NDArray[np.intp], NDArray[np.intp]],
    user_speaks: NDArray[np.bool_],
    item_speaks: NDArray[np.bool_],
    at: Callable[[NDArray[np.int32]], NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Put what was found, (block, best) a model, and what was liked side by side: `z`, `speaks` and `target` of `Candidates`.

    `at` tells the scores of items, (block, places), of which -1 stands for any.
    """
    target, chosen = np.zeros((2, user_speaks.shape[1], item_speaks.shape[1]), np.bool_)
    user, item = wanted
    target[user, item] = True
    chosen[user, item] = (user_speaks[:, user] & item_speaks[:, item]).any(axis=0)
    for best in found:
        user, rank = np.nonzero(best >= 0)
        chosen[user, best[user, rank]] = True
    user, item = np.nonzero(chosen)
    count = np.bincount(user, minlength=len(chosen))
    place = place_in_row(count)
    items = np.full((len(chosen), count.max(initial=0)), -1, np.int32)
    items[user, place] = item
    speaks = np.zeros((len(user_speaks), *items.shape), np.bool_)
    speaks[:, user, place] = user_speaks[:, user] & item_speaks[:, item]
    return np.where(speaks, at(items), np.float32(0)), speaks, (items >= 0) & np.take_along_axis(target, items, axis=1)


def log_masses(z: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the log of the sum of exp(s z) over each row, for every s of SHARPNESS; (rows, items) -> (rows, len(SHARPNESS)).

    Items at -inf have no mass; a row of nothing else gets -inf. One exponential is taken, the rest are its squares.
    """
    found = np.full((len(z), len(SHARPNESS)), -np.inf)
    largest = z.max(axis=1, initial=np.float32(-np.inf))
    step = max(1, CELLS_AT_ONCE // max(1, z.shape[1]))
    for start in range(0, len(z), step):
        rows = np.flatnonzero(np.isfinite(largest[start : start + step])) + start
        power = np.exp(np.float32(SHARPNESS[0]) * (z[rows] - largest[rows, None]))
        for place, sharpness in enumerate(SHARPNESS):
            if place:
                np.square(power, out=power)
            found[rows, place] = np.log(power.sum(axis=1).astype(np.float64)) + sharpness * largest[rows]
    return found


def _first_entries(matrix: sp.csr_matrix, most: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and columns of the first entries of each row."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    kept = np.arange(matrix.nnz) - matrix.indptr[row] < most
    return row[kept], matrix.indices[kept].astype(np.intp)
