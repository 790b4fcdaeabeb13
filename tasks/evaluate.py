"""Evaluate: measure tonight's blend, its parts and yesterday's table on the holdout, user by user, over the whole catalogue.

The blend judged on a user is the one learned on the other half of the users; nothing is judged on rows that chose its weights.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.bootstrap import BootstrapConfig, compare, mean_interval
from models.compute import limited_threads
from models.evidence import Evidence, GateConfig, Slice
from models.gate_rules import TRAILING_NIGHTS
from models.metrics import ListMetrics, hits_of, list_metrics
from models.policies.minimum import Calibration, calibrate
from models.slices import Pairs, compare_slices
from tasks.blend import Blended
from tasks.champion import SinceThen
from tasks.delayed import judge_earlier
from tasks.experiment.config import ExperimentConfig
from tasks.experiment.rows import rows_of_split
from tasks.judging import JudgingConfig, sample_of
from tasks.measured import Ladder, Ruler, list_rows
from tasks.night import Night, Receipt
from tasks.policies.config import PoliciesConfig
from tasks.policies.cost import PoliciesJudged, cost_rows
from tasks.prepare import Prepared
from tasks.rankings import BLEND, PerUser, Rankings
from tasks.reference import Pinned, judge_reference
from tasks.tables import EVERYBODY, TABLES
from tasks.tables.writing import write_table
from tasks.trail import earlier_qualities
from tasks.train import POPULARITY, Trained
from tasks.trial import SERVED, Judged, Trial, trial_of

log = logging.getLogger("nightly")

Row = dict[str, object]


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
    k, trial = config.ks[0], trial_of(night, prepared, trained, blended, judging, config.ks, policies)
    rankings, judged = trial.everybody(judging.max_compared_users)
    speaker = _better_alone(judged.per_user, [model.name for model in trained.models], k, night.seed, gate.intervals)
    wanted = any(one.minimum.chance for one in experiment.policies(policies).values())
    calibration = _calibrated(rankings, speaker or BLEND, trial) if wanted else None
    under = PoliciesJudged(night, trial.known, trial.judge, policies, calibration)
    since = trial.since(rankings, speaker, under)
    outcome = Outcome(rankings, judged, trial.newcomers(blended, speaker, judging), since, speaker)
    with limited_threads(night.compute):
        pinned = judge_reference(night, trial.known, trial.judge.audience, trial.users, k, judging, by_days=prepared.holdout == "days")
    likes = np.bincount(trial.data.interactions.item, minlength=trial.known.n_items)
    shape = list_metrics(np.concatenate(rankings.lists[outcome.served]), k, likes, trial.known.recommendable)
    ruler = Ruler(night.seed, config.intervals)
    rows = _rows(trial, outcome, ruler) + list_rows(shape, k, len(trial.users))
    if policies.declared:
        rows += _policy_rows(trial, under, ruler, judging.max_policy_users)
    rows = [{"of_date": night.run_date, **row} for row in rows]
    # Where one model speaks alone, nothing is compared: everybody gets its lists.
    rows += rows_of_split(night.run_date, trial.known.users["user_id"], ExperimentConfig() if speaker else experiment)
    rows += judge_earlier(night, trial.known, trial.data, ruler, config.ks, config.delayed_days, judging.max_users)
    metrics = write_table(night.staged_table("metrics"), pa.Table.from_pylist(rows), TABLES["metrics"].schema({}, {"run_id": night.run_id}))
    ladder = _ladder(outcome, ruler, k)
    for rung in ladder:
        log.info("evaluate: %s NDCG@%d %.4f", rung.ranking, k, rung.ndcg.value or 0)
    return Evaluated(
        files=night.hashed(metrics),
        k=k,
        speaker=speaker,
        ladder=ladder,
        evidence=_evidence(trial, outcome, shape, pinned, gate, _trailing(night, prepared, k)),
        missing=trained.missing,
        calibration=calibration,
    )


@dataclass(frozen=True)
class Outcome:
    """What came of the trial: `judged` are everybody, `speaker` the model that is served alone, if one is."""

    rankings: Rankings
    judged: Judged
    newcomers: Judged
    since: SinceThen | None
    speaker: str | None

    @property
    def served(self) -> str:
        """Return the name of the ranking that is served."""
        return self.speaker or BLEND


def _rows(trial: Trial, outcome: Outcome, ruler: Ruler) -> list[Row]:
    """Return how good each ranking is to everybody, to each segment, and to users whose history was hidden."""
    judged, newcomers, since = outcome.judged, outcome.newcomers, outcome.since
    joined = trial.known.segments.names[0]
    of_new = {name: found for name, found in newcomers.per_user.items() if name != SERVED}
    rows = [
        *ruler.rows(judged.per_user, {EVERYBODY: judged.places} | trial.groups(judged.places)),
        *ruler.rows(judged.compared, {EVERYBODY: np.arange(len(judged.few))} | trial.groups(judged.few)),
        *ruler.rows(of_new, {joined: np.arange(len(newcomers.places))}),
        *ruler.rows(newcomers.compared, {joined: np.arange(len(newcomers.few))}),
    ]
    if since:
        rows += ruler.rows({"yesterday": since.per_user["yesterday"]}, {EVERYBODY: np.arange(len(since.users))})
    return rows


def _policy_rows(trial: Trial, under: PoliciesJudged, ruler: Ruler, at_most: int) -> list[Row]:
    """Return what policies cost so many of the judged users at most."""
    places = sample_of(trial.known, trial.users, at_most)
    users = trial.users[places]
    with limited_threads(trial.night.compute):
        return cost_rows(under.each(users, trial.half[places]), trial.targets[users], trial.ks, ruler)


def _ladder(outcome: Outcome, ruler: Ruler, k: int) -> tuple[Ladder, ...]:
    """Return every ranking beside the blend, the best first, and what was served before behind them."""
    judged = outcome.judged
    of_blend = judged.per_user[BLEND][k]["ndcg"]
    rungs = ruler.rungs(judged.per_user, of_blend, k) + ruler.rungs(judged.compared, of_blend[judged.few], k)
    rungs.sort(key=lambda rung: (-(rung.ndcg.value or 0), rung.ranking))
    return (*rungs, *ruler.yesterday(outcome.since, k))


def _evidence(
    trial: Trial, outcome: Outcome, shape: ListMetrics, pinned: Pinned, gate: GateConfig, trailing_ndcg: tuple[float, ...]
) -> Evidence:
    """Gather what the gate may know."""
    k, seed, since = trial.ks[0], trial.night.seed, outcome.since
    groups = trial.groups(outcome.judged.places)
    ndcg, popular = (outcome.judged.per_user[name][k]["ndcg"] for name in (outcome.served, POPULARITY))
    return Evidence(
        k=k,
        ndcg=mean_interval(ndcg, seed, gate.intervals),
        popularity=compare(ndcg, popular, seed, gate.intervals),
        champion=compare(*since.ndcgs(k), seed, gate.intervals) if since else None,
        trailing_ndcg=trailing_ndcg,
        lists=shape,
        constant_lists=float(np.concatenate(outcome.rankings.constant[outcome.served]).mean()),
        no_champion=trial.no_champion,
        slices=_slices(outcome, groups, k, gate),
        reference=None if pinned.why_not else compare(ndcg[pinned.users], pinned.ndcg, seed, gate.intervals),
        no_reference=pinned.why_not,
        judged={name: len(members) for name, members in groups.items()},
    )


def _calibrated(rankings: Rankings, served: str, trial: Trial) -> Calibration:
    """Measure how often what was ranked for the judged users was liked, by the score it would be published with."""
    items, scores = np.concatenate(rankings.lists[served]), np.concatenate(rankings.scores[served])
    user, place = np.nonzero(items >= 0)
    hits = hits_of(items, trial.targets[trial.users])
    return calibrate(scores[user, place], hits[user, place], trial.data.user_segment[trial.users][user], trial.data.segments)


def _slices(outcome: Outcome, groups: dict[str, NDArray[np.intp]], k: int, gate: GateConfig) -> tuple[Slice, ...]:
    """Set what is served against popularity and the served models on the users of each segment that has any."""
    per_user, of_new, since, served = outcome.judged.per_user, outcome.newcomers.per_user, outcome.since, outcome.served
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
