"""Evaluate: measure tonight's blend, its parts and yesterday's table on the holdout, user by user, over the whole catalogue.

The blend judged on a user is the one learned on the other half of the users; nothing is judged on rows that chose its weights.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.blend import Blend
from models.block_scores import BlockScores, score_block
from models.bootstrap import BootstrapConfig, Comparison, Interval, compare, mean_interval, mean_intervals
from models.compute import limited_threads
from models.holdout import user_half
from models.metrics import ListMetrics, Metric, judged_users, list_metrics, ranking_metrics
from models.top_k import top_k
from models.verdict import Evidence, GateConfig
from tasks.blend import Blended, JudgingConfig, allowed_items, judged_sample
from tasks.night import Night, Receipt
from tasks.prepare import Prepared, training_set
from tasks.prepare.training_set import TrainingSet
from tasks.tables import EVERYBODY, TABLES, write_table
from tasks.train import Trained, load_models

log = logging.getLogger("nightly")

TRAILING_NIGHTS = 28

POPULARITY = "popularity"
"""The baseline that no night may fall below."""

PerUser = dict[str, dict[int, dict[Metric, NDArray[np.float64]]]]
"""Ranking -> list length -> metric -> one value per judged user."""


class EvaluateConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What is measured."""

    ks: tuple[int, ...] = Field((10, 20), min_length=1)
    """List lengths to measure at; the first is the one the gate judges by."""

    intervals: BootstrapConfig = BootstrapConfig()
    """How the intervals of the metrics table are drawn."""


class Ladder(BaseModel, frozen=True, extra="forbid"):
    """One rung of the ladder of baselines: NDCG of one way to rank, and the blend's paired difference from it."""

    ranking: str
    ndcg: Interval
    recall: Interval
    blend_minus: Comparison | None


class Evaluated(Receipt, frozen=True):
    """What the gate may know, and the ladder the report shows; `speaker` is the model that beats the blend for certain, if one does."""

    k: int
    speaker: str | None
    ladder: tuple[Ladder, ...]
    evidence: Evidence


@dataclass
class _Lists:
    """Ranked lists of the judged users, per way of ranking; and of the users who can tell tonight's models from the served ones."""

    rankings: dict[str, list[NDArray[np.int32]]] = field(default_factory=dict)
    against_champion: dict[str, list[NDArray[np.int32]]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Champion:
    """What was served before tonight: its lists in tonight's numbers, and what it had not seen yet; rows are tonight's users."""

    lists: NDArray[np.int32]
    targets: sp.csr_matrix
    seen: sp.csr_matrix


def evaluate(
    night: Night, prepared: Prepared, trained: Trained, blended: Blended, config: EvaluateConfig, judging: JudgingConfig, gate: GateConfig
) -> Evaluated:
    """Rank for the holdout's users with everything there is, and write the metrics table."""
    known = training_set(night)
    users = judged_sample(known, judging)
    champion = _champion(night, known)
    lists = _rank(night, known, trained, blended, users, champion, judging, max(config.ks))
    per_user = _per_user(lists, known.targets()[users], config.ks)
    k = config.ks[0]
    segment = known.training_data("fit").user_segment[users]
    groups = {EVERYBODY: np.arange(len(users))} | {
        name: np.flatnonzero(segment == index) for index, name in enumerate(known.segments.names)
    }
    rows = _metric_rows(per_user, groups, night.seed, config.intervals)
    if known.segments.begins_with_newcomers:
        newcomers = users[: judging.max_newcomers]
        alone = _rank(night, known, trained, blended, newcomers, None, judging, max(config.ks), newcomers=True)
        of_new = _per_user(alone, known.targets()[newcomers], config.ks)
        rows += _metric_rows(of_new, {known.segments.names[0]: np.arange(len(newcomers))}, night.seed, config.intervals)
    speaker = _better_alone(per_user, [model.name for model in trained.models], k, night.seed, gate.intervals)
    served = speaker or "blend"
    since = _against_champion(lists.against_champion.get(served, []), champion, users, config.ks)
    if since:
        n_judged = len(since["yesterday"][k]["ndcg"])
        rows += _metric_rows({"yesterday": since["yesterday"]}, {EVERYBODY: np.arange(n_judged)}, night.seed, config.intervals)
    served_lists = np.concatenate(lists.rankings[served])
    likes = np.bincount(known.training_data("fit").interactions.item, minlength=known.n_items)
    shape = list_metrics(served_lists, k, likes, known.recommendable)
    rows += _list_rows(shape, k, len(users))
    metrics = write_table(night.staged_table("metrics"), pa.Table.from_pylist(rows), TABLES["metrics"].schema({}, {"run_id": night.run_id}))
    ladder = _ladder(per_user, k, night.seed, config.intervals) + _yesterday(since, k, night.seed, config.intervals)
    served_ndcg = per_user[served][k]["ndcg"]
    evidence = Evidence(
        k=k,
        ndcg=mean_interval(served_ndcg, night.seed, gate.intervals),
        popularity=compare(served_ndcg, per_user[POPULARITY][k]["ndcg"], night.seed, gate.intervals),
        champion=compare(since["tonight"][k]["ndcg"], since["yesterday"][k]["ndcg"], night.seed, gate.intervals) if since else None,
        trailing_ndcg=_trailing(night, prepared, k),
        lists=shape,
    )
    for rung in ladder:
        log.info("evaluate: %s NDCG@%d %.4f", rung.ranking, k, rung.ndcg.value or 0)
    return Evaluated(files=night.hashed(metrics), k=k, speaker=speaker, ladder=ladder, evidence=evidence)


def _rank(
    night: Night,
    known: TrainingSet,
    trained: Trained,
    blended: Blended,
    users: NDArray[np.intp],
    champion: _Champion | None,
    judging: JudgingConfig,
    k: int,
    *,
    newcomers: bool = False,
) -> _Lists:
    """Rank for every judged user, block by block: each model alone, every cross-fitted blend, and the served table.

    `newcomers` are ranked for as if they had just joined: no model is told their history.
    """
    scorers = load_models(night.workspace.root, trained.models)
    blends = {
        "blend" if method == blended.method else method: [Blend.from_json(text) for text in halves]
        for method, halves in blended.halves.items()
    }
    data = known.training_data("fit")
    histories, seen = data.interactions.histories(), data.interactions.seen()
    half = user_half(known.users["user_id"].take(users).to_pylist())
    lists = _Lists()
    with limited_threads(night.compute):
        for chosen in np.array_split(np.arange(len(users)), max(1, -(-len(users) // judging.users_at_once))):
            rows = users[chosen]
            people = data.block(rows, histories)
            people = people.as_newcomers() if newcomers else people
            allowed = allowed_items(seen[rows], known.recommendable)
            block = score_block(scorers, people)
            scores = {name: _judged_scores(halves, half[chosen], block, people.segment, allowed) for name, halves in blends.items()}
            for place, scorer in enumerate(scorers):
                scores[scorer.name] = np.where(block.speaks(place), block.z[place], np.float32(-np.inf))
            for name, found in scores.items():
                lists.rankings.setdefault(name, []).append(top_k(np.where(allowed, found, np.float32(-np.inf)), k)[0])
            if champion is not None:
                fresh = allowed & allowed_items(champion.seen[rows], known.recommendable)
                for name in ("blend", *(scorer.name for scorer in scorers)):
                    found = np.where(fresh, scores[name], np.float32(-np.inf))
                    lists.against_champion.setdefault(name, []).append(top_k(found, k)[0])
    return lists


def _judged_scores(
    halves: list[Blend], half: NDArray[np.int8], block: BlockScores, segment: NDArray[np.int16], allowed: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Score each user with the blend that the other half of the users taught; (block, items)."""
    scores = np.empty(block.z.shape[1:], np.float32)
    for number, blend in enumerate(halves):
        users = np.flatnonzero(half == number)
        part = block.of(users)
        scores[users] = blend.scores(blend.heard(part, allowed[users]), segment[users])
    return scores


def _better_alone(per_user: PerUser, models: list[str], k: int, seed: int, config: BootstrapConfig) -> str | None:
    """Return the best single model if the blend loses to it for certain, paired on the same users; None while the blend holds."""
    best = max(models, key=lambda name: float(per_user[name][k]["ndcg"].mean()))
    worse = compare(per_user["blend"][k]["ndcg"], per_user[best][k]["ndcg"], seed, config).difference.wholly_below(0)
    return best if worse else None


def _champion(night: Night, known: TrainingSet) -> _Champion | None:
    """Read the table served before tonight, in tonight's numbers.

    None on the first night, where its file is gone, and without times: nothing then tells what it had seen.
    """
    manifest = night.champion_manifest()
    if manifest is None or manifest["data_through"] is None or known.events.occurred_at is None:
        return None
    from datetime import date

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
    through = np.datetime64(manifest["data_through"].removesuffix("Z"), "us").astype(np.int64) + 999_999
    earlier = known.events.occurred_at <= through
    return _Champion(lists, known.targets(~earlier), known.pairs(earlier).seen())


def _against_champion(
    tonight: list[NDArray[np.int32]], champion: _Champion | None, users: NDArray[np.intp], ks: tuple[int, ...]
) -> PerUser:
    """Measure the served table and tonight's lists on likes the served table had not seen, each barred from what was seen by then.

    Returns nothing where there is nothing served or nobody to judge it by.
    """
    if champion is None or not tonight:
        return {}
    targets, served = champion.targets[users], champion.lists[users]
    judged = np.intersect1d(judged_users(targets), np.flatnonzero((served >= 0).any(axis=1)))
    if len(judged) == 0:
        return {}
    ranked = {"tonight": np.concatenate(tonight)[judged], "yesterday": served[judged]}
    return {name: {k: ranking_metrics(items, targets[judged], k) for k in ks} for name, items in ranked.items()}


def _per_user(lists: _Lists, targets: sp.csr_matrix, ks: tuple[int, ...]) -> PerUser:
    """Measure every ranking on every user; targets (users, items)."""
    ranked = {name: np.concatenate(parts) for name, parts in lists.rankings.items()}
    return {name: {k: ranking_metrics(items, targets, k) for k in ks} for name, items in ranked.items()}


def _metric_rows(per_user: PerUser, groups: dict[str, NDArray[np.intp]], seed: int, config: BootstrapConfig) -> list[dict[str, object]]:
    """Average every metric of every ranking over groups of users that have members, all from the same resamples."""
    columns = {
        (ranking, metric, k): values
        for ranking, by_k in per_user.items()
        for k, metrics in by_k.items()
        for metric, values in metrics.items()
    }
    rows = []
    for name, members in groups.items():
        if not len(members):
            continue
        intervals = mean_intervals({key: values[members] for key, values in columns.items()}, seed, config)  # type: ignore[type-var]
        for (ranking, metric, k), found in intervals.items():
            fact = {"ranking": ranking, "segment": name, "metric": metric, "k": k, "value": found.value}
            rows.append({**fact, "low": found.low, "high": found.high, "n_users": found.n})
    return rows


def _list_rows(shape: ListMetrics, k: int, n_users: int) -> list[dict[str, object]]:
    values = {"coverage": shape.coverage, "novelty": shape.novelty, "gini": shape.gini, "distinct_lists": shape.distinct_lists}
    fact = {"ranking": "blend", "segment": EVERYBODY, "k": k, "low": None, "high": None, "n_users": n_users}
    return [{**fact, "metric": metric, "value": value} for metric, value in values.items()]


def _ladder(per_user: PerUser, k: int, seed: int, config: BootstrapConfig) -> tuple[Ladder, ...]:
    blend = per_user["blend"][k]["ndcg"]
    rungs = []
    for name, by_k in per_user.items():
        means = mean_intervals({"ndcg": by_k[k]["ndcg"], "recall": by_k[k]["recall"]}, seed, config)
        against = None if name == "blend" else compare(blend, by_k[k]["ndcg"], seed, config)
        rungs.append(Ladder(ranking=name, ndcg=means["ndcg"], recall=means["recall"], blend_minus=against))
    return tuple(sorted(rungs, key=lambda rung: (-(rung.ndcg.value or 0), rung.ranking)))


def _yesterday(since: PerUser, k: int, seed: int, config: BootstrapConfig) -> tuple[Ladder, ...]:
    """Put the served table on the ladder, measured on what it had not seen alone."""
    if not since:
        return ()
    served = since["yesterday"][k]
    means = mean_intervals({"ndcg": served["ndcg"], "recall": served["recall"]}, seed, config)
    against = compare(since["tonight"][k]["ndcg"], served["ndcg"], seed, config)
    return (Ladder(ranking="yesterday", ndcg=means["ndcg"], recall=means["recall"], blend_minus=against),)


def _trailing(night: Night, prepared: Prepared, k: int) -> tuple[float, ...]:
    """Return the blend's NDCG of the nights published lately with the same kind of holdout, oldest first."""
    earlier = [manifest for manifest in night.workspace.published() if manifest["run_date"] < night.run_date.isoformat()]
    judged = [manifest["quality"] for manifest in earlier if manifest["quality"]]
    alike = [quality["ndcg"] for quality in judged if quality["holdout"] == prepared.holdout and quality["k"] == k]
    return tuple(alike[-TRAILING_NIGHTS:])
