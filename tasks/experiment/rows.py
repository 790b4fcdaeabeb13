"""What the metrics table says of an experiment: how users are split, by what rule, and by how much variants differ."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.bootstrap import Interval
from models.experiment import ranges
from models.experiment_statistics import Group, detectable_difference, difference, ratio_warning, sample_ratio_p
from tasks.experiment.assignment import variant_of_users
from tasks.experiment.config import ExperimentConfig
from tasks.tables import EVERYBODY

log = logging.getLogger("nightly")

RANKING = "experiment"
"""The ranking that these rows stand under."""

Row = dict[str, Any]


def variant_segment(name: str) -> str:
    """Return the segment of the metrics table that holds the users of a variant."""
    return f"variant: {name}"


def users_of_variants(variant: NDArray[np.int8], config: ExperimentConfig) -> tuple[int, ...]:
    """Count the users in each variant, given the one that each user is in, (users,)."""
    return tuple(np.bincount(variant[variant >= 0], minlength=len(config.variants)).tolist())


def split_rows(of_date: date, config: ExperimentConfig, counts: tuple[int, ...]) -> list[Row]:
    """Return `users`, counted, and `share`, as meant, of each variant, and how likely such a split is: `sample_ratio_p` of everybody."""
    rows = []
    for name, count, share in zip(config.names, counts, config.shares, strict=True):
        for metric, value in (("users", float(count)), ("share", share)):
            rows.append(_row(of_date, variant_segment(name), metric, 0, Interval(value, None, None, count)))
    p_value = sample_ratio_p(counts, config.shares)
    if p_value is not None:
        rows.append(_row(of_date, EVERYBODY, "sample_ratio_p", 0, Interval(p_value, None, None, sum(counts))))
    return rows


def range_rows(of_date: date, config: ExperimentConfig, counts: tuple[int, ...]) -> list[Row]:
    """Return `point_from` and `point_below` of every range, so that others find a user's variant; `k` numbers the ranges of a variant."""
    rows, met = [], [0] * len(config.variants)
    for one in ranges(config.shares):
        met[one.variant] += 1
        for metric, value in (("point_from", one.first), ("point_below", one.below)):
            found = Interval(float(value), None, None, counts[one.variant])
            rows.append(_row(of_date, variant_segment(config.names[one.variant]), metric, met[one.variant], found))
    return rows


def difference_rows(of_date: date, metric: str, k: int, values: Mapping[str, NDArray[np.float64]]) -> list[Row]:
    """Return rows on every variant but the first, the control, given a metric's values by variant, one per user of each, (users,).

    `<metric>_difference` is the variant's mean minus the control's, with its interval; `<metric>_detectable_difference` the smallest true
    one that so many users would show in four of five experiments. A row is missing where too few users tell.
    """
    (_, control), *others = [(name, Group.of(of_users)) for name, of_users in values.items()]
    rows = []
    for name, group in others:
        found, least = difference(group, control), detectable_difference(group, control)
        if found.value is not None:
            rows.append(_row(of_date, variant_segment(name), f"{metric}_difference", k, found))
        if least is not None:
            rows.append(_row(of_date, variant_segment(name), f"{metric}_detectable_difference", k, Interval(least, None, None, found.n)))
    return rows


def _row(of_date: date, segment: str, metric: str, k: int, found: Interval) -> Row:
    row = {"of_date": of_date, "ranking": f"{RANKING} {of_date}", "segment": segment, "metric": metric, "k": k}
    return row | {"value": found.value, "low": found.low, "high": found.high, "n_users": found.n}


def rows_of_split(of_date: date, user_ids: pa.ChunkedArray, config: ExperimentConfig) -> list[Row]:
    """Return how everybody is split tonight and by what rule; warns in the log where chance hardly explains it; no rows without one."""
    if not config:
        return []
    counts = users_of_variants(variant_of_users(user_ids, config), config)
    if warning := ratio_warning(config.names, counts, config.shares):
        log.warning("experiment: %s", warning)
    return split_rows(of_date, config, counts) + range_rows(of_date, config, counts)
