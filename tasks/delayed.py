"""Delayed judgement: the lists of earlier nights, measured on what people went on to like once they were published."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp
from numpy.typing import NDArray

from models.experiment_statistics import ratio_warning
from models.holdout import DAY
from models.metrics import judged_users, ranking_metrics
from models.scorer import TrainingData
from tasks.champion import last_instant
from tasks.experiment.config import ExperimentConfig
from tasks.experiment.rows import difference_rows, split_rows, variant_segment
from tasks.judging import sample_of
from tasks.measured import Ruler
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.published_table import intact_table, same_ids
from tasks.tables import EVERYBODY
from tasks.trail import earlier_nights

log = logging.getLogger("nightly")

PUBLISHED = "published"
"""What ranked, with the date behind it: the lists that an earlier night has published."""


@dataclass(frozen=True)
class Due:
    """An earlier night to judge, by what happened after one instant up to another, in epoch microseconds."""

    manifest: dict[str, Any]
    after: int
    until: int


@dataclass(frozen=True)
class Read:
    """What a published table holds for some users: lists in tonight's numbers, (users, places), -1 for what is not known any more.

    `listed` marks users with a list, `variant` is that of each user, null without; both (users,).
    """

    lists: NDArray[np.int32]
    listed: NDArray[np.bool_]
    variant: NDArray[np.object_]


def judge_earlier(
    night: Night, known: TrainingSet, data: TrainingData, ruler: Ruler, ks: Sequence[int], days: int, at_most: int
) -> list[dict[str, object]]:
    """Judge what earlier nights published by what its users newly liked in so many days after the newest event it knew.

    `data` tells the segment of each user; of more users than `at_most` those are judged who are in every sample. Returns rows of the
    metrics table, without times none.
    """
    rows: list[dict[str, object]] = []
    times = known.events.occurred_at
    if times is None or not len(times):
        return rows
    for due in _due(night, int(times.max()), days):
        path, why_not = intact_table(night.workspace, due.manifest, "recommendations")
        if path is None or not same_ids(path, known.ids):
            log.info("evaluate: the lists of %s are not judged: %s", due.manifest["run_date"], why_not or "ids are of another type")
            continue
        targets = newly_liked(known, times, due.after, due.until)
        users = judged_users(targets)
        users = users[sample_of(known, users, at_most)]
        read = read_lists(path, known, users, max(ks))
        users, lists, variant = users[read.listed], read.lists[read.listed], read.variant[read.listed]
        if len(users):
            measured = {k: ranking_metrics(lists, targets[users], k) for k in ks}
            of_date, groups = date.fromisoformat(due.manifest["run_date"]), _groups(data, users, variant)
            found = ruler.rows({f"{PUBLISHED} {of_date}": measured}, groups)
            rows += [{"of_date": of_date, **row} for row in found]
            rows += _differences(of_date, due.manifest, measured[ks[0]]["ndcg"], ks[0], groups)
        log.info("evaluate: the lists of %s are judged by %d users", due.manifest["run_date"], len(users))
    return rows


def _differences(
    of_date: date, manifest: dict[str, Any], ndcg: NDArray[np.float64], k: int, groups: dict[str, NDArray[np.intp]]
) -> list[dict[str, object]]:
    """Return how the variants of the experiment that the night ran differ, and warn where chance hardly explains who was judged."""
    config = ExperimentConfig.split(manifest.get("settings", {}).get("experiment", {}))
    members = {name: groups[variant_segment(name)] for name in config.names if variant_segment(name) in groups}
    if len(members) < len(config.names) or not members:
        return []
    counts = [len(users) for users in members.values()]
    warning = ratio_warning(config.names, counts, config.shares)
    if warning:
        log.warning("evaluate: of those judged for %s: %s", of_date, warning)
    return [
        *split_rows(of_date, config, tuple(counts)),
        *difference_rows(of_date, "ndcg", k, {name: ndcg[one] for name, one in members.items()}),
    ]


def _due(night: Night, newest: int, days: int) -> Iterator[Due]:
    """Yield the earlier nights after whose data a whole day is known, but for those of which the night before knew all days."""
    before = night.champion_manifest()
    judged_until = last_instant(before["data_through"]) if before and before["data_through"] else 0
    for manifest in earlier_nights(night):
        if manifest["data_through"] is None:
            continue
        after = last_instant(manifest["data_through"])
        until = after + days * DAY
        # To the nearest day: the newest event of a day comes sooner on some than on others.
        if round((newest - after) / DAY) >= 1 and until > judged_until:
            yield Due(manifest, after, until)


def newly_liked(known: TrainingSet, times: NDArray[np.int64], after: int, until: int) -> sp.csr_matrix:
    """Return what users liked after one instant and up to another and had not met before, as a (users, items) matrix of ones.

    `times` are those of the events, in epoch microseconds like the instants; (events,).
    """
    events = known.events
    pair = np.r_[True, (np.diff(events.user) != 0) | (np.diff(events.item) != 0)][: len(events)]
    # Events of a pair are in the order of their times.
    first_met = times[np.flatnonzero(pair)][np.cumsum(pair) - 1]
    return known.pairs(events.positive & (first_met > after) & (times <= until)).seen()


def read_lists(path: Path, known: TrainingSet, users: NDArray[np.intp], longest: int) -> Read:
    """Read what a published table holds for some users, up to so many places; never all of it at once."""
    ids, parts = known.users["user_id"].take(users).combine_chunks(), []
    with pq.ParquetFile(path) as published:
        columns = [name for name in ("user_id", "rank", "item_id", "variant") if name in published.schema_arrow.names]
        for batch in published.iter_batches(columns=columns):
            user = pc.index_in(batch["user_id"], value_set=ids)
            wanted = pc.and_(pc.is_valid(user), pc.less_equal(batch["rank"], longest))
            part = pa.Table.from_batches([batch]).drop_columns("user_id").append_column("user", user)
            parts.append(part.filter(wanted))
    rows = pa.concat_tables(parts) if parts else pa.table({"user": pa.array([], pa.int32())})
    lists = np.full((len(users), longest), -1, np.int32)
    listed, variant = np.zeros(len(users), np.bool_), np.full(len(users), None, object)
    if len(rows):
        user, rank = rows["user"].to_numpy(), rows["rank"].to_numpy()
        lists[user, rank - 1] = pc.fill_null(pc.index_in(rows["item_id"], value_set=known.items["item_id"]), -1).to_numpy()
        listed[user] = True
        if "variant" in rows.column_names:
            variant[user] = rows["variant"].to_numpy(zero_copy_only=False)
    return Read(lists, listed, variant)


def _groups(data: TrainingData, users: NDArray[np.intp], variant: NDArray[np.object_]) -> dict[str, NDArray[np.intp]]:
    """Return the places, among the judged users, of everybody, of each segment and of each variant."""
    segment = data.user_segment[users]
    groups = {EVERYBODY: np.arange(len(users))}
    groups |= {name: np.flatnonzero(segment == index) for index, name in enumerate(data.segments)}
    names = sorted({str(name) for name in variant if name is not None})
    return groups | {variant_segment(name): np.flatnonzero(variant == name) for name in names}
