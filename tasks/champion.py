"""The champion: the table served before tonight, judged on likes it had not seen, beside tonight's lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp
from numpy.typing import NDArray

from models.metrics import judged_users, ranking_metrics
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.published_table import intact_table
from tasks.rankings import PerUser


@dataclass(frozen=True)
class Champion:
    """What was served before tonight: its lists to the judged users in tonight's numbers, and what it had not seen yet; rows are users."""

    lists: NDArray[np.int32]
    targets: sp.csr_matrix
    seen: sp.csr_matrix


@dataclass(frozen=True)
class SinceThen:
    """Two ways to rank, `tonight` and `yesterday`, measured on the same `users`: places among the judged ones."""

    per_user: PerUser
    users: NDArray[np.intp]

    def ndcgs(self, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the NDCG of tonight's and of the served lists, on the same users."""
        return self.per_user["tonight"][k]["ndcg"], self.per_user["yesterday"][k]["ndcg"]


def same_settings(night: Night, *sections: str) -> bool:
    """Tell whether some sections of the settings are what they were for the night to beat."""
    then, now = (origin.get("settings", {}) for origin in (night.champion_manifest() or {}, night.origin))
    return all(then.get(section, {}) == now.get(section, {}) for section in sections)


def served_before(night: Night, known: TrainingSet, users: NDArray[np.intp], *, by_days: bool) -> tuple[Champion | None, str]:
    """Read what was served to some users before tonight, in tonight's numbers; without it, say why there is nothing to compare with.

    Where days are held out, a table whose models knew some of these days is not compared: tonight's models know less of them until they
    are made again from everything, and would look worse although they are the same.
    """
    manifest = night.champion_manifest()
    if manifest is None:
        return None, ""
    if manifest["data_through"] is None or known.events.occurred_at is None:
        return None, "without times nothing tells what they had seen"
    earlier = known.events.occurred_at <= last_instant(manifest["data_through"])
    if by_days and np.any(earlier & ~known.fit):
        return None, f"their data reach to {manifest['data_through']}, into what is held out"
    path, why_not = served_table(night)
    if path is None:
        return None, why_not
    return _in_tonights_numbers(path, known, users, earlier), ""


def served_table(night: Night, name: str = "recommendations") -> tuple[Path | None, str]:
    """Return the file of the lists, or of another table, served before tonight, as `intact_table` does."""
    return intact_table(night.workspace, night.champion_manifest() or {"tables": {}}, name)


def _in_tonights_numbers(path: Path, known: TrainingSet, users: NDArray[np.intp], earlier: NDArray[np.bool_]) -> Champion:
    """Read a served table; `earlier` (events,) marks what it had seen."""
    served = pq.read_table(path, columns=["user_id", "rank", "item_id"])
    served = served.filter(pc.is_in(served["user_id"], known.users["user_id"].take(users)))
    user = pc.index_in(served["user_id"], known.users["user_id"])
    item = pc.index_in(served["item_id"], known.items["item_id"])
    there = pc.and_(pc.is_valid(user), pc.is_valid(item))
    rows, items = (pc.filter(column, there).to_numpy().astype(np.int64) for column in (user, item))
    rank = pc.filter(served["rank"], there).to_numpy().astype(np.int64)
    lists = np.full((known.n_users, int(rank.max(initial=1))), -1, np.int32)
    lists[rows, rank - 1] = items
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
