"""The rules of the gate, each answering with what it measured, its limit and one sentence.

Whatever cannot be measured yet passes, and says so.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.bootstrap import Comparison, Interval
from models.evidence import Check, Evidence, GateConfig, Slice, not_judged
from models.metrics import ListMetrics

NORMAL_SPREAD = 1.4826
"""Standard deviations per median absolute deviation, were the nights normally distributed."""

TRAILING_NIGHTS = 28
"""Published nights that a night is compared with."""

NIGHTS_OF_NOISE = 7
"""Published nights from whose steps it is known how much nights differ by chance."""

MEDIAN_OF_THREE = 0.67
"""Standard deviation of the median of three nights, in those of one."""

RARE_STEPS = 0.2
"""Share of the steps from night to night that may be large by something else than chance: a better model, an odd day."""

ONE_SIDED = 0.95
"""Share of the judged users in one segment from which on a night is said to be judged on that segment alone."""


def enough_users(ndcg: Interval, config: GateConfig) -> Check:
    """Refuse to judge by a handful of users."""
    limit = config.min_holdout_users
    sentence = f"the holdout has {ndcg.n:,} users to judge by, the least is {limit:,}"
    return Check("holdout_users", ndcg.n >= limit, ndcg.n, limit, sentence)


def mixed_users(judged: dict[str, int]) -> Check:
    """Say which segment most judged users are of: a night judged on one alone says nothing of the others. Never refuses."""
    n_users = sum(judged.values())
    if not n_users:
        return not_judged("mixed_users", "it is not known of which segments the judged users are")
    segment = max(judged, key=lambda name: judged[name])
    share = judged[segment] / n_users
    alone = " alone; the others are not judged" if share >= ONE_SIDED and len(judged) > 1 else ""
    sentence = f"{share:.1%} of the judged users are of the segment {segment}" if not alone else f"judged on the segment {segment}{alone}"
    return Check("mixed_users", passed=True, value=share, limit=None, sentence=sentence)


def against_popularity(evidence: Evidence) -> Check:
    """Refuse what is worse than recommending the same to everybody."""
    difference = evidence.popularity.difference
    worse = difference.wholly_below(0)
    sentence = f"{'worse' if worse else 'no worse'} than popularity: {_compared(evidence.popularity, evidence.k)}"
    return Check("popularity", not worse, difference.value, 0.0, sentence)


def slices(evidence: Evidence, config: GateConfig) -> tuple[Check, ...]:
    """Refuse a loss in one segment that is both certain and large, however good the average is."""
    judged = tuple(part for part in evidence.slices if part.comparison.difference.high is not None)
    few = tuple(f"{part.segment} against {part.rival} ({part.comparison.difference.n:,})" for part in evidence.slices if part not in judged)
    too_small = f"segments with fewer than {config.min_slice_users:,} users are not judged alone: {', '.join(few)}"
    return (*(_slice(part, evidence.k, config) for part in judged), *((not_judged("small_slices", too_small),) if few else ()))


def _slice(part: Slice, k: int, config: GateConfig) -> Check:
    rival, difference = part.comparison.rival or 0.0, part.comparison.difference
    value, limit = difference.value or 0.0, -config.max_slice_loss * rival
    worse = difference.wholly_below(0) and value < limit
    sentence = f"users with {part.segment}: {'worse' if worse else 'no worse'} than {part.rival}: {_compared(part.comparison, k)}"
    return Check(f"slice: {part.segment}, {part.rival}", not worse, value, limit, sentence)


def against_champion(evidence: Evidence, config: GateConfig) -> Check:
    """Refuse a loss that is both certain and large enough to matter; do not compare on too few users."""
    served = evidence.champion
    if evidence.no_champion:
        decided = "floors, the trailing band and the pinned models decided"
        return not_judged("champion", f"not compared with the served models: {evidence.no_champion}; {decided}")
    if served is None and not evidence.trailing_ndcg:
        return not_judged("champion", "first model: floors only")
    n_users = 0 if served is None else served.difference.n
    if served is None or n_users < config.min_new_users:
        sentence = (
            f"too little new evidence: {n_users:,} of {config.min_new_users:,} users have events newer than the served models' data; "
            "floors and the trailing band decided"
        )
        return not_judged("champion", sentence)
    return _no_loss("champion", "the served models", served, evidence.k, config.max_loss)


def against_reference(evidence: Evidence, config: GateConfig) -> Check:
    """Refuse models that have become worse than those pinned long ago: the sum of many losses that were each within their margin."""
    pinned = evidence.reference
    if pinned is None:
        return not_judged("reference", f"not compared with pinned models: {evidence.no_reference}")
    if pinned.difference.n < config.min_new_users:
        found = f"{pinned.difference.n:,} of {config.min_new_users:,} users have only events newer than their data"
        return not_judged("reference", f"not compared with the pinned models: {found}")
    return _no_loss("reference", "the pinned models", pinned, evidence.k, config.max_rot)


def _no_loss(name: str, rival: str, found: Comparison, k: int, max_loss: float) -> Check:
    limit = -max_loss * (found.rival or 0.0)
    value = found.difference.value
    worse = value is not None and found.difference.wholly_below(0) and value < limit
    return Check(name, not worse, value, limit, f"{'worse' if worse else 'no worse'} than {rival}: {_compared(found, k)}")


def trailing_band(evidence: Evidence, config: GateConfig) -> Check:
    """Refuse a night below the band of the nights before it, which a single odd night among them hardly moves."""
    nights = np.array(evidence.trailing_ndcg)
    if len(nights) < config.min_trailing_nights:
        return not_judged("trailing_band", f"no trailing band yet: {len(nights)} of {config.min_trailing_nights} published nights")
    median = float(np.median(nights))
    spread = usual_spread(nights)
    limit = median - max(config.band_width * spread, config.min_band * median)
    # Few users make any night differ from the one before: even the upper end of tonight's interval must lie below.
    value, inside = evidence.ndcg.value, not evidence.ndcg.wholly_below(limit)
    sentence = (
        f"NDCG@{evidence.k} {with_ends(evidence.ndcg, '.4f')} is {'within' if inside else 'below'} the band of the last "
        f"{len(nights)} published nights (median {median:.4f}, lower end {limit:.4f})"
    )
    return Check("trailing_band", inside, value, limit, sentence)


def best_night(evidence: Evidence, config: GateConfig) -> Check:
    """Refuse a night that is below the best of the late ones by more than chance explains: the band above sinks with slow rot."""
    nights, tonight = np.array(evidence.trailing_ndcg), evidence.ndcg
    if len(nights) < NIGHTS_OF_NOISE or tonight.value is None or tonight.low is None:
        return not_judged("best_night", f"not compared with the best of late: {len(nights)} of {NIGHTS_OF_NOISE} published nights")
    noise = _noise(nights)
    chance = 2**0.5 * max(tonight.value - tonight.low, config.band_width * noise)
    # Three in a row, by their median: a single odd night shows no height that could be kept.
    best = float(np.median(sliding_window_view(nights, 3), axis=1).max())
    # The best of n equally good ones owes some of its height to having been chosen.
    luck = NormalDist().inv_cdf(1 - 1 / (len(nights) + 1)) * MEDIAN_OF_THREE * noise
    limit = (best - luck) * (1 - config.max_rot) - chance
    near = tonight.value >= limit
    sentence = (
        f"NDCG@{evidence.k} {tonight.value:.4f} is {'near' if near else 'far below'} the best of the last {len(nights)} published nights "
        f"({best:.4f}, lower end {limit:.4f})"
    )
    return Check("best_night", near, tonight.value, limit, sentence)


def usual_spread(nights: NDArray[np.float64]) -> float:
    """Return the standard deviation of nights around their level: the smaller of two measures, neither of which sees every fault.

    Two levels among the nights, as after a better model, stretch the deviations from their median; odd nights make large steps.
    """
    return min(spread_around_median(nights), _noise(nights))


def spread_around_median(nights: NDArray[np.float64]) -> float:
    """Return the standard deviation that the median distance of nights from their median would have in a normal distribution."""
    return NORMAL_SPREAD * float(np.median(np.abs(nights - np.median(nights))))


def _noise(nights: NDArray[np.float64]) -> float:
    """Return by how much nights differ by chance: their steps hold the noise of two nights and next to nothing of a drift.

    Read off the largest step that is not rare, so that no single jump counts as chance, while the rhythm of a week does.
    """
    steps = np.abs(np.diff(nights))
    step = float(np.quantile(steps, 1 - RARE_STEPS, method="lower")) if len(steps) else 0.0
    return step / NormalDist().inv_cdf(1 - RARE_STEPS / 2) / 2**0.5


def no_collapse(evidence: Evidence, config: GateConfig) -> tuple[Check, ...]:
    """Refuse lists that have become nearly the same for everybody, or in no order at all, however well these score."""
    lists: ListMetrics = evidence.lists
    shown, least_shown = lists.coverage, config.min_coverage * lists.reachable_coverage
    different, least_different = lists.distinct_lists, config.min_distinct_lists
    alike, most_alike = lists.commonest_list, config.max_commonest_list
    # A small catalogue cannot fill many lists with different items.
    effective, least_effective = lists.effective_items, min(config.min_effective_lists * evidence.k, 0.5 * lists.reachable_items)
    constant, most_constant = evidence.constant_lists, config.max_constant_lists
    coverage = f"the lists show {shown:.2%} of the catalogue, the least is {least_shown:.2%}"
    distinct = f"there are {different:.2%} as many different lists as users, the least is {least_different:.2%}"
    commonest = f"{alike:.1%} of the users are given the very same list, the most is {most_alike:.1%}"
    spread = f"the lists show as much as {effective:,.1f} items shown equally often, the least is {least_effective:,.1f}"
    level = f"{constant:.1%} of the users have a list with one score throughout, the most is {most_constant:.1%}"
    return (
        Check("coverage", shown >= least_shown, shown, least_shown, coverage),
        Check("distinct_lists", different >= least_different, different, least_different, distinct),
        Check("commonest_list", alike <= most_alike, alike, most_alike, commonest),
        Check("effective_items", effective >= least_effective, effective, least_effective, spread),
        Check("constant_lists", constant <= most_constant, constant, most_constant, level),
    )


def _compared(comparison: Comparison, k: int) -> str:
    against = "nothing" if comparison.rival is None else f"{comparison.rival:.4f}"
    return f"NDCG@{k} {with_ends(comparison.difference, '+.4f')} against {against}"


def with_ends(interval: Interval, form: str) -> str:
    """Write a mean with the ends of its interval and the users it is over."""
    if interval.value is None or interval.low is None or interval.high is None:
        return f"unknown over {interval.n:,} users"
    return f"{interval.value:{form}} ({interval.low:{form}} to {interval.high:{form}}, {interval.n:,} users)"
