"""What policies cost: lists of judged users with all of them, without any, and without each one by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.block_scores import Heard, Panel
from models.bootstrap import mean_interval
from models.chosen import listed_in
from models.fused_blend import FusedBlend
from models.metrics import ranking_metrics
from models.policies.choosing import Chooser
from models.policies.limits import REASONS
from models.policies.minimum import Calibration
from models.policies.policies import Policies
from tasks.judging import heard_blocks, lots_of_halves
from tasks.measured import Ruler
from tasks.night import Night
from tasks.policies.build import build_policies, vectors_of
from tasks.policies.config import PoliciesConfig
from tasks.prepare.training_set import TrainingSet
from tasks.rankings import BLEND, Judge, of_halves
from tasks.tables import EVERYBODY

WITH_ALL = "with policies"
"""The lists as they are served, to which all others are compared."""

WITHOUT_ANY = "without policies"


@dataclass(frozen=True)
class PoliciesJudged:
    """Chooses lists for judged users by the published blend under policies, as of the data that the judged models learned from.

    What a user tires of is left out of account: nobody tires of what they take up, so that the likes that are held out would tell nothing.
    """

    night: Night
    known: TrainingSet
    judge: Judge
    config: PoliciesConfig
    calibration: Calibration | None

    def lists(self, users: NDArray[np.intp], half: NDArray[np.int8], seen_then: sp.csr_matrix) -> NDArray[np.int32]:
        """Choose for some users, of the given halves (users,), what they had not met by then either, (users, items); (users, k)."""
        policies = self._built(self.config.without("fatigue"), self.judge.audience.seen + seen_then)
        return ranked_with(self.judge, users, half, {WITH_ALL: policies})[WITH_ALL]

    def each(self, users: NDArray[np.intp], half: NDArray[np.int8]) -> dict[str, NDArray[np.int32]]:
        """Choose for some users with all policies, without any, and without each one, by the names of the metrics table."""
        config = self.config.without("fatigue")
        rules = [reason.rule for reason in config.reasons()[len(REASONS) :]] + [f"boosts.{boost.name}" for boost in config.boosts]
        sets = {WITH_ALL: config, WITHOUT_ANY: PoliciesConfig()} | {f"without {rule}": config.without(rule) for rule in rules}
        seen = self.judge.audience.seen
        return ranked_with(self.judge, users, half, {name: self._built(one, seen).only(users) for name, one in sets.items()})

    def _built(self, config: PoliciesConfig, seen: sp.csr_matrix) -> Policies:
        least, vectors = config.minimum.scores(self.calibration), vectors_of(self.judge.scorers, config)
        return build_policies(self.night, self.known, config, seen=seen, minimum=least, vectors=vectors)


def ranked_with(
    judge: Judge, users: NDArray[np.intp], half: NDArray[np.int8], policies: Mapping[str, Policies]
) -> dict[str, NDArray[np.int32]]:
    """Choose lists for some users, of the given halves (users,), by the published blend and each of several sets of policies.

    Returns the lists of each set, (users, k), -1 behind the last item of a list.
    """
    panel = Panel.of(judge.scorers)
    blends, recommendable, choosers = judge.blends[BLEND], judge.audience.recommendable, {}
    for name, one in policies.items():
        fused = FusedBlend(panel, blends[0], recommendable, boosts=one.boosts)
        choosers[name] = [Chooser(ranker, one.lists, judge.k) for ranker in of_halves(fused, blends, recommendable)]
    order, lots = lots_of_halves(users, half, judge.at_once)
    half_of = np.zeros(judge.audience.data.interactions.n_users, np.int8)
    half_of[users] = half

    def chosen(some: NDArray[np.intp], heard: Heard) -> list[NDArray[np.int32]]:
        by = half_of[some[0]]
        return [choosers[name][by].choose(heard, one.of(some)).chosen.items for name, one in policies.items()]

    found = zip(*heard_blocks(judge.audience, panel, lots, chosen, room=judge.room), strict=True)
    back = np.argsort(order)
    return {name: np.concatenate(parts)[back] for name, parts in zip(policies, found, strict=True)}


def cost_rows(lists: Mapping[str, NDArray[np.int32]], targets: sp.csr_matrix, ks: Sequence[int], ruler: Ruler) -> list[dict[str, object]]:
    """Return rows of the metrics table: how good each of these lists is, and how it differs from the lists with all policies.

    Of every other ranking, `ndcg_cost` is what its NDCG at the first k is above that of the lists with all policies, which is what the
    policies it does without cost; `lists_changed` is the share of users who would get another list, `items_changed` the mean share of
    the items that would be others.
    """
    per_user = {name: {k: ranking_metrics(items, targets, k) for k in ks} for name, items in lists.items()}
    rows = ruler.rows(per_user, {EVERYBODY: np.arange(targets.shape[0])})
    served = lists[WITH_ALL]
    for name, items in lists.items():
        if name == WITH_ALL:
            continue
        measured = {
            ("ndcg_cost", ks[0]): per_user[name][ks[0]]["ndcg"] - per_user[WITH_ALL][ks[0]]["ndcg"],
            ("lists_changed", served.shape[1]): (items != served).any(axis=1).astype(np.float64),
            ("items_changed", served.shape[1]): _share_of_others(items, served),
        }
        for (metric, k), values in measured.items():
            found = mean_interval(values, ruler.seed, ruler.config)
            fact = {"ranking": name, "segment": EVERYBODY, "metric": metric, "k": k, "value": found.value}
            rows.append({**fact, "low": found.low, "high": found.high, "n_users": found.n})
    return rows


def _share_of_others(items: NDArray[np.int32], served: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the share of each list's items that the other does not hold; (users,)."""
    there = items >= 0
    return np.asarray((there & ~listed_in(items, served)).sum(axis=1) / np.maximum(1, there.sum(axis=1)))
