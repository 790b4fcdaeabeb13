"""Learn from the holdout how much each model counts, per user segment, by a ranking loss over each user's hardest candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.blend import Blend, BlockScores
from models.compute import ComputeConfig, configure_tensorflow
from models.divergence import finite
from models.scorer import Family
from models.top_k import top_k

MIXES = (0.0, 0.25, 0.5, 0.75, 0.999)
"""How far learned weights may be drawn towards the best single model; never all the way, or nobody would speak where it abstains."""


class BlendConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How the weights of the models are learned."""

    candidates: int = Field(100, ge=10)
    """Items per model among which the weights must learn to find what the user went on to like: each model's best."""

    max_targets: int = Field(20, ge=1)
    """Held-out likes per user that are learned from."""

    max_users: int = Field(6000, ge=100)
    """Users the weights are learned from; a few thousand settle a few weights."""

    steps: int = Field(200, ge=1)
    """Steps of the optimiser over all users."""

    learning_rate: float = Field(0.05, gt=0)
    """Step size of Adam."""

    shrinkage: float = Field(0.02, ge=0)
    """How strongly a segment's weights are drawn to those of everybody; what a small segment cannot prove it does not get."""


@dataclass(frozen=True)
class Candidates:
    """What each user could be shown, and what they went on to like.

    z (models, users, candidates) standardised scores; speaks, alike, where a model may speak; target and valid (users, candidates);
    segment (users,).
    """

    z: NDArray[np.float32]
    speaks: NDArray[np.bool_]
    target: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    segment: NDArray[np.int16]

    @classmethod
    def together(cls, blocks: Sequence[Candidates]) -> Candidates:
        """Join the candidates of several blocks of users."""
        return cls(
            np.concatenate([block.z for block in blocks], axis=1),
            np.concatenate([block.speaks for block in blocks], axis=1),
            np.concatenate([block.target for block in blocks]),
            np.concatenate([block.valid for block in blocks]),
            np.concatenate([block.segment for block in blocks]),
        )

    def of(self, users: NDArray[np.intp]) -> Candidates:
        """Return the candidates of some users."""
        return Candidates(self.z[:, users], self.speaks[:, users], self.target[users], self.valid[users], self.segment[users])


def collect(
    block: BlockScores, segment: NDArray[np.int16], allowed: NDArray[np.bool_], targets: sp.csr_matrix, config: BlendConfig
) -> Candidates:
    """Gather each user's candidates: the best of every model among what is allowed, and what the user went on to like.

    allowed (block, items) marks what may be recommended; targets (block, items) holds the held-out likes.
    """
    parts = [_targets_of(targets, config.max_targets)]
    for place, z in enumerate(block.z):
        may_speak = allowed & block.item_speaks[place] & block.user_speaks[place][:, None]
        parts.append(top_k(np.where(may_speak, z, np.float32(-np.inf)), config.candidates)[0])
    items = np.sort(np.concatenate(parts, axis=1), axis=1)
    items[:, 1:][items[:, 1:] == items[:, :-1]] = -1
    rows = np.arange(len(items))[:, None]
    at = np.maximum(items, 0)
    valid = (items >= 0) & allowed[rows, at]
    wanted = np.asarray(targets[np.repeat(rows, items.shape[1], axis=1).ravel(), at.ravel()]).reshape(items.shape) > 0
    speaks = block.user_speaks[:, :, None] & block.item_speaks[:, at] & valid
    return Candidates(block.z[:, rows, at], speaks, wanted & valid, valid & speaks.any(axis=0), segment)


def _targets_of(targets: sp.csr_matrix, most: int) -> NDArray[np.int32]:
    lists = np.full((targets.shape[0], most), -1, np.int32)
    for row in range(targets.shape[0]):
        items = targets.indices[targets.indptr[row] : targets.indptr[row + 1]][:most]
        lists[row, : len(items)] = items
    return lists


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
    everybody = np.arange(len(half))
    learned, for_first, for_second = (
        learn(candidates.of(users), models, segments, config, compute, seed)
        for users in (everybody, np.flatnonzero(half == 1), np.flatnonzero(half == 0))
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

    The ranking loss stands in for NDCG. So that the stand-in never costs what it should win, the learned weights are finally drawn
    towards the best single model as far as NDCG on these same users says.
    """
    names, families = tuple(name for name, _ in models), tuple(family for _, family in models)
    equal = np.full((len(segments), len(models)), 1 / len(models))
    useful = np.flatnonzero((candidates.target & candidates.valid).any(axis=1))
    if len(useful) == 0 or len(models) == 1:
        return Blend(names, families, segments, equal)
    if len(useful) > config.max_users:
        useful = np.sort(np.random.default_rng(seed).choice(useful, config.max_users, replace=False))
    chosen = candidates.of(useful)
    weights = _descend(chosen, len(segments), config, compute, seed)
    single = max(np.eye(len(models)), key=lambda row: float(_ndcg(chosen, np.tile(row, (len(segments), 1))).mean()))
    mixed = [(1 - mix) * weights + mix * single for mix in MIXES]
    return Blend(names, families, segments, max(mixed, key=partial(_proven_gain, chosen, np.tile(single, (len(segments), 1)))))


def _proven_gain(chosen: Candidates, single: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return what weights gain in NDCG over the best single model, less half a standard error: a blend has to earn its place."""
    gain = _ndcg(chosen, weights) - _ndcg(chosen, single)
    return float(gain.mean() - 0.5 * gain.std() / np.sqrt(len(gain)))


def _descend(chosen: Candidates, n_segments: int, config: BlendConfig, compute: ComputeConfig, seed: int) -> NDArray[np.float64]:
    """Minimise the listwise softmax loss over everybody's logits and each segment's deviation from them; (segments, models)."""
    configure_tensorflow(compute, seed)
    import keras
    import tensorflow as tf

    n_models = len(chosen.z)
    everybody = keras.Variable(np.zeros(n_models, np.float32))
    deviation = keras.Variable(np.zeros((n_segments, n_models), np.float32))
    log_scale = keras.Variable(np.float32(1))
    variables = [everybody, deviation, log_scale]
    optimizer = keras.optimizers.Adam(config.learning_rate)
    optimizer.build(variables)
    z, speaks = tf.constant(np.moveaxis(chosen.z, 0, -1)), tf.constant(np.moveaxis(chosen.speaks, 0, -1).astype(np.float32))
    target = tf.constant(_shares(chosen.target & chosen.valid))
    hidden = tf.constant(np.where(chosen.valid, 0, -1e9).astype(np.float32))
    segment = tf.constant(chosen.segment.astype(np.int32))

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            weights = tf.nn.softmax(everybody + deviation)
            spoken = tf.gather(weights, segment)[:, None, :] * speaks
            blended = tf.reduce_sum(spoken * z, -1) / (tf.reduce_sum(spoken, -1) + 1e-9)
            log_share = tf.nn.log_softmax(tf.exp(log_scale) * blended + hidden)
            loss = -tf.reduce_mean(tf.reduce_sum(target * log_share, -1)) + config.shrinkage * tf.reduce_sum(tf.square(deviation))
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
        return loss

    for number in range(config.steps):
        finite(float(step()), "blend", number)
    logits = everybody.numpy().astype(np.float64) + deviation.numpy().astype(np.float64)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _shares(target: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give each user's targets equal shares of 1."""
    return (target / np.maximum(target.sum(axis=1, keepdims=True), 1)).astype(np.float32)


def _ndcg(chosen: Candidates, weights: NDArray[np.float64], k: int = 10) -> NDArray[np.float64]:
    """Rank the candidates with these weights and measure each user's NDCG at k; (users,)."""
    spoken = np.moveaxis(weights[chosen.segment], -1, 0)[:, :, None] * chosen.speaks
    total = spoken.sum(axis=0)
    blended = np.divide((spoken * chosen.z).sum(axis=0), total, out=np.full(total.shape, -np.inf), where=total > 0)
    blended[~chosen.valid] = -np.inf
    order = np.argsort(-blended, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(chosen.target & np.isfinite(blended), order, 1)
    discount = 1 / np.log2(np.arange(2, k + 2))[: hits.shape[1]]
    ideal = np.cumsum(discount)[np.minimum(np.maximum(chosen.target.sum(axis=1), 1), len(discount)) - 1]
    return (hits * discount).sum(axis=1) / ideal
