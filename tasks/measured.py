"""What was measured, as rows of the metrics table and as the ladder that the report shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from models.bootstrap import BootstrapConfig, Comparison, Interval, compare, mean_intervals
from models.metrics import ListMetrics
from tasks.champion import SinceThen
from tasks.rankings import BLEND, PerUser
from tasks.tables import EVERYBODY


class Ladder(BaseModel, frozen=True, extra="forbid"):
    """One rung of the ladder of baselines: NDCG of one way to rank, and the blend's paired difference from it."""

    ranking: str
    ndcg: Interval
    recall: Interval
    blend_minus: Comparison | None


@dataclass(frozen=True)
class Ruler:
    """Puts intervals around means, all from resamples drawn with one seed."""

    seed: int
    config: BootstrapConfig

    def rows(self, per_user: PerUser, groups: dict[str, NDArray[np.intp]]) -> list[dict[str, object]]:
        """Average every metric of every ranking over groups of users that have members, all from the same resamples; no rows of none."""
        columns = {
            (ranking, metric, k): values
            for ranking, by_k in per_user.items()
            for k, metrics in by_k.items()
            for metric, values in metrics.items()
        }
        rows = []
        for name, members in groups.items():
            if not len(members) or not columns:
                continue
            intervals = mean_intervals({key: values[members] for key, values in columns.items()}, self.seed, self.config)  # type: ignore[type-var]
            for (ranking, metric, k), found in intervals.items():
                fact = {"ranking": ranking, "segment": name, "metric": metric, "k": k, "value": found.value}
                rows.append({**fact, "low": found.low, "high": found.high, "n_users": found.n})
        return rows

    def rungs(self, per_user: PerUser, of_blend: NDArray[np.float64], k: int) -> list[Ladder]:
        """Set each ranking beside the blend on the same users, whose NDCG under the blend is `of_blend`."""
        rungs = []
        for name, by_k in per_user.items():
            means = mean_intervals({"ndcg": by_k[k]["ndcg"], "recall": by_k[k]["recall"]}, self.seed, self.config)
            against = None if name == BLEND else compare(of_blend, by_k[k]["ndcg"], self.seed, self.config)
            rungs.append(Ladder(ranking=name, ndcg=means["ndcg"], recall=means["recall"], blend_minus=against))
        return rungs

    def yesterday(self, since: SinceThen | None, k: int) -> list[Ladder]:
        """Put the served table on the ladder, measured on what it had not seen alone."""
        if since is None:
            return []
        served = since.per_user["yesterday"][k]
        means = mean_intervals({"ndcg": served["ndcg"], "recall": served["recall"]}, self.seed, self.config)
        against = compare(*since.ndcgs(k), self.seed, self.config)
        return [Ladder(ranking="yesterday", ndcg=means["ndcg"], recall=means["recall"], blend_minus=against)]


def list_rows(shape: ListMetrics, k: int, n_users: int) -> list[dict[str, object]]:
    """Return what the lists of the blend are like together, as rows of the metrics table."""
    values = {"coverage": shape.coverage, "novelty": shape.novelty, "gini": shape.gini, "distinct_lists": shape.distinct_lists}
    fact = {"ranking": BLEND, "segment": EVERYBODY, "k": k, "low": None, "high": None, "n_users": n_users}
    return [{**fact, "metric": metric, "value": value} for metric, value in values.items()]
