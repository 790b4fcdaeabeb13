"""How the best items are found: by scoring everything or, in large catalogues, by searching, which is measured before it is relied on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from models.blend import Blend
from models.block_scores import Panel
from models.cells import Cells, cells_of_catalogue
from models.chosen import Ranker
from models.fused_blend import FusedBlend
from models.policies.policies import Policies
from models.scorer import Scorer
from models.voiced_blend import VoicedBlend
from models.voices import AS_THEY_ARE
from tasks.judging import Audience, best_lists, even_lots
from tasks.score.config import ScoreConfig

log = logging.getLogger("nightly")

FEWEST_PROBES = 8
"""Cells a user that are tried first; each next try looks into twice as many."""

LARGEST_SHARE = 1 / 8
"""Share of the catalogue from which on looking into cells saves too little over scoring everything."""


class Searched(BaseModel, frozen=True):
    """How a large catalogue was searched: `probes` of its `cells` a user, `share` of all items; `recall` is what the last try found.

    `exact` says that this was too little, and that everything was scored instead.
    """

    cells: int
    probes: int
    share: float
    recall: float
    users: int
    exact: bool


@dataclass(frozen=True)
class Found:
    """What ranks, the cells of items where the catalogue is large, and how it is searched, where it is."""

    ranker: Ranker
    cells: Cells | None = None
    searched: Searched | None = None


def found_by(
    audience: Audience,
    scorers: Sequence[Scorer],
    blend: Blend,
    policies: Policies,
    users: NDArray[np.intp],
    config: ScoreConfig,
    memory: int,
    seed: int,
) -> Found:
    """Choose how items are found; `users` are those whom a search is measured on, `memory` the scores that a block may hold.

    Raises NoScoresError, naming the model, where its scores are no numbers.
    """
    panel = Panel.of(scorers)
    if blend.voice != AS_THEY_ARE:
        return Found(VoicedBlend(panel, blend, audience.recommendable))
    cells = None
    if np.count_nonzero(audience.recommendable) > config.exact_up_to_items:
        cells = cells_of_catalogue(scorers, blend, seed)
    exact = FusedBlend(panel, blend, audience.recommendable, None if cells is None else cells.of_item, policies.boosts)
    if cells is None:
        return Found(exact)
    wanted = best_lists(audience, exact, even_lots(users, exact.users_at_once(memory)), config.k, policies.of)
    probes = FEWEST_PROBES
    while True:
        search = exact.search_of(probes)
        ranker = exact.searching(search)
        measured = recall(best_lists(audience, ranker, even_lots(users, ranker.users_at_once(memory)), config.k, policies.of), wanted)
        share = search.scores_of_user / max(1, len(exact.columns))
        log.info("score: looking into %d of %d cells finds %.1f%% of the best %d", search.probes, search.n_cells, 100 * measured, config.k)
        enough, too_many = measured >= config.min_search_recall, share > LARGEST_SHARE
        if enough or too_many:
            told = Searched(cells=search.n_cells, probes=search.probes, share=share, recall=measured, users=len(users), exact=not enough)
            return Found(exact if told.exact else ranker, cells, told)
        probes *= 2


def recall(lists: NDArray[np.int32], wanted: NDArray[np.int32]) -> float:
    """Return the share of the wanted items, (users, k) or -1, that the lists hold; 1 where nothing is wanted."""
    met = (wanted[:, :, None] == lists[:, None, :]).any(axis=2) & (wanted >= 0)
    return float(met.sum() / max(1, np.count_nonzero(wanted >= 0))) if (wanted >= 0).any() else 1.0
