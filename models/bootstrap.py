"""Say how sure a mean over users is: seeded percentile bootstrap intervals, alone or of a difference paired user by user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

Name = TypeVar("Name", bound=str)

DRAWS_AT_ONCE = 1_000_000
"""Users drawn at a time over all resamples: what bounds memory. It changes no interval."""


class BootstrapConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How intervals are drawn."""

    resamples: int = Field(1000, ge=100)
    """How often the users are drawn anew; the ends of the interval settle as this grows."""

    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Share of such intervals that should hold the true mean."""


@dataclass(frozen=True)
class Interval:
    """A mean over n users and where it may truly lie.

    Nothing is made up: no users have no mean, and one user says nothing about the next, so has no ends.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int

    def wholly_below(self, limit: float) -> bool:
        """Say whether even the upper end lies below `limit`; an interval without ends proves nothing."""
        return self.high is not None and self.high < limit


@dataclass(frozen=True)
class Comparison:
    """One mean set against a rival's over the same users: the rival's mean, and ours minus theirs."""

    rival: float | None
    difference: Interval


def compare(ours: NDArray[np.float64], theirs: NDArray[np.float64], seed: int, config: BootstrapConfig) -> Comparison:
    """Compare two values per user, both (users,) in the same order; users are drawn, never one side alone."""
    if ours.shape != theirs.shape:
        raise ValueError(f"a paired comparison needs the same users on both sides, got {len(ours)} and {len(theirs)}")
    rival = float(theirs.mean()) if len(theirs) else None
    return Comparison(rival, mean_interval(ours - theirs, seed, config))


def mean_interval(values: NDArray[np.float64], seed: int, config: BootstrapConfig) -> Interval:
    """Return the mean of one value per user, (users,), with its interval."""
    return mean_intervals({"": values}, seed, config)[""]


def mean_intervals(columns: Mapping[Name, NDArray[np.float64]], seed: int, config: BootstrapConfig) -> dict[Name, Interval]:
    """Return the means of several values per user, each (users,), all drawn from the same resamples of the users."""
    table = np.stack([np.asarray(values, np.float64) for values in columns.values()], axis=1)  # (users, columns)
    if not np.isfinite(table).all():
        raise ValueError("an interval needs finite values; leave out users whose value is not known")
    n_users = len(table)
    means: list[float | None] = [float(values.mean()) if n_users else None for values in np.ascontiguousarray(table.T)]
    if n_users < 2:
        return {name: Interval(mean, None, None, n_users) for name, mean in zip(columns, means, strict=True)}
    tail = (1 - config.confidence) / 2
    ends = np.quantile(_resampled_means(table, seed, config.resamples), [tail, 1 - tail], axis=0).T.tolist()
    return {name: Interval(mean, low, high, n_users) for name, mean, (low, high) in zip(columns, means, ends, strict=True)}


def _resampled_means(table: NDArray[np.float64], seed: int, resamples: int) -> NDArray[np.float64]:
    """Draw as many users as there are, with replacement, again and again; table (users, columns) -> means (resamples, columns)."""
    n_users = len(table)
    units, unit = _in_whole_units(table)
    times_drawn = _times_drawn(n_users, seed, resamples)
    sums = np.empty((resamples, table.shape[1]))
    at_once = max(1, DRAWS_AT_ONCE // n_users)
    for start in range(0, resamples, at_once):
        np.matmul(times_drawn[start : start + at_once].astype(np.float64), units, out=sums[start : start + at_once])
    return sums * unit / n_users


@lru_cache(maxsize=4)
def _times_drawn(n_users: int, seed: int, resamples: int) -> NDArray[np.unsignedinteger]:
    """Count how often each resample draws each user, (resamples, users); remembered, since many means are taken over the same users."""
    rng = np.random.default_rng(seed)
    at_once = max(1, DRAWS_AT_ONCE // n_users)
    blocks: list[NDArray[np.unsignedinteger]] = []
    for start in range(0, resamples, at_once):
        n_block = min(at_once, resamples - start)
        drawn = rng.integers(n_users, size=(n_block, n_users))
        drawn += np.arange(n_block)[:, None] * n_users
        counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        blocks.append(counts.astype(np.min_scalar_type(int(counts.max()))))
    return np.concatenate(blocks)


def _in_whole_units(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Write each column in whole numbers of a unit, a power of two so small that a sum over all draws just fits 53 bits.

    Sums of such numbers are exact, so neither the threads of BLAS nor the size of a block can change a bit of an interval. The unit
    is some 1e-11 of the largest value for 100,000 users, far below what resampling can see.
    """
    bits = 53 - len(table).bit_length()
    _, exponent = np.frexp(np.abs(table).max(axis=0))
    unit = np.ldexp(1.0, np.maximum(exponent - bits, np.finfo(np.float64).minexp))  # columns smaller still count as zero
    return np.rint(table / unit), unit
