"""What several models say to a block of users, brought to one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.scorer import Scorer, UserBlock
from models.top_k import ScoreError

CELLS_AT_ONCE = 1 << 17
"""Scores standardised at a time, so that their float64 copy stays in cache."""

LEAST_SPREAD = 4 * float(np.finfo(np.float32).eps)
"""Deviation, as a share of the mean, up to which scores differ by float32 rounding alone."""


@dataclass(frozen=True)
class BlockScores:
    """What some models say to a block of users.

    A model speaks to a user of an item where both `user_speaks` (models, block) and `item_speaks` (models, items) say so; elsewhere its
    `z`, (models, block, items) float32, is zero and means nothing. `deviation` (models, block) is what the scores were divided by.
    """

    z: NDArray[np.float32]
    deviation: NDArray[np.float32]
    user_speaks: NDArray[np.bool_]
    item_speaks: NDArray[np.bool_]

    def of(self, users: NDArray[np.intp]) -> BlockScores:
        """Return what is said to some users of the block."""
        return BlockScores(self.z[:, users], self.deviation[:, users], self.user_speaks[:, users], self.item_speaks)

    def speaks(self, model: int) -> NDArray[np.bool_]:
        """Mark of which items a model speaks to which users; (block, items)."""
        return self.user_speaks[model][:, None] & self.item_speaks[model]


def score_block(scorers: Sequence[Scorer], users: UserBlock) -> BlockScores:
    """Let every model score a block of users over the whole catalogue, and bring the scores to one scale."""
    item_speaks = np.stack([scorer.knows_item for scorer in scorers])
    z = np.empty((len(scorers), len(users), item_speaks.shape[1]), np.float32)
    deviation = np.empty(z.shape[:2], np.float32)
    user_speaks = np.empty(z.shape[:2], np.bool_)
    for model, scorer in enumerate(scorers):
        try:
            z[model], deviation[model], user_speaks[model] = standardise(scorer.score(users), item_speaks[model], scorer.knows_user(users))
        except ScoreError as error:
            raise ScoreError(f"{scorer.name}: {error}") from error
    return BlockScores(z, deviation, user_speaks, item_speaks)


def standardise(
    scores: NDArray[np.float32], knows_item: NDArray[np.bool_], knows_user: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Bring each user's scores to mean 0 and deviation 1 over the items a model knows.

    scores (block, items), knows_item (items,), knows_user (block,) -> z (block, items), zero where nothing is known, the deviations
    (block,), and whether the model speaks to the user (block,): one who gets the same score for everything is told nothing. Each row is
    added up by itself, so that nobody's scores depend on who else is in the block.
    """
    z = np.empty(scores.shape, np.float32)
    deviations = np.empty(len(scores), np.float32)
    speaks = np.empty(len(scores), np.bool_)
    known, n_known = knows_item.astype(np.float32), max(1, np.count_nonzero(knows_item))
    step = max(1, CELLS_AT_ONCE // max(1, scores.shape[1]))
    for start in range(0, len(scores), step):
        rows = slice(start, start + step)
        part = np.multiply(scores[rows], known, out=z[rows])
        exact = part.astype(np.float64)
        mean = exact.sum(axis=1) / n_known
        deviation = np.sqrt(np.maximum(np.vecdot(exact, exact) / n_known - mean**2, 0))
        if not np.isfinite(deviation).all():
            raise ScoreError("scores must be finite, found NaN or infinity")
        deviations[rows] = deviation
        speaks[rows] = knows_user[rows] & (deviation > LEAST_SPREAD * np.abs(mean))
        part -= mean.astype(np.float32)[:, None]
        part *= np.divide(1, deviation, out=np.zeros_like(deviation), where=speaks[rows]).astype(np.float32)[:, None]
        part *= known
    return z, deviations, speaks
