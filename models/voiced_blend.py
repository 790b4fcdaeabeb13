"""Rank by a blend whose terms need every score of every model, such as probabilities or ranks among all that a user may be shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.bars import Bars
from models.blend import Blend
from models.block_scores import Heard, Panel
from models.chosen import Reach, fitting, listed_in
from models.policies.limits import Limits
from models.top_k import top_k

IN_CACHE = 256
"""Users of a block: more of their scores leave the cache before they are looked at again."""


class VoicedBlend:
    """Ranks by any blend, at the price of a block's scores by every model in memory."""

    def __init__(self, panel: Panel, blend: Blend, recommendable: NDArray[np.bool_]) -> None:
        self.panel, self.blend, self.recommendable = panel, blend, recommendable

    def users_at_once(self, most_scores: int) -> int:
        """Count every model's score of every item, as it is and as it is heard, and what is made of them, also of what is barred."""
        return fitting(most_scores, len(self.recommendable) * (2 * len(self.panel.scorers) + 4), IN_CACHE)

    def reach(self, heard: Heard, limits: Limits, k: int, n_all: int = 0) -> Reach:
        """Find the k best items of each user that limits allow, by float32 scores, and the `n_all` best whatever they allow.

        Probabilities and ranks are taken among what may be shown, and for the latter among everything.
        """
        items = np.arange(len(self.recommendable))
        bars = Bars.of_limits(limits, items, items)
        segment = heard.users.segment
        allowed = np.broadcast_to(self.recommendable, (len(segment), len(items))).astype(np.float32)
        bars.mask(allowed, slice(None))
        terms = self.blend.heard(heard.scores, allowed > 0)
        boosted = np.float32(0) if limits.boosts is None else limits.boosts.users @ limits.boosts.items.T
        found, best = top_k(np.where(allowed > 0, self.blend.scores(terms, segment) + boosted, np.float32(-np.inf)), k)
        if n_all:
            every = np.broadcast_to(self.recommendable, allowed.shape)
            of_everything = self.blend.scores(self.blend.heard(heard.scores, every), segment) + boosted
            of_all, _ = top_k(np.where(every, of_everything, np.float32(-np.inf)), n_all)
            found = np.hstack([found, np.where(listed_in(of_all, found), -1, of_all)])
            best = np.where(found >= 0, np.take_along_axis(of_everything, found, axis=1), np.float32(-np.inf))
        row, place = np.nonzero(found >= 0)
        codes = np.zeros(found.shape, np.int8)
        codes[row, place] = bars.at(row, found[row, place].astype(np.intp))

        def parts_of(wanted: NDArray[np.int32]) -> NDArray[np.float64]:
            return self.blend.contributions(terms, segment, wanted)

        return Reach(found, best, codes, limits, parts_of, heard.speaks)
