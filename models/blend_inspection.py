"""How sure the weights of a blend are, and what the blend would lose without each of its models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.blend import Blend
from models.blend_training import BlendConfig, ndcg_of_terms
from models.blend_weights import resampled_weights
from models.candidates import Candidates
from models.mixture import likelihoods, shares


def weight_deviations(candidates: Candidates, blend: Blend, method: str, config: BlendConfig, seed: int) -> NDArray[np.float64] | None:
    """Return the standard deviation of each weight over resamples of the users, (segments, models); None where none are learned."""
    if apart := candidates.of_newcomers_and_others():
        of_new, of_warm = (weight_deviations(part, blend, method, config, seed) for part in apart)
        return None if of_new is None or of_warm is None else np.concatenate([of_new[:1], of_warm[1:]])
    rng = np.random.default_rng(seed)
    chosen = candidates.drawn(config.max_users, rng)
    n_users = len(chosen.segment)
    if config.resamples < 2 or n_users < 2 or len(blend.models) < 2 or method not in ("learned", "mixture"):
        return None
    if method == "learned":
        return resampled_weights(chosen, len(blend.segments), config, seed).std(axis=0, ddof=1)
    fitted = blend.voice.temperatures or ()
    drawn = [shares(chosen.of(np.sort(rng.choice(n_users, n_users))), fitted, len(blend.segments)) for _ in range(config.resamples)]
    return np.stack(drawn).std(axis=0, ddof=1)


def losses_without(candidates: Candidates, half: NDArray[np.int8], halves: tuple[Blend, Blend]) -> NDArray[np.float64] | None:
    """Return the NDCG that each user's list loses when a model falls silent, (models, users); None for blends of ranks.

    Each user is judged by the blend that the other half of the users taught. The candidates are the users' best of every model: what a
    list is made of.
    """
    if halves[0].voice.scale == "reciprocal_rank" or (halves[0].voice.scale != "standardised" and halves[0].voice.temperatures is None):
        return None
    found = np.zeros((len(halves[0].models), len(half)))
    for number, blend in enumerate(halves):
        users = np.flatnonzero((half == number) & candidates.useful)
        judged = candidates.of(users)
        terms = _terms(judged, blend)
        whole = ndcg_of_terms(judged, terms, blend.weights, blend.redistributed)
        for model in range(len(blend.models)):
            weights = blend.weights.copy()
            weights[:, model] = 0
            found[model, users] = whole - ndcg_of_terms(judged, terms, weights, blend.redistributed)
    return found


def _terms(candidates: Candidates, blend: Blend) -> NDArray[np.float64]:
    if blend.voice.scale == "standardised":
        return candidates.z.astype(np.float64)
    shares_of_mass = likelihoods(candidates, blend.voice.temperatures or ())
    if blend.voice.scale == "probability":
        return shares_of_mass
    return np.log(np.where(candidates.speaks, shares_of_mass, 1))
