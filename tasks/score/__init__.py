"""Score: rank the catalogue for every user and stage the tables people read; never users x items in memory."""

from __future__ import annotations

import numpy as np

from models.compute import limited_threads
from models.knowledge.popularity import PopularityConfig
from tasks.judging import Audience, sample_of
from tasks.night import Night, Receipt
from tasks.prepare import Prepared, training_set
from tasks.refit import Refitted, set_to_serve
from tasks.score.catalogue import write_popular, write_similar
from tasks.score.config import ScoreConfig
from tasks.score.coverage import served_by, write_coverage
from tasks.score.recommendations import write_recommendations
from tasks.score.recommender import Recommender
from tasks.score.search import Searched, found_by

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


def score(
    night: Night, _prepared: Prepared, refitted: Refitted, config: ScoreConfig, fading: PopularityConfig, id_types: dict[str, str]
) -> Scored:
    """Stage recommendations, similar_items, popular_items and coverage."""
    known = training_set(night)
    data = known.training_data("everything")
    scorers, blend = set_to_serve(night, refitted, known)
    with limited_threads(night.compute):
        audience = Audience(data, known.recommendable)
        measured_on = sample_of(known, np.arange(known.n_users), config.search_recall_users)
        memory = config.scores_in_memory(night.compute.threads)
        found = found_by(audience, scorers, blend, measured_on, config, memory, night.seed)
        recommender = Recommender(audience, scorers, blend, found.ranker, config.k)
        served = write_recommendations(night, known, recommender, config, id_types, refitted.model_version)
        write_similar(night, known, scorers, found.cells, config, id_types)
    write_popular(night, known, data, fading, config, id_types)
    write_coverage(night, known, served, found.searched, config.k)
    files = [night.staged_table(name) for name in ("recommendations", "similar_items", "popular_items", "coverage")]
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
