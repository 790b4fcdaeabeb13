"""Rank by a blend whose terms need every score of every model, such as probabilities or ranks among all that a user may be shown."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.blend import Blend
from models.block_scores import Heard, Panel
from models.chosen import Chosen, allowed_items, fitting, published_scores
from models.top_k import top_k

IN_CACHE = 256
"""Users of a block: more of their scores leave the cache before they are looked at again."""


class VoicedBlend:
    """Ranks by any blend, at the price of a block's scores by every model in memory."""

    def __init__(self, panel: Panel, blend: Blend, recommendable: NDArray[np.bool_]) -> None:
        self.panel, self.blend, self.recommendable = panel, blend, recommendable

    def users_at_once(self, most_scores: int) -> int:
        """Count every model's score of every item, as it is and as it is heard, and what is made of them."""
        return fitting(most_scores, len(self.recommendable) * (2 * len(self.panel.scorers) + 2), IN_CACHE)

    def best(self, heard: Heard, seen: sp.csr_matrix, k: int) -> Chosen:
        """Choose the k best items that are recommendable and not among `seen`, (block, items), by float32 scores.

        They are then ordered by the score that is published.
        """
        allowed, segment = allowed_items(seen, self.recommendable), heard.users.segment
        terms = self.blend.heard(heard.scores, allowed)
        items = top_k(np.where(allowed, self.blend.scores(terms, segment), np.float32(-np.inf)), k)[0]
        parts = self.blend.contributions(terms, segment, items)
        total = np.where(items >= 0, published_scores(parts, self.blend.families), -np.inf)
        order = np.lexsort((items, -total), axis=1)
        return Chosen(np.take_along_axis(items, order, 1), np.take_along_axis(parts, order[None], 2), heard.speaks)
