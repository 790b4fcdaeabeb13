"""Judging: on which users models are judged, and what models say to users, block by block; never users x items in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.block_scores import Heard, Panel
from models.chosen import Ranker, best
from models.compute import in_order
from models.leakage import leaked
from models.metrics import judged_users
from models.policies.limits import Limits
from models.scorer import Histories, TrainingData
from models.sizes import vectors
from models.top_k import ScoreError
from models.user_sample import sampled
from tasks.prepare.training_set import TrainingSet
from tasks.refusals import NightHeldError

Number = TypeVar("Number", np.intp, np.int8)
Result = TypeVar("Result")


class JudgingConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """On whom weights are learned and models are judged."""

    max_users: int = Field(10_000, ge=100)
    """Holdout users scored; with more, those whose ids have the smallest hashes, the same from night to night."""

    max_newcomers: int = Field(2000, ge=0)
    """Of these users, how many, chosen likewise, are also judged as if they had just joined: their history is hidden from the models."""

    max_compared_users: int = Field(500, ge=100)
    """Of these users, how many, chosen likewise, also get lists from the blends that are not published: enough to show how they differ."""

    max_policy_users: int = Field(2000, ge=100)
    """Of these users, how many, chosen likewise, also get lists without each of the policies: what each costs is measured on them."""

    max_reference_users: int = Field(2000, ge=0)
    """Of these users, how many, chosen likewise, are also scored by the models pinned as a reference; 0 does without."""

    users_at_once: int = Field(128, ge=1)
    """Users scored at a time by each thread; memory is this times the catalogue times the models, and a few of them leave the cache."""


class NoScoresError(NightHeldError, ScoreError):
    """A model says what cannot be ranked: that holds a night, and is one trial the less where settings are tried."""


@dataclass(frozen=True)
class Audience:
    """Everybody who may be scored: what models may know of them, and the items that may be recommended at all; (items,)."""

    data: TrainingData
    recommendable: NDArray[np.bool_]

    @cached_property
    def histories(self) -> Histories:
        """Return what everybody liked."""
        return self.data.interactions.histories()

    @cached_property
    def seen(self) -> sp.csr_matrix:
        """Return what everybody has met, liked or not; (users, items)."""
        return self.data.interactions.seen()


def heard_blocks(
    audience: Audience,
    panel: Panel,
    lots: Sequence[NDArray[np.intp]],
    use: Callable[[NDArray[np.intp], Heard], Result],
    *,
    newcomers: bool = False,
    room: int | None = None,
) -> Iterator[Result]:
    """Ask models about lots of users, some lots side by side, and yield in order what `use` makes of the users and what they are told.

    `newcomers` are asked about as if they had just joined. So many lots stand side by side as `room` bytes hold; their sizes stay, for a
    lot of another size may round otherwise. Raises NoScoresError, naming the model, where its scores are no numbers.
    """
    histories = audience.histories

    def heard(users: NDArray[np.intp]) -> Result:
        people = audience.data.block(users, histories)
        with scores_or_held():
            return use(users, panel.hear(people.as_newcomers() if newcomers else people))

    of_lot = lot_bytes(max(map(len, lots), default=0), len(audience.recommendable), len(panel.scorers))
    return in_order(heard, lots, None if room is None else max(1, room // max(1, of_lot)))


def best_lists(
    audience: Audience, ranker: Ranker, lots: Sequence[NDArray[np.intp]], k: int, limits: Callable[[NDArray[np.intp]], Limits] | None = None
) -> NDArray[np.int32]:
    """Rank for lots of users what they have not met, or what `limits` allow them; (users, k), -1 behind the last.

    Raises NoScoresError as `heard_blocks` does.
    """
    seen = audience.seen

    def listed(users: NDArray[np.intp], heard: Heard) -> NDArray[np.int32]:
        return best(ranker, heard, limits(users) if limits else Limits.by_what_was_seen(seen[users]), k).items

    return np.concatenate(list(heard_blocks(audience, ranker.panel, lots, listed)))


def lot_bytes(n_users: int, n_items: int, n_models: int) -> int:
    """Return what a lot takes while it is scored and ranked: what every model says, twice, and what one way to rank makes of it."""
    return vectors(n_users, n_items) * (2 * n_models + 6)


@contextmanager
def scores_or_held() -> Iterator[None]:
    """Hold the night where models, asked in the block, say what cannot be ranked; raises NoScoresError, which names the model."""
    try:
        yield
    except ScoreError as error:
        next_step = "lower the model's learning_rate, or leave it out of models in [train], and run again"
        raise NoScoresError("what a model says", "finite scores", str(error), next_step) from error


def even_lots(users: NDArray[Number], at_once: int) -> list[NDArray[Number]]:
    """Cut users, or one number of each, or items into as few lots as may be scored at once, as even as they can be."""
    return [lot for lot in np.array_split(users, max(1, -(-len(users) // at_once))) if len(lot)]


def lots_of_halves(users: NDArray[np.intp], half: NDArray[np.int8], at_once: int) -> tuple[NDArray[np.intp], list[NDArray[np.intp]]]:
    """Bring users, of the given halves (users,), into an order in which they are cut into lots; returns both.

    A lot is of one half and so judged by one blend: a lot of both would have to be taken apart, score by score.
    """
    order = np.argsort(half, kind="stable")
    return order, [lot for some in np.split(users[order], [np.count_nonzero(half == 0)]) for lot in even_lots(some, at_once)]


def judged_sample(known: TrainingSet, judging: JudgingConfig) -> NDArray[np.intp]:
    """Return the holdout users to judge on, ascending: all, or as many as allowed.

    Raises NightHeldError where there is nobody to judge by.
    """
    users = judged_users(known.targets())
    if not len(users):
        found = "none: nobody who liked something before liked something new to them in what is held out"
        next_step = "deliver a longer history, or lower [holdout] min_history, and run again"
        raise NightHeldError("the holdout", "users to judge by", found, next_step)
    return users[sample_of(known, users, judging.max_users)]


def sample_of(known: TrainingSet, users: NDArray[np.intp], at_most: int) -> NDArray[np.intp]:
    """Return the places of those among some users who are kept where there may be no more than so many."""
    return np.arange(len(users)) if len(users) <= at_most else sampled(known.users["user_id"].take(users).to_pylist(), at_most)


def judged_audience(known: TrainingSet, *, by_days: bool) -> Audience:
    """Return everybody as the fit slice shows them, to be judged by the holdout.

    Raises NightHeldError where the fit slice holds anything of that: models would be asked what they were told.
    """
    found = leaked(known.events, known.fit, known.holdout, by_days=by_days)
    if found:
        expected = "nothing of what models are judged by"
        raise NightHeldError("the fit slice", expected, found, "report this as a bug; the last good table stays served")
    return Audience(known.training_data("fit"), known.recommendable)
