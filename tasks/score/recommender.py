"""From models and a blend to rows of `recommendations`, one block of users at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.because import Because
from models.blend import Blend
from models.chosen import Chosen, Ranker, by_family, summed
from models.left_out import LISTED, Candidates, candidates
from models.policies.choosing import CANDIDATES, Chooser
from models.policies.limits import Reason
from models.policies.policies import Policies
from models.scorer import Scorer, UserBlock
from tasks.judging import Audience, scores_or_held
from tasks.score.config import ScoreConfig

RUNGS = ("blend", "history", "attributes", "segment_popularity", "popularity")
"""The cold-start ladder, from who is known best to who is not known at all."""


@dataclass(frozen=True)
class Lists:
    """The rows of a block of users, and how each user was served.

    Per row: `user`, `item` and `because` are numbers, the latter -1 where nothing explains the item; `families` is (families, rows), NaN
    where a family abstains; `policy` is what rules add. Per user: `length` of the list and `rung`, a place in RUNGS. `candidates` are the
    best of what was scored, their `user` a number like those of the rows.
    """

    user: NDArray[np.intp]
    rank: NDArray[np.int16]
    item: NDArray[np.int32]
    families: NDArray[np.float64]
    policy: NDArray[np.float64]
    because: NDArray[np.int32]
    length: NDArray[np.intp]
    rung: NDArray[np.int8]
    candidates: Candidates

    @property
    def blended_score(self) -> NDArray[np.float64]:
        """Return the score of every row before policies; (rows,)."""
        return summed(self.families)

    @property
    def score(self) -> NDArray[np.float64]:
        """Return the score of every row; (rows,)."""
        return self.blended_score + self.policy


class Recommender:
    """Chooses the items of a block of users, says why, and names the rung each user stands on."""

    def __init__(
        self,
        audience: Audience,
        scorers: Sequence[Scorer],
        blend: Blend,
        ranker: Ranker,
        policies: Policies,
        config: ScoreConfig,
        reasons: tuple[Reason, ...],
    ) -> None:
        """Take what ranks and what limits it; candidates that are left out bear the places of `reasons` as codes."""
        self.code_of = np.array([reasons.index(reason) for reason in policies.reasons], np.int8)
        self.audience, self.scorers, self.blend, self.ranker, self.policies = audience, scorers, blend, ranker, policies
        self.chooser, self.n_candidates = Chooser(ranker, policies.lists, config.k), CANDIDATES * config.k
        # Worked out here, not by the first thread that asks, on which all others would wait.
        self.histories = audience.histories
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
            heard = self.ranker.panel.hear(people)
            choice = self.chooser.choose(heard, self.policies.of(users), self.n_candidates)
        chosen = choice.chosen
        row, place = np.nonzero(chosen.items >= 0)
        found = candidates(choice.reach, choice.codes, chosen.items, self.n_candidates)
        return Lists(
            user=users[row],
            rank=place.astype(np.int16) + np.int16(1),
            item=chosen.items[row, place],
            families=by_family(chosen.parts, self.blend.families)[:, row, place],
            policy=chosen.policy[row, place],
            because=self.because.of(people, chosen)[row, place],
            length=(chosen.items >= 0).sum(axis=1),
            rung=self._rungs(chosen, people),
            candidates=replace(found, user=users[found.user], code=np.where(found.code == LISTED, LISTED, self.code_of[found.code])),
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
