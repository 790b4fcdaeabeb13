"""Find the weights of a blend that rank the held-out likes best: softmax-normalised, per segment, by their gradient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from models.blend_losses import Array, Cells, ListLoss, Lists, ndcg_loss, softmax_loss
from models.blend_training import BlendConfig
from models.candidates import Candidates
from models.divergence import finite

RANK_SHARPNESS = 3.0
"""Per z-score, how sharply smooth ranks tell two candidates apart at the start."""

REACH = 12.0
"""How far logits and the log of the sharpness may go: further out nothing changes but the risk of overflow."""

LEAST_PROGRESS = 1e-7
"""Share of a loss by which a step must lower it to be followed by another."""

RESAMPLED_STEPS = 15
"""Steps from the best weights of all users to those of a resample: they are not far."""


class Learned(NamedTuple):
    """What a blend is made of: weights (segments, models), and the share that a model silent of an item leaves to the others."""

    weights: Array
    redistributed: float


def learned_weights(candidates: Candidates, n_segments: int, config: BlendConfig) -> list[Learned]:
    """Return what the softmax loss ends at, and where smooth NDCG leads from there."""
    problem = WeightProblem(candidates, n_segments, config)
    by_softmax = problem.minimise(softmax_loss, problem.start, config.steps)
    from_there = by_softmax.copy()
    from_there[problem.sharpness] = np.log(RANK_SHARPNESS)
    return [problem.learned(point) for point in (by_softmax, problem.minimise(ndcg_loss, from_there, config.steps))]


def resampled_weights(candidates: Candidates, n_segments: int, config: BlendConfig, seed: int) -> Array:
    """Return the weights that the softmax loss ends at for users drawn with replacement; (resamples, segments, models)."""
    problem, rng = WeightProblem(candidates, n_segments, config), np.random.default_rng(seed)
    best, n_users = problem.minimise(softmax_loss, problem.start, config.steps), len(candidates.segment)
    found = []
    for _ in range(config.resamples):
        problem.user_weight = np.bincount(rng.integers(n_users, size=n_users), minlength=n_users) / n_users
        found.append(problem.learned(problem.minimise(softmax_loss, best, RESAMPLED_STEPS)).weights)
    return np.stack(found)


class WeightProblem:
    """Logits of the models for everybody, and what each segment adds to them, as one point: their softmax is the segment's weights.

    A point holds the logits of everybody (models,), their deviations (segments, models), the log of how sharply scores tell candidates
    apart, and the logit of the share redistributed.
    """

    def __init__(self, candidates: Candidates, n_segments: int, config: BlendConfig) -> None:
        self.lists, self.config = Lists.of(candidates), config
        self.n_segments, self.n_models = n_segments, len(candidates.z)
        self.segment = candidates.segment
        n_users = len(candidates.segment)
        self.user_weight = np.full(n_users, 1 / n_users)
        self.evenness = config.prior_users / n_users / n_segments
        self.sharpness = self.n_models * (1 + n_segments)
        self.start = np.zeros(self.sharpness + 2)
        self.bounds = [(-REACH, REACH)] * len(self.start)

    def minimise(self, loss: ListLoss, start: Array, steps: int) -> Array:
        """Return where a loss leads by L-BFGS; raises DivergedError on a loss that is no number."""
        from scipy.optimize import minimize  # a third of a second, for which every command would wait

        found = minimize(
            self.value,
            start,
            args=(loss,),
            jac=True,
            method="L-BFGS-B",
            bounds=self.bounds,
            options={"maxiter": steps, "ftol": LEAST_PROGRESS},
        )
        finite(float(found.fun), "blend", int(found.nit))
        return np.asarray(found.x)

    def learned(self, point: Array) -> Learned:
        """Read weights and redistribution off a point."""
        return Learned(self._weights(point)[0], float(expit(point[-1])))

    def value(self, point: Array, loss: ListLoss) -> tuple[float, Array]:
        """Return the penalised loss at a point and its gradient there."""
        weights, deviation = self._weights(point)
        sharpness, redistributed = np.exp(point[-2]), expit(point[-1])
        of_user = np.where(self.lists.speaks_to, weights[self.segment], 0)
        z, speaks = self.lists.z, self.lists.speaks
        said, heard = (np.einsum("umc,um->uc", part, of_user.astype(np.float32)) for part in (z, speaks))
        total = of_user.sum(axis=1, keepdims=True).astype(np.float32)
        # As `Blend.scores` blends, times the sharpness.
        counted = np.float32(redistributed) * heard + np.float32(1 - redistributed) * total + np.float32(1e-9)
        scores = np.float32(sharpness) * said / counted
        value, of_scores = loss(self.lists, scores, self.user_weight)
        finite(value, "blend", 0)
        of_said, of_counted = np.float32(sharpness) * of_scores / counted, -of_scores * scores / counted
        of_users = _transposed(z, of_said) + redistributed * _transposed(speaks, of_counted)
        of_users += (1 - redistributed) * of_counted.sum(axis=1, keepdims=True, dtype=np.float64)
        of_weights = np.zeros_like(weights)
        np.add.at(of_weights, self.segment, np.where(self.lists.speaks_to, of_users, 0))
        log_weights = np.log(weights + 1e-9)
        of_weights += self.evenness * (log_weights + 1)
        of_logits = weights * (of_weights - (weights * of_weights).sum(axis=1, keepdims=True)) / self.config.temperature
        of_redistributed = (of_counted * (heard - total)).sum(dtype=np.float64) * redistributed * (1 - redistributed)
        of_deviation = of_logits + 2 * self.config.shrinkage * deviation
        penalty = self.config.shrinkage * (deviation**2).sum()
        penalty += self.evenness * (weights * log_weights).sum()
        of_scalars = np.array([(of_scores * scores).sum(dtype=np.float64), of_redistributed])
        return value + float(penalty), np.concatenate([of_logits.sum(axis=0), of_deviation.ravel(), of_scalars])

    def _weights(self, point: Array) -> tuple[Array, Array]:
        everybody, deviation = point[: self.n_models], point[self.n_models : self.sharpness].reshape(self.n_segments, self.n_models)
        return softmax((everybody + deviation) / self.config.temperature, axis=1), deviation


def _transposed(part: NDArray[np.float32], of_lists: Cells) -> Array:
    """Add up a gradient over candidates (users, candidates) for each model; (users, models)."""
    return np.einsum("umc,uc->um", part, of_lists).astype(np.float64)
