"""Learn from the holdout how much each model counts, per user segment, on each user's hardest candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.blend import Blend, BlockScores
from models.compute import ComputeConfig, configure_tensorflow
from models.metrics import ranking_metrics
from models.scorer import Family
from models.top_k import top_k

JUDGED_PLACES = 10
"""Length of the lists whose NDCG chooses among weights."""

MIXES = (0.0, 0.25, 0.5, 0.75)
"""How far learned weights may be drawn towards the best single model."""

LEAST_WEIGHT = 1e-6
"""No model is silenced for good: it may be the only one to know a user who joins tomorrow."""


class BlendConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How the weights of the models are learned."""

    candidates: int = Field(50, ge=10)
    """Items per model among which the weights must learn to find what the user went on to like: each model's best."""

    max_targets: int = Field(20, ge=1)
    """Held-out likes per user that are learned from."""

    max_users: int = Field(6000, ge=100)
    """Users the weights are learned from; a few thousand settle a few weights."""

    steps: int = Field(150, ge=1)
    """Steps of the optimiser over all users, for each of its two losses."""

    learning_rate: float = Field(0.1, gt=0)
    """Step size of Adam."""

    shrinkage: float = Field(0.02, ge=0)
    """How strongly a segment's weights are drawn to those of everybody; what a small segment cannot prove it does not get."""

    caution: float = Field(1.0, ge=0)
    """Standard errors of its gain in NDCG that a blend must do without when it competes with the best single model."""


@dataclass(frozen=True)
class Candidates:
    """What each user could be shown, and what they went on to like.

    z (models, users, candidates) are standardised scores, zero where `speaks`, of the same shape, says that the model is silent;
    target (users, candidates) marks the held-out likes; segment is (users,). A place where no model speaks holds no candidate.
    """

    z: NDArray[np.float32]
    speaks: NDArray[np.bool_]
    target: NDArray[np.bool_]
    segment: NDArray[np.int16]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Mark the places that hold a candidate; (users, candidates)."""
        return np.logical_or.reduce(self.speaks, axis=0)

    @classmethod
    def empty(cls, n_models: int, segment: NDArray[np.int16], width: int) -> Candidates:
        """Return lists of so many places without a candidate."""
        shape = (n_models, len(segment), width)
        return cls(np.zeros(shape, np.float32), np.zeros(shape, np.bool_), np.zeros(shape[1:], np.bool_), segment)

    @classmethod
    def together(cls, blocks: Sequence[Candidates]) -> Candidates:
        """Join the candidates of several blocks of users; shorter lists end in places that hold none."""
        segment = np.concatenate([block.segment for block in blocks])
        whole = cls.empty(len(blocks[0].z), segment, max(block.target.shape[1] for block in blocks))
        start = 0
        for block in blocks:
            cells = (..., slice(start, start + len(block.segment)), slice(block.target.shape[1]))
            whole.z[cells], whole.speaks[cells], whole.target[cells] = block.z, block.speaks, block.target
            start += len(block.segment)
        return whole

    def of(self, users: NDArray[np.intp]) -> Candidates:
        """Return the candidates of some users."""
        return Candidates(self.z[:, users], self.speaks[:, users], self.target[users], self.segment[users])


def collect(
    block: BlockScores, segment: NDArray[np.int16], allowed: NDArray[np.bool_], targets: sp.csr_matrix, config: BlendConfig
) -> Candidates:
    """Gather each user's candidates: the best of every model among what is allowed, and what the user went on to like.

    allowed (block, items) marks what may be recommended; targets (block, items) holds the held-out likes.
    """
    speaks = block.user_speaks[:, :, None] & block.item_speaks[:, None, :] & allowed
    target = np.zeros(allowed.shape, np.bool_)
    target[_first_entries(targets, config.max_targets)] = True
    chosen = target & speaks.any(axis=0)
    for z, spoken in zip(block.z, speaks, strict=True):
        items, _ = top_k(np.where(spoken, z, np.float32(-np.inf)), config.candidates)
        user, rank = np.nonzero(items >= 0)
        chosen[user, items[user, rank]] = True
    user, item = np.nonzero(chosen)
    count = np.bincount(user, minlength=len(chosen))
    place = np.arange(len(user)) - np.repeat(np.cumsum(count) - count, count)
    lists = Candidates.empty(len(block.z), segment, count.max(initial=0))
    lists.z[:, user, place] = block.z[:, user, item]
    lists.speaks[:, user, place] = speaks[:, user, item]
    lists.target[user, place] = target[user, item]
    return lists


def _first_entries(matrix: sp.csr_matrix, most: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and columns of the first entries of each row."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    kept = np.arange(matrix.nnz) - matrix.indptr[row] < most
    return row[kept], matrix.indices[kept].astype(np.intp)


def cross_fit(
    candidates: Candidates,
    models: Sequence[tuple[str, Family]],
    segments: tuple[str, ...],
    half: NDArray[np.int8],
    config: BlendConfig,
    compute: ComputeConfig,
    seed: int,
) -> tuple[Blend, tuple[Blend, Blend]]:
    """Learn the blend to publish from all users, and for each half of them the one to judge it by, learned on the other half."""
    learned, for_first, for_second = (
        learn(candidates.of(np.flatnonzero(users)), models, segments, config, compute, seed)
        for users in (np.ones(len(half)), half == 1, half == 0)
    )
    return learned, (for_first, for_second)


def learn(
    candidates: Candidates,
    models: Sequence[tuple[str, Family]],
    segments: tuple[str, ...],
    config: BlendConfig,
    compute: ComputeConfig,
    seed: int,
) -> Blend:
    """Learn softmax-normalised weights per segment; nothing to learn from gives equal weights.

    A loss only stands in for NDCG. So that it never costs what it should win, NDCG on these same users then chooses: among what was
    learned, the best single model, and mixes of both. Users are drawn with the seed where there are more than are needed.
    """
    names, families = tuple(name for name, _ in models), tuple(family for _, family in models)
    useful = np.flatnonzero(candidates.target.any(axis=1))
    if len(useful) == 0 or len(models) == 1:
        return Blend(names, families, segments, np.full((len(segments), len(models)), 1 / len(models)))
    if len(useful) > config.max_users:
        useful = np.sort(np.random.default_rng(seed).choice(useful, config.max_users, replace=False))
    chosen = candidates.of(useful)
    configure_tensorflow(compute, seed)
    from models.blend_network import Learned, learned_weights  # loads TensorFlow

    alone = [Learned(np.tile(row, (len(segments), 1)), 0.0) for row in np.eye(len(models))]
    single = max(alone, key=lambda one: float(_ndcg(chosen, *one).mean()))
    mixes = [
        Learned((1 - mix) * learned.weights + mix * single.weights, learned.redistributed)
        for learned in learned_weights(chosen, len(segments), config)
        for mix in MIXES
    ]
    best = max([single, *mixes], key=lambda blend: _proven_gain(_ndcg(chosen, *blend) - _ndcg(chosen, *single), config.caution))
    weights = np.maximum(best.weights, LEAST_WEIGHT)
    return Blend(names, families, segments, weights / weights.sum(axis=1, keepdims=True), best.redistributed)


def _proven_gain(gain: NDArray[np.float64], caution: float) -> float:
    """Return the mean gain of a blend over the best single model, (users,), less standard errors of it: a blend has to earn its place."""
    return float(gain.mean() - caution * gain.std() / np.sqrt(len(gain)))


def _ndcg(candidates: Candidates, weights: NDArray[np.float64], redistributed: float) -> NDArray[np.float64]:
    """Rank the candidates as `Blend.scores` would and measure each user's NDCG; (users,)."""
    speaks_to = candidates.speaks.any(axis=2).T
    of_user = weights[candidates.segment] * speaks_to
    said, heard = (np.einsum("muc,um->uc", lists, of_user, dtype=np.float64) for lists in (candidates.z, candidates.speaks))
    counted = heard + (1 - redistributed) * (of_user.sum(axis=1, keepdims=True) - heard)
    scores = np.divide(said, counted, out=np.full(said.shape, -np.inf), where=heard > 0).astype(np.float32)
    lists, _ = top_k(scores, JUDGED_PLACES)
    return ranking_metrics(lists, sp.csr_matrix(candidates.target), JUDGED_PLACES)["ndcg"]
