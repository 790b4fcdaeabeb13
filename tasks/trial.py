"""The trial: tonight's models and blends rank for judged users in every way there is, beside what was served before."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.blend import Blend
from models.blend_training import Models
from models.compute import limited_threads
from models.holdout import user_half
from models.scorer import TrainingData
from tasks.blend import Blended
from tasks.champion import Champion, SinceThen, same_settings, served_before, since_then
from tasks.judging import JudgingConfig, judged_audience, judged_sample, sample_of
from tasks.night import Night
from tasks.policies.config import PoliciesConfig
from tasks.policies.cost import PoliciesJudged
from tasks.prepare import Prepared, training_set
from tasks.prepare.training_set import TrainingSet
from tasks.rankings import BLEND, Judge, PerUser, Rankings, rank
from tasks.train import Trained, load_models

SERVED = "served"
"""The blend that is served to newcomers where one model speaks alone: the others are heard where it is silent."""


@dataclass(frozen=True)
class Judged:
    """How good rankings are to judged users at some `places`; `compared` are the blends that are not published, on `few` of these."""

    places: NDArray[np.intp]
    per_user: PerUser
    few: NDArray[np.intp]
    compared: PerUser


@dataclass(frozen=True)
class Trial:
    """Who is judged by tonight's models, and what they went on to like.

    `users` ascend, `half` (users,) is the one that each is of, `targets` (everybody, items) marks what was liked in the holdout. `judge`
    ranks by the models and the published blend, `unserved` by the other blends. Without a champion, `no_champion` says why. `policies`
    are those in force.
    """

    night: Night
    known: TrainingSet
    users: NDArray[np.intp]
    half: NDArray[np.int8]
    targets: sp.csr_matrix
    judge: Judge
    unserved: Judge
    champion: Champion | None
    no_champion: str
    ks: tuple[int, ...]
    policies: PoliciesConfig

    @property
    def data(self) -> TrainingData:
        """Return what models may know of everybody."""
        return self.judge.audience.data

    @property
    def under_policies(self) -> bool:
        """Say whether tonight's lists are set beside the champion's under policies: where both nights declare the same."""
        return self.policies.declared and same_settings(self.night, "policies")

    def groups(self, places: NDArray[np.intp]) -> dict[str, NDArray[np.intp]]:
        """Return which of some judged users, by their places among these, are of each segment."""
        segment = self.data.user_segment[self.users[places]]
        return {name: np.flatnonzero(segment == index) for index, name in enumerate(self.data.segments)}

    def everybody(self, at_most: int) -> tuple[Rankings, Judged]:
        """Rank for all judged users in every way, and by the blends that are not published for so many at most."""
        everybody = np.arange(len(self.users))
        rankings = self._rank(self.judge, everybody, since=not self.under_policies)
        few = sample_of(self.known, self.users, at_most)
        return rankings, Judged(everybody, self._measured(rankings, everybody), few, self._compared(few))

    def newcomers(self, blended: Blended, speaker: str | None, judging: JudgingConfig) -> Judged:
        """Rank for some judged users as if they had just joined; where one model speaks alone, also by the blend that serves these."""
        at_most = judging.max_newcomers if self.known.segments.begins_with_newcomers else 0
        places, judge = sample_of(self.known, self.users, at_most), self.judge
        few = sample_of(self.known, self.users[places], judging.max_compared_users)
        if speaker:
            blend = Blend.from_json(blended.blend)
            alone = Models(blend.models, blend.families, blend.segments).alone(speaker)
            judge = replace(judge, blends={**judge.blends, SERVED: (alone, alone)})
        per_user = self._measured(self._rank(judge, places, newcomers=True), places) if len(places) else {}
        return Judged(places, per_user, few, self._compared(places[few], newcomers=True))

    def since(self, rankings: Rankings, speaker: str | None, under: PoliciesJudged) -> SinceThen | None:
        """Set what tonight would serve beside what was served before, neither with anything met until then; None without a champion.

        Policies count where those of the champion were the same: models are not to be held for what people decided since.
        """
        fresh = rankings.fresh.get(BLEND, [])
        if self.champion and speaker:  # seldom: so all models need not be ranked by twice, every night
            alone = [scorer for scorer in self.judge.scorers if scorer.name == speaker]
            judge = replace(self.judge, scorers=alone, blends={})
            fresh = self._rank(judge, np.arange(len(self.users)), since=True).fresh[speaker]
        elif self.champion and self.under_policies:
            with limited_threads(self.night.compute):
                fresh = [under.lists(self.users, self.half, self.champion.seen)]
        return since_then(fresh, self.champion, self.users, self.ks)

    def _rank(self, judge: Judge, places: NDArray[np.intp], *, since: bool = False, newcomers: bool = False) -> Rankings:
        seen_then = self.champion.seen if since and self.champion else None
        with limited_threads(self.night.compute):
            return rank(judge, self.users[places], self.half[places], seen_then, newcomers=newcomers)

    def _measured(self, rankings: Rankings, places: NDArray[np.intp]) -> PerUser:
        return rankings.per_user(self.targets[self.users[places]], self.ks)

    def _compared(self, places: NDArray[np.intp], *, newcomers: bool = False) -> PerUser:
        """Measure the blends that are not published on some users; nothing where there are none of either."""
        if not len(places) or not self.unserved.blends:
            return {}
        return self._measured(self._rank(self.unserved, places, newcomers=newcomers), places)


def trial_of(
    night: Night,
    prepared: Prepared,
    trained: Trained,
    blended: Blended,
    judging: JudgingConfig,
    ks: tuple[int, ...],
    policies: PoliciesConfig,
) -> Trial:
    """Bring together who is judged, and by what.

    Raises NightHeldError where there is nobody to judge by, or where the fit slice holds anything of the holdout.
    """
    known, by_days = training_set(night), prepared.holdout == "days"
    users, targets = judged_sample(known, judging), known.targets()
    audience = judged_audience(known, by_days=by_days)
    half = user_half(known.users["user_id"].take(users).to_pylist())
    scorers, blends = load_models(night.workspace.root, trained.models), _blends(blended)
    judge = Judge(audience, scorers, {BLEND: blends.pop(BLEND)}, max(ks), judging.users_at_once, room=night.room)
    unserved = replace(judge, blends=blends, singly=False)
    return Trial(night, known, users, half, targets, judge, unserved, *served_before(night, known, users, by_days=by_days), ks, policies)


def _blends(blended: Blended) -> dict[str, tuple[Blend, ...]]:
    """Read the cross-fitted blends, the published kind under one name."""
    named = {BLEND if method == blended.method else method: halves for method, halves in blended.halves.items()}
    return {name: tuple(Blend.from_json(text) for text in halves) for name, halves in named.items()}
