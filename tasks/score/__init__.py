"""Score: rank the catalogue for every user and stage the tables people read; never users x items in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.compute import limited_threads
from models.knowledge.popularity import PopularityConfig
from models.left_out import scored_items
from models.policies.limits import Reason
from models.policies.minimum import Calibration
from models.scorer import TrainingData
from tasks.experiment.assignment import variant_names, variant_of_users
from tasks.experiment.config import ExperimentConfig
from tasks.experiment.variants import Variant, VariantRecommender, variants_of
from tasks.judging import Audience, sample_of
from tasks.night import Night, Receipt
from tasks.policies.build import build_policies, vectors_of
from tasks.policies.config import PoliciesConfig
from tasks.policies.seen import barred_as_seen
from tasks.prepare import Prepared, training_set
from tasks.prepare.training_set import TrainingSet
from tasks.refit import Refitted, set_to_serve
from tasks.score.catalogue import write_popular, write_similar
from tasks.score.config import ScoreConfig
from tasks.score.coverage import served_by, write_coverage
from tasks.score.recommendations import write_recommendations
from tasks.score.recommender import Recommender
from tasks.score.search import Found, Searched, found_by

__all__ = ["ScoreConfig", "Scored", "score"]


class Scored(Receipt, frozen=True):
    """The staged tables and what they hold."""

    model_version: str
    k: int
    users: int
    recommendations: int
    served_by: dict[str, int]
    short_lists: int
    searched: Searched | None = None


def _likes(data: TrainingData) -> NDArray[np.intp]:
    """Count the likes of each item."""
    liked = data.interactions.item[data.interactions.positive]
    return np.bincount(liked, minlength=data.interactions.n_items)


def score(
    night: Night,
    _prepared: Prepared,
    refitted: Refitted,
    config: ScoreConfig,
    fading: PopularityConfig,
    id_types: dict[str, str],
    policies: PoliciesConfig,
    experiment: ExperimentConfig,
    calibration: Calibration | None,
) -> Scored:
    """Stage the tables of lists, and coverage.

    Without a calibration, which an evaluation makes, no item is left out for its chance to be liked.
    """
    known = training_set(night)
    data = known.training_data("everything")
    scorers, blend = set_to_serve(night, refitted, known)
    with limited_threads(night.compute):
        audience = Audience(data, scored_items(_likes(data), known.recommendable))
        variants = variants_of(experiment, scorers, blend, policies)
        found, recommenders, reasons = _ways_to_recommend(night, known, audience, variants, config, calibration)
        variant = variant_of_users(known.users["user_id"], experiment)
        recommender = VariantRecommender(recommenders, variant) if experiment else recommenders[0]
        names = variant_names(variant, experiment)
        served = write_recommendations(night, known, recommender, reasons, names, config, id_types, refitted.model_version)
        write_similar(night, known, scorers, found.cells, config, id_types)
    write_popular(night, known, data, fading, config, id_types)
    served.best_users.write(night, known, id_types)
    write_coverage(night, known, served, found.searched, config.k)
    tables = ("recommendations", "why_not", "similar_items", "popular_items", "item_audience", "coverage")
    files = [night.staged_table(name) for name in tables]
    return Scored(
        files=night.hashed(*files),
        model_version=refitted.model_version,
        k=config.k,
        users=int(np.count_nonzero(served.length)),
        recommendations=int(served.length.sum()),
        served_by=served_by(served),
        short_lists=int(np.count_nonzero(served.length < config.k)),
        searched=found.searched,
    )


def _ways_to_recommend(
    night: Night,
    known: TrainingSet,
    audience: Audience,
    variants: Sequence[Variant],
    config: ScoreConfig,
    calibration: Calibration | None,
) -> tuple[Found, list[Recommender], tuple[Reason, ...]]:
    """Return how items are found, what makes the lists of each variant, and the reasons for which candidates are left out of them."""
    measured_on = sample_of(known, np.arange(known.n_users), config.search_recall_users)
    memory = config.scores_in_memory(night.compute.threads)
    reasons = tuple(dict.fromkeys(reason for one in variants for reason in one.policies.reasons()))
    seen = barred_as_seen(audience.seen, known.open_again)
    ways, made = [], []
    for one in variants:
        least, vectors = one.policies.minimum.scores(calibration), vectors_of(one.scorers, one.policies)
        rules = build_policies(night, known, one.policies, seen=seen, tired_of=known.tired_of, minimum=least, vectors=vectors)
        ways.append(found_by(audience, one.scorers, one.blend, rules, measured_on, config, memory, night.seed))
        made.append(Recommender(audience, one.scorers, one.blend, ways[-1].ranker, rules, config, reasons))
    return ways[0], made, reasons
