"""From models and a blend to rows of `recommendations`, one block of users at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.because import Because
from models.blend import Blend
from models.chosen import Chosen, Ranker, best_of, by_family, summed
from models.scorer import Scorer, UserBlock
from tasks.judging import Audience, scores_or_held

RUNGS = ("blend", "history", "attributes", "segment_popularity", "popularity")
"""The cold-start ladder, from who is known best to who is not known at all."""


@dataclass(frozen=True)
class Lists:
    """The rows of a block of users, and how each user was served.

    Per row: `user`, `item` and `because` are numbers, the latter -1 where nothing explains the item; `families` is (families, rows), NaN
    where a family abstains. Per user: `length` of the list and `rung`, a place in RUNGS.
    """

    user: NDArray[np.intp]
    rank: NDArray[np.int16]
    item: NDArray[np.int32]
    families: NDArray[np.float64]
    because: NDArray[np.int32]
    length: NDArray[np.intp]
    rung: NDArray[np.int8]

    @property
    def score(self) -> NDArray[np.float64]:
        """Return the score of every row; (rows,)."""
        return summed(self.families)


class Recommender:
    """Chooses the items of a block of users, says why, and names the rung each user stands on."""

    def __init__(self, audience: Audience, scorers: Sequence[Scorer], blend: Blend, ranker: Ranker, k: int) -> None:
        self.audience, self.scorers, self.blend, self.ranker, self.k = audience, scorers, blend, ranker, k
        # Worked out here, not by the first thread that asks, on which all others would wait.
        self.histories, self.seen = audience.histories, audience.seen
        self.because = Because(scorers)
        data = audience.data
        liked_in = data.user_segment[data.interactions.user[data.interactions.positive]]
        self.segment_has_likes = np.bincount(liked_in, minlength=len(data.segments)) > 0

    def lists(self, users: NDArray[np.intp]) -> Lists:
        """Recommend to some users, by number, ascending.

        Raises NoScoresError, naming the model, where its scores are no numbers.
        """
        people = self.audience.data.block(users, self.histories)
        with scores_or_held():
            chosen = best_of(self.ranker, people, self.seen[users], self.k)
        row, place = np.nonzero(chosen.items >= 0)
        return Lists(
            user=users[row],
            rank=place.astype(np.int16) + np.int16(1),
            item=chosen.items[row, place],
            families=by_family(chosen.parts, self.blend.families)[:, row, place],
            because=self.because.of(people, chosen)[row, place],
            length=(chosen.items >= 0).sum(axis=1),
            rung=self._rungs(chosen, people),
        )

    def _rungs(self, chosen: Chosen, people: UserBlock) -> NDArray[np.int8]:
        """Find the rung of the cold-start ladder each user stands on; (block,).

        `blend`: others' behaviour speaks of what they liked. `history`: only the descriptions of what they liked do. `attributes`: they
        liked nothing, but something is known of them. `segment_popularity`, `popularity`: their segment's or everybody's favourites.
        """
        behaviour, content = (self._any_speaks(chosen, families) for families in (("collaborative", "sequential"), ("content",)))
        has_history = np.diff(people.history.indptr) > 0
        of_segment = self.segment_has_likes[people.segment]
        stands = (behaviour & has_history, content & has_history, behaviour | content, of_segment)
        return np.select(stands, range(len(stands)), len(stands)).astype(np.int8)

    def _any_speaks(self, chosen: Chosen, families: tuple[str, ...]) -> NDArray[np.bool_]:
        models = [place for place, scorer in enumerate(self.scorers) if scorer.family in families]
        return np.asarray(chosen.user_speaks[models].any(axis=0)) if models else np.zeros(chosen.user_speaks.shape[1], np.bool_)
