"""What an experiment shows: whether users are split as was meant, what differs between variants, and what could have been noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, stdtrit

from models.bootstrap import Interval

SUSPICIOUS = 0.001
"""How seldom chance may split users as they are before that is warned of: rare enough for a look every night."""

LEAST_EXPECTED = 5
"""Users that each variant should have for the chi-square test to hold."""

NOTICED, ERRED = 0.8, 0.05
"""Share of experiments in which a detectable difference is noticed, and in which none is taken for one."""


@dataclass(frozen=True)
class Group:
    """What counts of one value per user: how many there are, their mean, and the variance from one user to the next."""

    n: int
    mean: float
    variance: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Self:
        """Take them from one value per user, (users,); one user has no variance, and none no mean: both are then NaN."""
        if not np.isfinite(values).all():
            raise ValueError("a comparison needs finite values; leave out users whose value is not known")
        mean = float(values.mean()) if len(values) else np.nan
        return cls(len(values), mean, float(values.var(ddof=1)) if len(values) > 1 else np.nan)


def sample_ratio_p(counts: ArrayLike, shares: ArrayLike) -> float | None:
    """Return how often chance alone splits users at least as unevenly as these counts, given the shares meant; both (variants,).

    By Pearson's chi-square test. None where there are no two variants, or so few users that it does not hold.
    """
    found, meant = np.asarray(counts, np.float64), np.asarray(shares, np.float64)
    if found.shape != meant.shape or not np.all(meant > 0):
        raise ValueError(f"a share above 0 for each count, got {found.tolist()} and {meant.tolist()}")
    expected = found.sum() * meant / meant.sum()
    if len(found) < 2 or expected.min() < LEAST_EXPECTED:
        return None
    return float(chdtrc(len(found) - 1, ((found - expected) ** 2 / expected).sum()))


def ratio_warning(names: Sequence[str], counts: Sequence[int], shares: Sequence[float]) -> str | None:
    """Return a sentence where users are split as chance hardly ever splits them, None otherwise."""
    p_value = sample_ratio_p(counts, shares)
    if p_value is None or p_value >= SUSPICIOUS:
        return None
    total = sum(counts)
    parts = zip(names, counts, shares, strict=True)
    split = ", ".join(f"{name} {count:,} ({count / total:.2%}, meant {share:.2%})" for name, count, share in parts)
    return (
        f"the users of the experiment are not split as was meant: {split}; chance does that with p = {p_value:.1g}, so trust no difference"
    )


def difference(ours: Group, theirs: Group, confidence: float = 1 - ERRED) -> Interval:
    """Return our mean minus theirs over different users, with the interval of Welch, whose groups may vary and count differently.

    It has no ends where a group has fewer than two users, and no value where one has none.
    """
    n_users = ours.n + theirs.n
    if not (ours.n and theirs.n):
        return Interval(None, None, None, n_users)
    value = ours.mean - theirs.mean
    if min(ours.n, theirs.n) < 2:
        return Interval(value, None, None, n_users)
    a, b = ours.variance / ours.n, theirs.variance / theirs.n
    if a + b == 0:
        return Interval(value, value, value, n_users)
    freedom = (a + b) ** 2 / (a**2 / (ours.n - 1) + b**2 / (theirs.n - 1))
    reach = float(stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(a + b))
    return Interval(value, value - reach, value + reach, n_users)


def detectable_difference(ours: Group, theirs: Group, power: float = NOTICED, alpha: float = ERRED) -> float | None:
    """Return the smallest true difference of means that a two-sided test notices so often; None where a group has fewer than two users.

    The groups may differ in size. What an experiment could notice before it starts is found with groups of the sizes it will have.
    """
    if min(ours.n, theirs.n) < 2:
        return None
    normal = NormalDist()
    deviations = normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)
    return float(deviations * np.sqrt(ours.variance / ours.n + theirs.variance / theirs.n))
