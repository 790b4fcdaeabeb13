"""Learn from the holdout how much each model counts, per user segment, for every kind of blend there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.blend import Blend
from models.candidates import Candidates
from models.compute import side_by_side
from models.metrics import ranking_metrics
from models.mixture import shares, temperatures
from models.scorer import Family
from models.top_k import top_k
from models.voices import AS_THEY_ARE, Voice

BlendMethod = Literal["learned", "mixture", "ys_mean", "ys_mean_raw", "log_linear", "weighted_mean", "z_mean", "rrf"]

JUDGED_PLACES = 10
"""Length of the lists whose NDCG chooses among weights."""

MIXES = (0.0, 0.25, 0.5, 0.75)
"""How far learned weights may be drawn towards the best single model."""

BY_MASS = frozenset({"mixture", "ys_mean", "log_linear"})
"""Methods that learn how sharply each model speaks, from the mass it gives to everything a user could be shown."""

LEAST_WEIGHT = 1e-6
"""No model is silenced for good: it may be the only one to know a user who joins tomorrow."""


class BlendConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How models are blended, and how the weights are learned."""

    method: str = "learned"
    """The blend that is published: learned, mixture, ys_mean, ys_mean_raw, log_linear, weighted_mean, z_mean, rrf, or one model's name."""

    compare: tuple[BlendMethod, ...] = ("learned", "mixture", "ys_mean", "ys_mean_raw", "log_linear", "weighted_mean", "z_mean", "rrf")
    """Blends that the report shows beside the published one, on the same holdout."""

    weights: dict[str, float] = {}
    """Model -> weight in weighted_mean; models without one count 1."""

    candidates: int = Field(30, ge=10)
    """Items per model among which the weights must learn to find what the user went on to like: each model's best."""

    max_targets: int = Field(20, ge=1)
    """Held-out likes per user that are learned from."""

    max_users: int = Field(6000, ge=100)
    """Users the weights are learned from; a few thousand settle a few weights."""

    max_compared_users: int = Field(1000, ge=100)
    """Of these users, how many teach the blends that are only compared."""

    steps: int = Field(150, ge=1)
    """Steps of the optimiser over all users, at most, for each of its two losses."""

    temperature: float = Field(1.0, gt=0)
    """Divides what the weights' softmax is taken of: above 1 the weights stay closer to each other."""

    prior_users: float = Field(20.0, ge=0)
    """Users whose evidence it takes to draw the weights halfway from equal ones: few users must not silence a model by chance."""

    shrinkage: float = Field(0.02, ge=0)
    """L2 penalty by which a segment's weights are drawn to those of everybody; what a small segment cannot prove it does not get."""

    caution: float = Field(1.0, ge=0)
    """Standard errors of its gain in NDCG that a blend must do without when it competes with the best single model."""

    resamples: int = Field(20, ge=0)
    """Times the weights are learned anew from users drawn with replacement, for their intervals; none gives no intervals."""


class Models(NamedTuple):
    """The models of a blend, in order, and the user segments it has weights for."""

    names: tuple[str, ...]
    families: tuple[Family, ...]
    segments: tuple[str, ...]

    @property
    def alike(self) -> NDArray[np.float64]:
        """Return weights that prefer no model; (models,)."""
        return np.ones(len(self.names))

    def alone(self, speaker: str) -> Blend:
        """Let one of the models speak, and the others only to those it does not know."""
        return self.blend(np.array([float(name == speaker) for name in self.names]), 0.0)

    def blend(self, weights: NDArray[np.float64], redistributed: float = 1.0, voice: Voice = AS_THEY_ARE) -> Blend:
        """Return the blend with these weights: (segments, models), or (models,) for all segments alike."""
        rows = np.tile(weights, (len(self.segments), 1)) if weights.ndim == 1 else weights
        heard = np.maximum(rows / rows.sum(axis=1, keepdims=True), LEAST_WEIGHT)
        return Blend(self.names, self.families, self.segments, heard / heard.sum(axis=1, keepdims=True), redistributed, voice)


def fit_blends(candidates: Candidates, models: Models, methods: Sequence[str], config: BlendConfig, seed: int) -> dict[str, Blend]:
    """Fit blends by the held-out likes of some users; a method may also be the name of a model, which then speaks alone.

    Nothing to learn from gives equal weights. Users are drawn with the seed where there are more than are needed.
    """
    chosen = candidates.drawn(config.max_users, np.random.default_rng(seed))
    fitted: dict[str, Blend] = {}
    for method in methods:
        if method in models.names:
            fitted[method] = models.alone(method)
        elif not len(chosen.segment) or len(models.names) == 1:
            fitted[method] = models.blend(models.alike)
        else:
            fitted[method] = FITS[method](chosen, models, config)
    return fitted


def cross_fit(
    candidates: Candidates,
    models: Models,
    half: NDArray[np.int8],
    methods: Sequence[str],
    config: BlendConfig,
    seed: int,
) -> dict[str, tuple[Blend, Blend, Blend]]:
    """Fit every blend three times: on all users, to publish; for each half of them on the other half, to judge it by."""

    def fitted(users: NDArray[np.bool_]) -> dict[str, Blend]:
        return fit_blends(candidates.of(np.flatnonzero(users)), models, methods, config, seed)

    everybody, first, second = side_by_side(fitted, (np.ones(len(half), np.bool_), half == 1, half == 0))
    return {method: (everybody[method], first[method], second[method]) for method in methods}


def _learned(candidates: Candidates, models: Models, config: BlendConfig) -> Blend:
    """Learn softmax-normalised weights of standardised scores; those of newcomers apart, to whom few models speak.

    A loss only stands in for NDCG. So that it never costs what it should win, NDCG on these same users then chooses: among what was
    learned, the best single model, and mixes of both.
    """
    from models.blend_weights import Learned, learned_weights

    if apart := candidates.of_newcomers_and_others():
        of_new, of_warm = (_learned(part, models, config) for part in apart)
        return models.blend(np.concatenate([of_new.weights[:1], of_warm.weights[1:]]), of_warm.redistributed)

    def ndcg(one: Learned) -> NDArray[np.float64]:
        return ndcg_of_terms(candidates, candidates.z, one.weights, one.redistributed)

    # What nobody here ever hears has nothing to earn.
    n_segments, heard = len(models.segments), candidates.speaks_to.any(axis=0)
    alone = (Learned(np.tile(row, (n_segments, 1)), 0.0) for row in np.eye(len(models.names))[heard])
    single = max(alone, key=lambda one: ndcg(one).mean())
    mixes = [
        Learned((1 - mix) * learned.weights + mix * single.weights, learned.redistributed)
        for learned in learned_weights(candidates, n_segments, config)
        for mix in MIXES
    ]
    of_single = ndcg(single)
    best = max([single, *mixes], key=lambda one: _proven_gain(ndcg(one) - of_single, config.caution))
    return models.blend(best.weights * heard, best.redistributed)


def _mixture(candidates: Candidates, models: Models) -> Blend:
    """Average calibrated softmaxes by the shares under which the held-out likes are most likely."""
    fitted = temperatures(candidates)
    return models.blend(shares(candidates, fitted, len(models.segments)), 0.0, Voice("probability", fitted))


FITS: dict[str, Callable[[Candidates, Models, BlendConfig], Blend]] = {
    "learned": _learned,
    "mixture": lambda candidates, models, _: _mixture(candidates, models),
    "ys_mean": lambda candidates, models, _: models.blend(models.alike, 0.0, Voice("probability", temperatures(candidates))),
    "ys_mean_raw": lambda _, models, __: models.blend(models.alike, 0.0, Voice("probability")),
    "log_linear": lambda candidates, models, _: models.blend(models.alike, 1.0, Voice("log_probability", temperatures(candidates))),
    "weighted_mean": lambda _, models, config: models.blend(np.array([config.weights.get(name, 1.0) for name in models.names])),
    "z_mean": lambda _, models, __: models.blend(models.alike),
    "rrf": lambda _, models, __: models.blend(models.alike, 1.0, Voice("reciprocal_rank")),
}
"""What each method makes of the candidates: which terms are averaged, by which weights, and what becomes of a silent model's weight."""


def _proven_gain(gain: NDArray[np.float64], caution: float) -> float:
    """Return the mean gain of a blend over the best single model, (users,), less standard errors of it: a blend has to earn its place."""
    return float(gain.mean() - caution * gain.std() / np.sqrt(len(gain)))


def ndcg_of_terms(
    candidates: Candidates, terms: NDArray[np.floating], weights: NDArray[np.float64], redistributed: float
) -> NDArray[np.float64]:
    """Rank the candidates by weighted terms, (models, users, candidates), as `Blend.scores` would, and measure NDCG; (users,)."""
    of_user = weights[candidates.segment] * candidates.speaks_to
    said, heard = (np.einsum("muc,um->uc", lists, of_user, dtype=np.float64) for lists in (terms, candidates.speaks))
    counted = heard + (1 - redistributed) * (of_user.sum(axis=1, keepdims=True) - heard)
    scores = np.divide(said, counted, out=np.full(said.shape, -np.inf), where=heard > 0).astype(np.float32)
    lists, _ = top_k(scores, JUDGED_PLACES)
    return ranking_metrics(lists, sp.csr_matrix(candidates.target), JUDGED_PLACES)["ndcg"]
