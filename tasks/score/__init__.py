"""Score: rank the catalogue for every user and stage the tables people read; never users x items in memory."""

from __future__ import annotations

import numpy as np

from models.compute import limited_threads
from models.knowledge.popularity import PopularityConfig
from tasks.night import Night, Receipt
from tasks.prepare import Prepared, training_set
from tasks.refit import Refitted, set_to_serve
from tasks.score.catalogue import write_popular, write_similar
from tasks.score.config import ScoreConfig
from tasks.score.coverage import served_by, write_coverage
from tasks.score.recommendations import write_recommendations
from tasks.score.recommender import Recommender

__all__ = ["ScoreConfig", "Scored", "score"]


class Scored(Receipt, frozen=True):
    """The staged tables and what they hold."""

    model_version: str
    k: int
    users: int
    recommendations: int
    served_by: dict[str, int]
    short_lists: int


def score(
    night: Night, _prepared: Prepared, refitted: Refitted, config: ScoreConfig, fading: PopularityConfig, id_types: dict[str, str]
) -> Scored:
    """Stage recommendations, similar_items, popular_items and coverage."""
    known = training_set(night)
    data = known.training_data("everything")
    scorers, blend = set_to_serve(night, refitted, known)
    with limited_threads(night.compute):
        recommender = Recommender(data, known.recommendable, scorers, blend, config.k)
        served = write_recommendations(night, known, recommender, config, id_types, refitted.model_version)
        write_similar(night, known, scorers, config, id_types)
    write_popular(night, known, data, fading, config, id_types)
    write_coverage(night, known, served, config.k)
    files = [night.staged_table(name) for name in ("recommendations", "similar_items", "popular_items", "coverage")]
    return Scored(
        files=night.hashed(*files),
        model_version=refitted.model_version,
        k=config.k,
        users=int(np.count_nonzero(served.length)),
        recommendations=int(served.length.sum()),
        served_by=served_by(served),
        short_lists=int(np.count_nonzero(served.length < config.k)),
    )
