"""Blend the scores of several models into one, with weights per user segment that anybody can read.

Every model's scores are first standardised per user, so that no model speaks louder only because its numbers are larger. A model that
knows nothing of a user or an item abstains, and its weight goes to those that speak: all of it where it knows nothing of the user, the
share that the holdout allows where it knows nothing of the item.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, get_args

import numpy as np
from numpy.typing import NDArray

from models.scorer import Family, Scorer, UserBlock
from models.top_k import ScoreError

CELLS_AT_ONCE = 1 << 17
"""Scores standardised at a time, so that their float64 copy stays in cache."""

LEAST_SPREAD = 4 * float(np.finfo(np.float32).eps)
"""Deviation, as a share of the mean, up to which scores differ by float32 rounding alone."""


@dataclass(frozen=True)
class BlockScores:
    """What some models say to a block of users, on one scale.

    A model speaks to a user of an item where both `user_speaks` (models, block) and `item_speaks` (models, items) say so; elsewhere its
    `z`, (models, block, items) float32, is zero and means nothing.
    """

    z: NDArray[np.float32]
    user_speaks: NDArray[np.bool_]
    item_speaks: NDArray[np.bool_]


def score_block(scorers: Sequence[Scorer], users: UserBlock) -> BlockScores:
    """Let every model score a block of users over the whole catalogue, and bring the scores to one scale."""
    item_speaks = np.stack([scorer.knows_item for scorer in scorers])
    z = np.empty((len(scorers), len(users), item_speaks.shape[1]), np.float32)
    user_speaks = np.empty(z.shape[:2], np.bool_)
    for model, scorer in enumerate(scorers):
        try:
            z[model], user_speaks[model] = standardise(scorer.score(users), item_speaks[model], scorer.knows_user(users))
        except ScoreError as error:
            raise ScoreError(f"{scorer.name}: {error}") from error
    return BlockScores(z, user_speaks, item_speaks)


def standardise(
    scores: NDArray[np.float32], knows_item: NDArray[np.bool_], knows_user: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Bring each user's scores to mean 0 and deviation 1 over the items a model knows.

    scores (block, items), knows_item (items,), knows_user (block,) -> z (block, items), zero where nothing is known, and whether the
    model speaks to the user (block,): one who gets the same score for everything is told nothing. Each row is added up by itself, so
    that nobody's scores depend on who else is in the block.
    """
    z = np.empty(scores.shape, np.float32)
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
        speaks[rows] = knows_user[rows] & (deviation > LEAST_SPREAD * np.abs(mean))
        part -= mean.astype(np.float32)[:, None]
        part *= np.divide(1, deviation, out=np.zeros_like(deviation), where=speaks[rows]).astype(np.float32)[:, None]
        part *= known
    return z, speaks


@dataclass(frozen=True, eq=False)
class Blend:
    """Weights of models per user segment, (segments, models) float64; each row adds up to 1.

    `redistributed` is the share, 0 to 1, of a model's weight that goes to the others where it is silent of an item. The rest counts as
    a mean opinion, zero. With all of it an unknown item ranks by what the others say as if all agreed with them, with none of it close to
    the middle of the catalogue, the more so the heavier the silent models.
    """

    models: tuple[str, ...]
    families: tuple[Family, ...]
    segments: tuple[str, ...]
    weights: NDArray[np.float64]
    redistributed: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no set of weights."""
        if self.weights.shape != (len(self.segments), len(self.models)) or len(self.families) != len(self.models):
            raise ValueError(f"a blend of {self.models} for {self.segments} needs a weight for each, got {self.weights.shape}")
        if not (np.all(self.weights >= 0) and np.allclose(self.weights.sum(axis=1), 1, rtol=0, atol=1e-9)):
            raise ValueError(f"the weights of a segment are not negative and add up to 1, got {self.weights.tolist()}")
        if not 0 <= self.redistributed <= 1:
            raise ValueError(f"the share of redistributed weight is between 0 and 1, got {self.redistributed}")
        if unknown := set(self.families) - set(get_args(Family)):
            raise ValueError(f"a blend names families among {get_args(Family)}, got {sorted(unknown)}")

    @classmethod
    def single(cls, models: Sequence[str], families: Sequence[Family], segments: Sequence[str], speaker: str) -> Self:
        """Let one of the models alone speak."""
        row = np.array([float(model == speaker) for model in models])
        return cls(tuple(models), tuple(families), tuple(segments), np.tile(row, (len(segments), 1)))

    def scores(self, block: BlockScores, segment: NDArray[np.integer]) -> NDArray[np.float32]:
        """Blend a block's scores; (block, items), -inf where no model speaks. segment (block,) indexes the rows of the weights."""
        weights = self.weights[segment]
        # Where a model is silent its z is zero: one product per user adds up what the others say, whichever they are.
        blended = np.matmul(weights.astype(np.float32)[:, None, :], block.z.transpose(1, 0, 2))[:, 0]
        counted, group = self._counted(weights, block)
        blended *= _of_items((1 / counted).astype(np.float32), group)
        if np.isinf(counted).any():
            blended[np.broadcast_to(_of_items(np.isinf(counted), group), blended.shape)] = -np.inf
        return blended

    def contributions(self, block: BlockScores, segment: NDArray[np.integer], items: NDArray[np.integer]) -> NDArray[np.float64]:
        """Split the blended scores of items (block, k) into what each model adds; (models, block, k), NaN where a model abstains.

        They add up to the blended score, up to its float32 rounding. Of item -1, which pads short lists, every model abstains.
        """
        weights = self.weights[segment]
        counted, group = self._counted(weights, block)
        user = np.arange(len(items))[:, None]
        counted = counted[user, group[items]]
        speaks = block.user_speaks[:, :, None] & block.item_speaks[:, items] & (items >= 0) & np.isfinite(counted)
        return np.where(speaks, weights.T[:, :, None] / counted * block.z[:, user, items], np.nan)

    def to_json(self) -> str:
        """Write the blend as JSON that reads back to the very same weights."""
        names = {"models": self.models, "families": self.families, "segments": self.segments}
        return json.dumps({**names, "weights": self.weights.tolist(), "redistributed": self.redistributed}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read back what `to_json` wrote."""
        content = json.loads(text)
        weights = np.array(content["weights"], np.float64).reshape(len(content["segments"]), len(content["models"]))
        models, families, segments = (tuple(content[kind]) for kind in ("models", "families", "segments"))
        return cls(models, families, segments, weights, content["redistributed"])

    def _counted(self, weights: NDArray[np.float64], block: BlockScores) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Add up the weights (block, models) that count for each user and group of items, infinity where no model speaks.

        A group holds the items that the same models speak of: there are few. Returns (block, groups) and the group of each item, (items,).
        """
        voices = np.left_shift(1, np.arange(len(block.item_speaks))) @ block.item_speaks
        _, first, group = np.unique(voices, return_index=True, return_inverse=True)
        of_user = np.where(block.user_speaks.T, weights, 0)
        heard = of_user @ block.item_speaks[:, first].astype(np.float64)
        silence = of_user.sum(axis=1, keepdims=True) - heard
        return np.where(heard > 0, heard + (1 - self.redistributed) * silence, np.inf), group


def _of_items(of_groups: NDArray[np.generic], group: NDArray[np.intp]) -> NDArray[np.generic]:
    """Spread values of groups (block, groups) over their items; (block, items), or (block, 1) where all items are of one group."""
    return of_groups if of_groups.shape[1] == 1 else np.take(of_groups, group, axis=1)
