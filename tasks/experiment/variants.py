"""Lists of users who are in different variants, each made as their variant says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.blend import Blend
from models.experiment import variant_blend
from models.scorer import Scorer
from tasks.experiment.config import ExperimentConfig
from tasks.policies.config import PoliciesConfig
from tasks.refusals import NightHeldError

if TYPE_CHECKING:  # the score step imports this module
    from tasks.score.recommender import Lists

PER_USER = frozenset({"length", "rung"})
"""Fields of `Lists` that hold one value per user of the block; the last axis of all others counts rows."""


@dataclass(frozen=True)
class Variant:
    """What a variant ranks with: the models that speak in it, its blend of them, and its policies; without a name, that of everybody."""

    name: str | None
    scorers: tuple[Scorer, ...]
    blend: Blend
    policies: PoliciesConfig


def variants_of(config: ExperimentConfig, scorers: Sequence[Scorer], blend: Blend, shared: PoliciesConfig) -> tuple[Variant, ...]:
    """Return the variants of tonight's experiment, given all models, in the order of their blend, and what was learned of them.

    Without an experiment there is one variant, of everybody. Raises NightHeldError where no model of a variant takes part tonight: its
    users would get what it is compared with.
    """
    if not config:
        return (Variant(None, tuple(scorers), blend, shared),)
    found, policies = [], config.policies(shared)
    for variant in config.variants:
        try:
            own = variant_blend(blend, variant.models, variant.weights)
        except ValueError as error:
            next_step = "name others in [[experiment.variants]], or end the experiment, and run again"
            where, asked = f"variant {variant.name} of the experiment", ", ".join(dict.fromkeys(variant.named))
            raise NightHeldError(where, f"one of {asked} among tonight's models", ", ".join(blend.models), next_step) from error
        heard = tuple(scorer for scorer in scorers if scorer.name in own.models)
        found.append(Variant(variant.name, heard, own, policies[variant.name]))
    return tuple(found)


class Sized(Protocol):
    """Knows how many users a block should hold where so many scores may stand in memory."""

    def users_at_once(self, most_scores: int) -> int: ...


class MakesLists(Protocol):
    """What `Recommender` offers to those who write its lists."""

    @property
    def ranker(self) -> Sized: ...

    def lists(self, users: NDArray[np.intp]) -> Lists: ...


class SmallestBlocks(NamedTuple):
    """Several that rank: a block fits all of them."""

    rankers: tuple[Sized, ...]

    def users_at_once(self, most_scores: int) -> int:
        return min(ranker.users_at_once(most_scores) for ranker in self.rankers)


class VariantRecommender:
    """Chooses the items of users who are in different variants, as the recommender of each variant does."""

    def __init__(self, recommenders: Sequence[MakesLists], variant: NDArray[np.int8]) -> None:
        """Take the recommender of each variant, in their order, and the variant that everybody is in, (users,)."""
        self.recommenders, self.variant = recommenders, variant
        self.ranker = SmallestBlocks(tuple(recommender.ranker for recommender in recommenders))

    def lists(self, users: NDArray[np.intp]) -> Lists:
        """Recommend to some users, by number, ascending; raises NoScoresError as a recommender does."""
        met = self.variant[users]
        parts = [(number, users[met == number]) for number in range(len(self.recommenders))]
        asked = [(number, some) for number, some in parts if len(some)] or [(0, users)]
        found: Lists = together([self.recommenders[number].lists(some) for number, some in asked], [some for _, some in asked])
        return found


def together(parts: Sequence[Any], users: Sequence[NDArray[np.intp]]) -> Any:
    """Bring what was found for different users, by number, together in the order of the users; those of each part ascend.

    Rows are told by the `user` of the dataclass they stand in, so that one that is a field of another may have rows of its own.
    Raises ValueError where a field holds neither: one value per user is expected of those in PER_USER, one per row of all others.
    """
    of_users = np.argsort(np.concatenate(users), kind="stable")
    of_rows = np.argsort(np.concatenate([part.user for part in parts]), kind="stable")
    found: dict[str, Any] = {}
    for name in (field.name for field in fields(parts[0])):
        values = [getattr(part, name) for part in parts]
        if is_dataclass(values[0]):
            found[name] = together(values, users)
        elif values[0] is None:
            found[name] = None
        else:
            order = of_users if name in PER_USER else of_rows
            joined = np.concatenate(values, axis=-1)
            if joined.shape[-1] != len(order):
                raise ValueError(f"{name} has {joined.shape[-1]} values for {len(order)} {'users' if name in PER_USER else 'rows'}")
            found[name] = joined[..., order]
    return type(parts[0])(**found)
