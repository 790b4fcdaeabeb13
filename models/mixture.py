"""Models as probabilities: how sharply each should speak, and how much of a mixture of them each should be.

The mean of several softmaxes follows whichever is most peaked. Before they are averaged, each model's sharpness is therefore fitted to what
users really went on to like (temperature scaling, Guo et al. 2017); the shares of a mixture are those under which that was most likely.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.candidates import SHARPNESS, Candidates

FINE_STEPS = 400
"""Sharpnesses between the ends of the grid among which the best is chosen."""

EM_STEPS = 200
SEGMENT_PRIOR = 100.0
"""Users whose evidence a segment needs before its own shares count as much as everybody's."""


def temperatures(candidates: Candidates) -> tuple[float, ...]:
    """Return, for each model, the temperature of its softmax under which the held-out likes are least surprising; newcomers aside.

    A model that foresees nothing gets the highest there is; one without a single target to learn from speaks as standardised scores do.
    """
    return tuple(_temperature(candidates, model) for model in range(len(candidates.z)))


def _temperature(candidates: Candidates, model: int) -> float:
    hit = candidates.target & candidates.speaks[model]
    n_hits = hit.sum(axis=1)
    users = np.flatnonzero((n_hits > 0) & ~candidates.newcomer)
    if not len(users):
        return 1.0
    of_targets = np.where(hit[users], candidates.z[model, users].astype(np.float64), 0).sum(axis=1) / n_hits[users]
    fine = np.geomspace(SHARPNESS[0], SHARPNESS[-1], FINE_STEPS)
    mass = _log_mass_at(fine, candidates.log_mass[model, users].mean(axis=0))
    return float(1 / fine[np.argmin(mass - fine * of_targets.mean())])


def _log_mass_at(sharpness: ArrayLike, log_mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mass at any sharpness from that at a few, (..., SHARPNESS)."""
    from scipy.interpolate import CubicSpline  # a third of a second, for which every command would wait

    return CubicSpline(np.log(SHARPNESS), log_mass, axis=-1)(np.log(sharpness))


def likelihoods(candidates: Candidates, of_models: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the probability each model gives to each candidate, (models, users, candidates); zero where it is silent."""
    found = np.zeros(candidates.z.shape)
    for model, temperature in enumerate(of_models):
        speaks = candidates.speaks[model]
        users = np.flatnonzero(speaks.any(axis=1))
        if not len(users):
            continue
        log_mass = _log_mass_at(1 / temperature, candidates.log_mass[model, users])
        found[model, users] = np.where(speaks[users], np.exp(candidates.z[model, users] / temperature - log_mass[:, None]), 0)
    return found


def shares(candidates: Candidates, of_models: tuple[float, ...], n_segments: int) -> NDArray[np.float64]:
    """Return the shares of the mixture, (segments, models), under which the held-out likes are most likely.

    The likelihood of a mixture is concave in its shares, so expectation maximisation ends at the best ones. A user to whom a model does
    not speak says nothing about its share; a segment is drawn to everybody's shares by `SEGMENT_PRIOR` users.
    """
    n_models = len(candidates.z)
    given = likelihoods(candidates, of_models)
    speaks_to = candidates.speaks_to
    user, place = np.nonzero(candidates.within_reach)
    weight = 1 / np.bincount(user, minlength=len(candidates.segment))[user]
    found = given[:, user, place].T
    warm = ~candidates.newcomer[user]
    everybody = np.full(n_models, 1 / n_models)
    if warm.any():  # newcomers alone are drawn to no model more than to another
        everybody = _most_likely(found[warm], speaks_to[user[warm]], weight[warm], everybody, 0.0)
    rows = np.tile(everybody, (n_segments, 1))
    for segment in range(n_segments):
        members = np.flatnonzero(candidates.segment[user] == segment)
        if len(members):
            rows[segment] = _most_likely(found[members], speaks_to[user[members]], weight[members], everybody, SEGMENT_PRIOR)
    return rows


def _most_likely(
    given: NDArray[np.float64], speaks: NDArray[np.bool_], weight: NDArray[np.float64], start: NDArray[np.float64], prior: float
) -> NDArray[np.float64]:
    """Climb to the shares under which targets (targets, models) are most likely; a prior of so many users sees them at `start`.

    A model that speaks to none of the users has no share. Whatever is at zero would stay there, so the climb begins a little inside.
    """
    heard = speaks.any(axis=0)
    start = np.where(heard, np.maximum(start, 1e-12), 0)
    start /= start.sum()
    shares = 0.9 * start + 0.1 * heard / heard.sum()
    for _ in range(EM_STEPS):
        said = given * shares
        total = said.sum(axis=1, keepdims=True)
        blame = np.divide(said, total, out=np.broadcast_to(shares, said.shape).copy(), where=total > 0)
        # Where a model does not speak to a user its share is what it is: what the others say is divided among them alone.
        silent = np.where(speaks, 0, shares)
        blame = np.where(speaks, blame * (1 - silent.sum(axis=1, keepdims=True)), silent)
        counts = (blame * weight[:, None]).sum(axis=0) + prior * start
        updated = np.where(heard, np.maximum(counts / counts.sum(), 1e-12), 0)
        if np.abs(updated - shares).max() < 1e-9:
            break
        shares = updated
    return shares / shares.sum()
