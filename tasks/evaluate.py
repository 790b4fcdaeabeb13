"""Evaluate: measure tonight's blend, its parts and yesterday's table on the holdout, user by user, over the whole catalogue.

The blend judged on a user is the one learned on the other half of the users; nothing is judged on rows that chose its weights.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.blend import Blend
from models.blend_training import Models
from models.bootstrap import BootstrapConfig, compare, mean_interval
from models.compute import ComputeConfig, limited_threads
from models.evidence import Evidence, GateConfig, Slice
from models.gate_rules import TRAILING_NIGHTS
from models.holdout import user_half
from models.metrics import hits_of, list_metrics
from models.policies.minimum import Calibration, calibrate
from models.scorer import TrainingData
from models.slices import Pairs, compare_slices
from tasks.blend import Blended
from tasks.champion import SinceThen, served_before, since_then
from tasks.delayed import judge_earlier
from tasks.experiment.config import ExperimentConfig
from tasks.experiment.rows import rows_of_split
from tasks.judging import JudgingConfig, judged_audience, judged_sample, sample_of
from tasks.measured import Ladder, Ruler, list_rows
from tasks.night import Night, Receipt
from tasks.policies.config import PoliciesConfig
from tasks.policies.cost import PoliciesJudged, cost_rows
from tasks.prepare import Prepared, training_set
from tasks.rankings import BLEND, Judge, PerUser, Rankings, rank
from tasks.reference import judge_reference
from tasks.tables import EVERYBODY, TABLES
from tasks.tables.writing import write_table
from tasks.trail import earlier_qualities
from tasks.train import POPULARITY, Trained, load_models

log = logging.getLogger("nightly")

SERVED = "served"
"""The blend that is served to newcomers where one model speaks alone: the others are heard where it is silent."""


class EvaluateConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What is measured."""

    ks: tuple[int, ...] = Field((10, 20), min_length=1)
    """List lengths to measure at; the first is the one the gate judges by."""

    delayed_days: int = Field(7, ge=1)
    """Days of what people go on to like by which the lists of an earlier night are judged; until all of them are known, by those that are,
    from one on."""

    intervals: BootstrapConfig = BootstrapConfig()
    """How the intervals of the metrics table are drawn."""


class Evaluated(Receipt, frozen=True):
    """What the gate may know, and the ladder the report shows; `speaker` is the model that beats the blend for certain, if one does."""

    k: int
    speaker: str | None
    ladder: tuple[Ladder, ...]
    evidence: Evidence
    missing: dict[str, str] = Field({})
    """Models that could not be trained tonight -> why."""

    calibration: Calibration | None = None
    """How likely what is recommended is liked, by its score; None unless a rule asks for it."""


def evaluate(
    night: Night,
    prepared: Prepared,
    trained: Trained,
    blended: Blended,
    config: EvaluateConfig,
    judging: JudgingConfig,
    gate: GateConfig,
    policies: PoliciesConfig,
    experiment: ExperimentConfig,
) -> Evaluated:
    """Rank for the holdout's users with everything there is, and write the metrics table; measure what policies ask for and cost.

    Raises NightHeldError where the fit slice holds anything of the holdout.
    """
    known, by_days, k = training_set(night), prepared.holdout == "days", config.ks[0]
    users, targets = judged_sample(known, judging), known.targets()
    audience = judged_audience(known, by_days=by_days)
    half = user_half(known.users["user_id"].take(users).to_pylist())
    scorers, blends = load_models(night.workspace.root, trained.models), _blends(blended)
    judge = Judge(audience, scorers, {BLEND: blends.pop(BLEND)}, max(config.ks), judging.users_at_once, room=night.room)
    champion, no_champion = served_before(night, known, users, by_days=by_days)
    some = sample_of(known, users, judging.max_compared_users)
    with limited_threads(night.compute):
        rankings = rank(judge, users, half, champion.seen if champion else None)
    per_user = rankings.per_user(targets[users], config.ks)
    unserved = replace(judge, blends=blends, singly=False)
    compared = _compared(unserved, users[some], half[some], targets, config.ks, night.compute)
    speaker = _better_alone(per_user, [model.name for model in trained.models], k, night.seed, gate.intervals)
    served = speaker or BLEND
    fresh = rankings.fresh
    if speaker and champion:  # seldom: so all models need not be ranked by twice, every night
        alone = replace(judge, scorers=[scorer for scorer in scorers if scorer.name == speaker], blends={})
        with limited_threads(night.compute):
            fresh = rank(alone, users, half, champion.seen).fresh
    wanted = any(in_force.minimum.chance for in_force in experiment.policies(policies).values())
    calibration = _calibrated(rankings, served, targets[users], audience.data, users) if wanted else None
    under = PoliciesJudged(night, known, judge, policies, calibration)
    if policies.declared and champion and not speaker and _held_before(night):
        with limited_threads(night.compute):
            fresh = {served: [under.lists(users, half, champion.seen)]}
    since = since_then(fresh.get(served, []), champion, users, config.ks)
    new = sample_of(known, users, judging.max_newcomers if known.segments.begins_with_newcomers else 0)
    newcomers = users[new]
    with limited_threads(night.compute):
        of_new = _as_newcomers(judge, blended, newcomers, half[new], speaker).per_user(targets[newcomers], config.ks) if len(new) else {}
        pinned = judge_reference(night, known, audience, users, k, judging, by_days=by_days)
    few = sample_of(known, newcomers, judging.max_compared_users)
    compared_as_new = _compared(unserved, newcomers[few], half[new][few], targets, config.ks, night.compute, newcomers=True)
    groups = _groups(audience.data, users)
    likes = np.bincount(audience.data.interactions.item, minlength=known.n_items)
    shape = list_metrics(np.concatenate(rankings.lists[served]), k, likes, known.recommendable)
    ruler, joined = Ruler(night.seed, config.intervals), known.segments.names[0]
    rows = [
        *ruler.rows(per_user, {EVERYBODY: np.arange(len(users))} | groups),
        *ruler.rows(compared, {EVERYBODY: np.arange(len(some))} | _groups(audience.data, users[some])),
        *ruler.rows({name: found for name, found in of_new.items() if name != SERVED}, {joined: np.arange(len(newcomers))}),
        *ruler.rows(compared_as_new, {joined: np.arange(len(few))}),
        *(ruler.rows({"yesterday": since.per_user["yesterday"]}, {EVERYBODY: np.arange(len(since.users))}) if since else ()),
        *list_rows(shape, k, len(users)),
    ]
    if policies.declared:
        judged_by = sample_of(known, users, judging.max_policy_users)
        with limited_threads(night.compute):
            rows += cost_rows(under.each(users[judged_by], half[judged_by]), targets[users[judged_by]], config.ks, ruler)
    rows = [{"of_date": night.run_date, **row} for row in rows]
    # Where one model speaks alone, nothing is compared: everybody gets its lists.
    rows += rows_of_split(night.run_date, known.users["user_id"], ExperimentConfig() if speaker else experiment)
    rows += judge_earlier(night, known, audience.data, ruler, config.ks, config.delayed_days, judging.max_users)
    metrics = write_table(night.staged_table("metrics"), pa.Table.from_pylist(rows), TABLES["metrics"].schema({}, {"run_id": night.run_id}))
    of_blend = per_user[BLEND][k]["ndcg"]
    rungs = ruler.rungs(per_user, of_blend, k) + ruler.rungs(compared, of_blend[some], k)
    rungs.sort(key=lambda rung: (-(rung.ndcg.value or 0), rung.ranking))
    ladder = (*rungs, *ruler.yesterday(since, k))
    ndcg = per_user[served][k]["ndcg"]
    evidence = Evidence(
        k=k,
        ndcg=mean_interval(ndcg, night.seed, gate.intervals),
        popularity=compare(ndcg, per_user[POPULARITY][k]["ndcg"], night.seed, gate.intervals),
        champion=compare(*since.ndcgs(k), night.seed, gate.intervals) if since else None,
        trailing_ndcg=_trailing(night, prepared, k),
        lists=shape,
        constant_lists=float(np.concatenate(rankings.constant[served]).mean()),
        no_champion=no_champion,
        slices=_slices(per_user, served, of_new, since, groups, k, gate),
        reference=None if pinned.why_not else compare(ndcg[pinned.users], pinned.ndcg, night.seed, gate.intervals),
        no_reference=pinned.why_not,
        judged={name: len(members) for name, members in groups.items()},
    )
    for rung in ladder:
        log.info("evaluate: %s NDCG@%d %.4f", rung.ranking, k, rung.ndcg.value or 0)
    return Evaluated(
        files=night.hashed(metrics),
        k=k,
        speaker=speaker,
        ladder=ladder,
        evidence=evidence,
        missing=trained.missing,
        calibration=calibration,
    )


def _held_before(night: Night) -> bool:
    """Tell whether what was served kept tonight's policies too; models are not to be held for what people decided since."""
    served = night.champion_manifest() or {}
    then, now = (origin.get("settings", {}).get("policies", {}) for origin in (served, night.origin))
    return bool(then == now)


def _blends(blended: Blended) -> dict[str, tuple[Blend, ...]]:
    """Read the cross-fitted blends, the published kind under one name."""
    named = {BLEND if method == blended.method else method: halves for method, halves in blended.halves.items()}
    return {name: tuple(Blend.from_json(text) for text in halves) for name, halves in named.items()}


def _calibrated(rankings: Rankings, served: str, targets: sp.csr_matrix, data: TrainingData, users: NDArray[np.intp]) -> Calibration:
    """Measure how often what was ranked for the judged users was liked, by the score it would be published with."""
    items, scores = np.concatenate(rankings.lists[served]), np.concatenate(rankings.scores[served])
    user, place = np.nonzero(items >= 0)
    hits = hits_of(items, targets)
    return calibrate(scores[user, place], hits[user, place], data.user_segment[users][user], data.segments)


def _groups(data: TrainingData, users: NDArray[np.intp]) -> dict[str, NDArray[np.intp]]:
    """Return the places, among the judged users, of those of each segment."""
    segment = data.user_segment[users]
    return {name: np.flatnonzero(segment == index) for index, name in enumerate(data.segments)}


def _compared(
    unserved: Judge,
    users: NDArray[np.intp],
    half: NDArray[np.int8],
    targets: sp.csr_matrix,
    ks: Sequence[int],
    compute: ComputeConfig,
    *,
    newcomers: bool = False,
) -> PerUser:
    """Measure the blends that are not published on some users; nothing where there are none of either."""
    if not len(users) or not unserved.blends:
        return {}
    with limited_threads(compute):
        return rank(unserved, users, half, newcomers=newcomers).per_user(targets[users], ks)


def _as_newcomers(judge: Judge, blended: Blended, users: NDArray[np.intp], half: NDArray[np.int8], speaker: str | None) -> Rankings:
    """Rank for users as if they had just joined; where one model speaks alone, also with the blend that then is served to them."""
    if speaker:
        blend = Blend.from_json(blended.blend)
        alone = Models(blend.models, blend.families, blend.segments).alone(speaker)
        judge = replace(judge, blends={**judge.blends, SERVED: (alone, alone)})
    return rank(judge, users, half, newcomers=True)


def _slices(
    per_user: PerUser,
    served: str,
    of_new: PerUser,
    since: SinceThen | None,
    groups: dict[str, NDArray[np.intp]],
    k: int,
    gate: GateConfig,
) -> tuple[Slice, ...]:
    """Set what is served against popularity and the served models on the users of each segment that has any."""
    newcomers = next(iter(groups))
    ours, popular = (per_user[name][k]["ndcg"] for name in (served, POPULARITY))
    pairs = [Pairs(name, POPULARITY, ours[members], popular[members]) for name, members in groups.items() if len(members)]
    if of_new:
        alike = of_new[SERVED if SERVED in of_new else served][k]["ndcg"]
        pairs.insert(0, Pairs(newcomers, POPULARITY, alike, of_new[POPULARITY][k]["ndcg"]))
    if since:
        tonight, yesterday = since.ndcgs(k)
        for name, members in groups.items():
            place = np.flatnonzero(np.isin(since.users, members))
            pairs += [Pairs(name, "the served models", tonight[place], yesterday[place])] if len(place) else []
    return compare_slices(pairs, gate.min_slice_users, gate.intervals.confidence)


def _better_alone(per_user: PerUser, models: list[str], k: int, seed: int, config: BootstrapConfig) -> str | None:
    """Return the best single model if the blend loses to it for certain, paired on the same users; None while the blend holds."""
    best = max(models, key=lambda name: float(per_user[name][k]["ndcg"].mean()))
    worse = compare(per_user[BLEND][k]["ndcg"], per_user[best][k]["ndcg"], seed, config).difference.wholly_below(0)
    return best if worse else None


def _trailing(night: Night, prepared: Prepared, k: int) -> tuple[float, ...]:
    """Return the blend's NDCG of the nights published lately with the same kind of holdout, oldest first."""
    alike = [found["ndcg"] for found in earlier_qualities(night) if found["holdout"] == prepared.holdout and found["k"] == k]
    return tuple(alike[-TRAILING_NIGHTS:])
