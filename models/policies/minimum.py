"""How likely a recommended item is liked, by its score, and from which score on it is likely enough to be shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, Field
from scipy.optimize import isotonic_regression

PLACES_A_STEP = 200
"""Judged places that a step of a curve rests on at least, before users are told apart."""

MOST_STEPS = 50
"""Steps that a curve has at most."""

PRIOR_PLACES = 100.0
"""What everybody's curve counts for in that of a segment, as so many judged places a step."""


class MinimumConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How likely an item must be liked to be shown."""

    chance: float = Field(0.0, ge=0, lt=1)
    """Smallest chance that the user likes the item within the time that is held out, as measured tonight on users who liked something
    then; 0 shows whatever ranks best."""

    def scores(self, calibration: Calibration | None) -> NDArray[np.float32] | None:
        """Return the smallest score to show in each segment, (segments,); None where nothing is asked for or nothing was measured."""
        return calibration.threshold(self.chance) if calibration and self.chance else None


class Curve(BaseModel, frozen=True, extra="forbid"):
    """The chance of a like by score: step `i` begins at `scores[i]` and reaches to the next; both rise."""

    scores: tuple[float, ...]
    """Each is a float32 number; below the first of them the first step goes on, for nothing was measured there."""

    chances: tuple[float, ...]
    places: int
    """How many judged places it was measured on."""


class Calibration(BaseModel, frozen=True, extra="forbid"):
    """The curve of everybody and that of every segment, in the order of the segments."""

    everybody: Curve
    segments: dict[str, Curve]

    def chance(self, scores: ArrayLike, segment: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the chance that an item of this score is liked by a user of this segment; both, and the result, (n,)."""
        given, found = np.asarray(scores, np.float32), np.zeros(len(segment))
        for index, curve in enumerate(self.segments.values()):
            rows = segment == index
            step = np.searchsorted(np.array(curve.scores, np.float32), given[rows], side="right") - 1
            found[rows] = np.array(curve.chances)[np.maximum(step, 0)]
        return found

    def threshold(self, chance: float) -> NDArray[np.float32]:
        """Return, for every segment, the smallest score from which on the chance of a like is as large; (segments,).

        It is -inf where even the lowest scores measured are liked that often, and inf where none is: nothing is then good enough.
        """
        found = np.full(len(self.segments), np.inf, np.float32)
        for index, curve in enumerate(self.segments.values()):
            enough = np.flatnonzero(np.array(curve.chances) >= chance)
            if len(enough):
                found[index] = curve.scores[enough[0]] if enough[0] else -np.inf
        return found


def calibrate(
    scores: NDArray[np.floating], hits: NDArray[np.bool_], segment: NDArray[np.integer], segments: tuple[str, ...]
) -> Calibration:
    """Measure how often what was recommended was liked, by its score: never less often at a higher score.

    scores, hits and segment (places,) hold one entry a recommended item of a judged user, in any order. A segment's curve is drawn towards
    everybody's, by so much the more the less was measured; one without places has everybody's. Raises ValueError where nothing was judged
    or a score is no number.
    """
    given = scores.astype(np.float32)
    if not len(given) or not np.isfinite(given).all():
        raise ValueError(f"calibration needs finite scores of judged places, got {len(given)}, {np.isfinite(given).sum()} of them finite")
    begins = _begins(given)
    cell = segment.astype(np.int64) * len(begins) + np.searchsorted(begins, given, side="right") - 1
    shape = (len(segments), len(begins))
    places = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    liked = np.bincount(cell[hits], minlength=shape[0] * shape[1]).reshape(shape)
    together = _rising(liked.sum(axis=0) / places.sum(axis=0), places.sum(axis=0))
    weight = places + PRIOR_PLACES
    rates = (liked + PRIOR_PLACES * together) / weight
    curves = {
        name: _curve(begins, _rising(rates[index], weight[index]) if places[index].any() else together, int(places[index].sum()))
        for index, name in enumerate(segments)
    }
    return Calibration(everybody=_curve(begins, together, len(given)), segments=curves)


def _begins(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the scores at which steps begin, ascending: about as many places in each, equal scores together."""
    ordered = np.sort(scores)
    n_steps = int(np.clip(len(scores) // PLACES_A_STEP, 1, MOST_STEPS))
    return np.unique(ordered[np.arange(n_steps) * len(scores) // n_steps])


def _rising(rates: NDArray[np.float64], weight: NDArray[np.floating | np.integer]) -> NDArray[np.float64]:
    return np.asarray(isotonic_regression(rates, weights=weight.astype(np.float64)).x)


def _curve(begins: NDArray[np.float32], chances: NDArray[np.float64], places: int) -> Curve:
    """Leave out the steps that are no higher than the one below."""
    higher = np.append(True, np.diff(chances) > 0)
    return Curve(scores=tuple(begins[higher].tolist()), chances=tuple(chances[higher].tolist()), places=places)
