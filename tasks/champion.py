"""The champion: the table served before tonight, judged on likes it had not seen, beside tonight's lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp
from numpy.typing import NDArray

from models.metrics import judged_users, ranking_metrics
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.rankings import PerUser


@dataclass(frozen=True)
class Champion:
    """What was served before tonight: its lists in tonight's numbers, and what it had not seen yet; rows are tonight's users."""

    lists: NDArray[np.int32]
    targets: sp.csr_matrix
    seen: sp.csr_matrix


@dataclass(frozen=True)
class SinceThen:
    """Two ways to rank, `tonight` and `yesterday`, measured on the same `users`: places among the judged ones."""

    per_user: PerUser
    users: NDArray[np.intp]


def served_before(night: Night, known: TrainingSet) -> Champion | None:
    """Read the table served before tonight, in tonight's numbers.

    None on the first night, where its file is gone, and without times: nothing then tells what it had seen.
    """
    manifest = night.champion_manifest()
    if manifest is None or manifest["data_through"] is None or known.events.occurred_at is None:
        return None
    path = night.workspace.table("recommendations", date.fromisoformat(manifest["run_date"]))
    if not path.is_file():
        return None
    served = pq.read_table(path, columns=["user_id", "rank", "item_id"])
    user = pc.index_in(served["user_id"], known.users["user_id"])
    item = pc.index_in(served["item_id"], known.items["item_id"])
    there = pc.and_(pc.is_valid(user), pc.is_valid(item))
    rows, items = (pc.filter(column, there).to_numpy().astype(np.int64) for column in (user, item))
    rank = pc.filter(served["rank"], there).to_numpy().astype(np.int64)
    lists = np.full((known.n_users, int(rank.max(initial=1))), -1, np.int32)
    lists[rows, rank - 1] = items
    earlier = known.events.occurred_at <= last_instant(manifest["data_through"])
    return Champion(lists, known.targets(~earlier), known.pairs(earlier).seen())


def last_instant(data_through: str) -> int:
    """Return the last instant, in epoch microseconds, of the second that a manifest names as its newest event's."""
    return int(np.datetime64(data_through.removesuffix("Z"), "us").astype(np.int64)) + 999_999


def since_then(
    tonight: list[NDArray[np.int32]], champion: Champion | None, users: NDArray[np.intp], ks: tuple[int, ...]
) -> SinceThen | None:
    """Measure the served table and tonight's lists on likes the served table had not seen, each barred from what was seen by then.

    Returns nothing where there is nothing served or nobody to judge it by.
    """
    if champion is None or not tonight:
        return None
    targets, served = champion.targets[users], champion.lists[users]
    judged = np.intersect1d(judged_users(targets), np.flatnonzero((served >= 0).any(axis=1)))
    if len(judged) == 0:
        return None
    ranked = {"tonight": np.concatenate(tonight)[judged], "yesterday": served[judged]}
    return SinceThen({name: {k: ranking_metrics(items, targets[judged], k) for k in ks} for name, items in ranked.items()}, judged)
