"""Decide whether tonight's models may replace the served ones, and say why in one sentence.

The numbers are measured elsewhere; here they are only weighed. Whatever cannot be measured yet passes, and says so; what is measured
and bad holds the night, so that the last good table stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, Field

from models.bootstrap import BootstrapConfig, Comparison, Interval
from models.metrics import ListMetrics

NORMAL_SPREAD = 1.4826
"""Standard deviations per median absolute deviation, were the nights normally distributed."""


class GateConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What tonight's models must not fall below."""

    intervals: BootstrapConfig = BootstrapConfig(resamples=4000, confidence=0.998)
    """How the intervals to judge by are drawn: so wide that an equally good model is refused once in a thousand nights."""

    min_holdout_users: int = Field(20, ge=2)
    """Users without whom nothing can be judged at all."""

    min_new_users: int = Field(200, ge=2)
    """Users with events newer than the served models' data, without whom tonight's models are not compared with the served ones."""

    max_loss: float = Field(0.01, ge=0)
    """Share of the served models' NDCG that may be lost even when the loss is certain: many users make trifles certain."""

    min_trailing_nights: int = Field(3, ge=2)
    """Published nights without which there is no trailing band."""

    band_width: float = Field(3.0, gt=0)
    """How many robust standard deviations below the median of the trailing nights the band ends."""

    min_band: float = Field(0.1, ge=0, lt=1)
    """Share of the median the band spans at least: a few nights may agree by chance."""

    min_coverage: float = Field(0.01, ge=0, le=1)
    """Share of the catalogue lists must show, out of what so many lists can show at all."""

    min_distinct_lists: float = Field(0.005, ge=0, le=1)
    """Number of different lists per user; low, since users with the same single event rightly share a list."""

    max_commonest_list: float = Field(0.5, gt=0, le=1)
    """Share of users who may be given the very same list."""


@dataclass(frozen=True)
class Evidence:
    """All the gate may know of a night; intervals and comparisons are drawn as `GateConfig.intervals` says.

    `ndcg` is the cross-fitted blend's NDCG at k over the holdout; `popularity` compares it with recommending what is popular, on the
    same users. `champion` compares tonight's models with the served ones on users with events newer than the served models' data;
    None where nothing is served yet. `trailing_ndcg` holds the NDCG at k of recent published nights with the same kind of holdout.
    """

    k: int
    ndcg: Interval
    popularity: Comparison
    champion: Comparison | None
    trailing_ndcg: tuple[float, ...]
    lists: ListMetrics


@dataclass(frozen=True)
class Check:
    """One rule of the gate: what was measured, what it was measured against, and both in words; None where nothing was measured."""

    name: str
    passed: bool
    value: float | None
    limit: float | None
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """Whether to publish, the reason in one sentence, and every rule it rests on."""

    publish: bool
    reason: str
    checks: tuple[Check, ...]


def decide(evidence: Evidence, config: GateConfig) -> Verdict:
    """Weigh the evidence of one night: publish if every rule passes."""
    enough = _enough_users(evidence.ndcg, config)
    if not enough.passed:
        return Verdict(publish=False, reason=enough.sentence, checks=(enough,))
    champion = _against_champion(evidence, config)
    checks = (enough, _against_popularity(evidence), champion, _trailing_band(evidence, config), *_no_collapse(evidence.lists, config))
    failed = [check.sentence for check in checks if not check.passed]
    if failed:
        return Verdict(publish=False, reason="; ".join(failed), checks=checks)
    reason = f"{champion.sentence}; NDCG@{evidence.k} {_with_ends(evidence.ndcg, '.4f')}"
    return Verdict(publish=True, reason=reason, checks=checks)


def _not_judged(name: str, sentence: str) -> Check:
    return Check(name, passed=True, value=None, limit=None, sentence=sentence)


def _enough_users(ndcg: Interval, config: GateConfig) -> Check:
    limit = config.min_holdout_users
    sentence = f"the holdout has {ndcg.n:,} users to judge by, the least is {limit:,}"
    return Check("holdout_users", ndcg.n >= limit, ndcg.n, limit, sentence)


def _against_popularity(evidence: Evidence) -> Check:
    difference = evidence.popularity.difference
    worse = difference.wholly_below(0)
    sentence = f"{'worse' if worse else 'no worse'} than popularity: {_compared(evidence.popularity, evidence.k)}"
    return Check("popularity", not worse, difference.value, 0.0, sentence)


def _against_champion(evidence: Evidence, config: GateConfig) -> Check:
    """Refuse a loss that is both certain and large enough to matter; do not compare on too few users."""
    served = evidence.champion
    if served is None and not evidence.trailing_ndcg:
        return _not_judged("champion", "first model: floors only")
    n_users = 0 if served is None else served.difference.n
    if served is None or served.rival is None or served.difference.value is None or n_users < config.min_new_users:
        sentence = (
            f"too little new evidence: {n_users:,} of {config.min_new_users:,} users have events newer than the served models' data; "
            "floors and the trailing band decided"
        )
        return _not_judged("champion", sentence)
    limit = -config.max_loss * served.rival
    worse = served.difference.wholly_below(0) and served.difference.value < limit
    sentence = f"{'worse' if worse else 'no worse'} than the served models: {_compared(served, evidence.k)}"
    return Check("champion", not worse, served.difference.value, limit, sentence)


def _trailing_band(evidence: Evidence, config: GateConfig) -> Check:
    """Refuse a night below the band of the nights before it, which a single odd night among them hardly moves."""
    nights = np.array(evidence.trailing_ndcg)
    if len(nights) < config.min_trailing_nights:
        sentence = f"no trailing band yet: {len(nights)} of {config.min_trailing_nights} published nights"
        return _not_judged("trailing_band", sentence)
    median = float(np.median(nights))
    spread = NORMAL_SPREAD * float(np.median(np.abs(nights - median)))
    limit = median - max(config.band_width * spread, config.min_band * median)
    value = evidence.ndcg.value
    inside = value is not None and value >= limit
    sentence = (
        f"NDCG@{evidence.k} {_with_ends(evidence.ndcg, '.4f')} is {'within' if inside else 'below'} the band of the last "
        f"{len(nights)} published nights (median {median:.4f}, lower end {limit:.4f})"
    )
    return Check("trailing_band", inside, value, limit, sentence)


def _no_collapse(lists: ListMetrics, config: GateConfig) -> tuple[Check, Check, Check]:
    """Refuse lists that have become nearly the same for everybody, however well these score."""
    shown, least_shown = lists.coverage, config.min_coverage * lists.reachable_coverage
    different, least_different = lists.distinct_lists, config.min_distinct_lists
    alike, most_alike = lists.commonest_list, config.max_commonest_list
    coverage = f"the lists show {shown:.2%} of the catalogue, the least is {least_shown:.2%}"
    distinct = f"there are {different:.2%} as many different lists as users, the least is {least_different:.2%}"
    commonest = f"{alike:.1%} of the users are given the very same list, the most is {most_alike:.1%}"
    return (
        Check("coverage", shown >= least_shown, shown, least_shown, coverage),
        Check("distinct_lists", different >= least_different, different, least_different, distinct),
        Check("commonest_list", alike <= most_alike, alike, most_alike, commonest),
    )


def _compared(comparison: Comparison, k: int) -> str:
    against = "nothing" if comparison.rival is None else f"{comparison.rival:.4f}"
    return f"NDCG@{k} {_with_ends(comparison.difference, '+.4f')} against {against}"


def _with_ends(interval: Interval, form: str) -> str:
    if interval.value is None or interval.low is None or interval.high is None:
        return f"unknown over {interval.n:,} users"
    return f"{interval.value:{form}} ({interval.low:{form}} to {interval.high:{form}}, {interval.n:,} users)"
