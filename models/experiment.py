"""An experiment: which points of a hash belong to which variant, and by what blend a variant ranks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from models.blend import Blend

POINTS = 2**32
"""Points that users are hashed to, from 0 on."""


class Range(NamedTuple):
    """The points from `first` on, and below `below`, belong to the variant of this number."""

    variant: int
    first: int
    below: int


def ranges(shares: Sequence[float]) -> tuple[Range, ...]:
    """Divide the points among variants, the first of which is the control; the ranges ascend and leave no gap.

    Each other variant has a lane of its own, as wide as those of the others, and holds its lower end; the control holds what is left. So
    where one of them grows at the cost of the control, whoever is in any of them stays there. A share that is wider than a lane goes on at
    the upper ends of the next ones, which promises that no longer.
    """
    lanes = len(shares) - 1
    edges = [POINTS * lane // lanes for lane in range(lanes + 1)] if lanes else [0, POINTS]
    lower, upper = edges[:-1], edges[1:]
    found, further = [], []
    for lane, share in enumerate(shares[1:]):
        size = round(share * POINTS)
        own = min(size, upper[lane] - lower[lane])
        found.append(Range(lane + 1, lower[lane], lower[lane] + own))
        lower[lane] += own
        further.append(size - own)
    for lane, missing in enumerate(further):
        for step in range(1, lanes):
            other = (lane + step) % lanes
            taken = min(missing, upper[other] - lower[other])
            found.append(Range(lane + 1, upper[other] - taken, upper[other]))
            upper[other] -= taken
            missing -= taken
    found += [Range(0, first, below) for first, below in zip(lower, upper, strict=True)]
    return tuple(sorted((one for one in found if one.first < one.below), key=lambda one: one.first))


def variant_blend(blend: Blend, models: Collection[str] | None, weights: Mapping[str, float]) -> Blend:
    """Return the blend that a variant ranks by, given the learned one: of `models`, and by `weights` in all segments if there are any.

    What has no weight in any segment is no part of it, so that it is silent rather than adding zero. The order of the models stays, and
    so does the blend itself where a variant asks for nothing. In a segment that hears none of its models they count alike.
    Raises ValueError where none of the models takes part.
    """
    if models is None and not weights:
        return blend
    own = np.array([[weights.get(model, 0.0) for model in blend.models]])
    given = np.repeat(own, len(blend.segments), axis=0) if weights else blend.weights
    named = np.array([models is None or model in models for model in blend.models])
    kept = np.flatnonzero(named & (given > 0).any(axis=0))
    if not len(kept):
        raise ValueError(f"none of the models of the variant is among {', '.join(blend.models)}")
    heard = given[:, kept]
    heard = np.where(heard.sum(axis=1, keepdims=True) > 0, heard, 1.0)
    temperatures = blend.voice.temperatures
    return replace(
        blend,
        models=tuple(blend.models[place] for place in kept),
        families=tuple(blend.families[place] for place in kept),
        weights=heard / heard.sum(axis=1, keepdims=True),
        voice=replace(blend.voice, temperatures=None if temperatures is None else tuple(temperatures[place] for place in kept)),
    )
