"""Claims about lists of users who are in different variants: each gets what their variant's models alone would give them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.blend import Blend
from models.block_scores import Panel
from models.fused_blend import FusedBlend
from models.left_out import Candidates
from models.policies.limits import REASONS
from models.policies.policies import Policies
from models.scorer import FAMILIES, Scorer
from models.top_k import top_k
from tasks.experiment.config import ExperimentConfig, VariantConfig
from tasks.experiment.variants import VariantRecommender, together, variants_of
from tasks.judging import Audience
from tasks.policies.config import PoliciesConfig
from tasks.refusals import NightHeldError
from tasks.score.config import ScoreConfig
from tasks.score.recommender import Lists, Recommender
from tests.models.scorers import SCORERS
from tests.worlds import two_tastes

NAMES = ("als", "transitions", "content_knn", "popularity")
K = 5


class Tonight:
    """The two tastes, four models that learned them, and a blend of these."""

    def __init__(self) -> None:
        data = two_tastes().data
        self.audience = Audience(data, np.ones(data.interactions.n_items, np.bool_))
        self.everybody = np.arange(data.interactions.n_users)
        self.scorers: list[Scorer] = [SCORERS[name]().fit(data, 3) for name in NAMES]
        families = tuple(scorer.family for scorer in self.scorers)
        self.blend = Blend(NAMES, families, data.segments, np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]]))

    def recommender(self, scorers: tuple[Scorer, ...], blend: Blend) -> Recommender:
        policies = Policies.without_rules(self.audience.seen, self.audience.recommendable)
        ranker = FusedBlend(Panel.of(scorers), blend, self.audience.recommendable)
        return Recommender(self.audience, scorers, blend, ranker, policies, ScoreConfig(k=K), REASONS)

    def of(self, *variants: VariantConfig) -> list[Recommender]:
        experiment = ExperimentConfig(name="any", variants=variants)
        return [
            self.recommender(variant.scorers, variant.blend)
            for variant in variants_of(experiment, self.scorers, self.blend, PoliciesConfig())
        ]


@pytest.fixture(scope="module")
def tonight() -> Tonight:
    return Tonight()


CONTROL = VariantConfig(name="control", share=0.5)
QUIET = VariantConfig(name="quiet", share=0.25, models=("popularity", "als"))
HEAVY = VariantConfig(name="heavy", share=0.25, weights={"transitions": 1, "popularity": 3, "als": 0})


def assert_same(one: Lists, other: Lists) -> None:
    """Floating numbers may differ by how BLAS rounds in blocks of other sizes, nothing else at all."""
    for name, ours, theirs in parts(one, other):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5, err_msg=name)


def parts(one: Any, other: Any) -> Iterator[tuple[str, NDArray[np.generic], NDArray[np.generic]]]:
    """Yield the arrays of two dataclasses of one kind, those of their parts too."""
    for field in fields(one):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        if is_dataclass(ours):
            yield from parts(ours, theirs)
        else:
            yield field.name, ours, theirs


def only(lists: Lists, users: NDArray[np.intp], some: NDArray[np.intp]) -> Lists:
    """Cut the lists of some of the users out, row by row."""
    rows = np.isin(lists.user, some)
    kept = np.isin(users, some)
    told = np.isin(lists.candidates.user, some)
    candidates = Candidates(*(getattr(lists.candidates, field.name)[told] for field in fields(Candidates)))
    return Lists(lists.user[rows], lists.rank[rows], lists.item[rows], lists.families[:, rows], lists.policy[rows], lists.because[rows],
                 lists.length[kept], lists.rung[kept], candidates)  # fmt: skip


@pytest.mark.parametrize("step", [1, 7, 40])
def test_every_user_gets_the_list_of_their_variant_in_blocks_of_any_size(tonight: Tonight, step: int) -> None:
    """Users of three variants stand mixed in a block; their rows come in the order of the users."""
    recommenders = tonight.of(CONTROL, QUIET, HEAVY)
    variant = np.random.default_rng(1).integers(0, 3, len(tonight.everybody)).astype(np.int8)
    mixed = VariantRecommender(recommenders, variant)
    alone = [recommender.lists(tonight.everybody) for recommender in recommenders]
    for start in range(0, len(tonight.everybody), step):
        users = tonight.everybody[start : start + step]
        found = mixed.lists(users)
        assert (np.diff(found.user) >= 0).all()
        assert len(found.length) == len(users)
        for number, lists in enumerate(alone):
            some = users[variant[users] == number]
            assert_same(only(found, users, some), only(lists, tonight.everybody, some))


def test_the_control_alone_is_a_night_without_an_experiment(tonight: Tonight) -> None:
    """Where everybody is in a variant that asks for nothing, no bit differs."""
    mixed = VariantRecommender(tonight.of(CONTROL, QUIET, HEAVY), np.zeros(len(tonight.everybody), np.int8))
    plain = tonight.recommender(tuple(tonight.scorers), tonight.blend).lists(tonight.everybody)
    found = mixed.lists(tonight.everybody)
    for name, ours, theirs in parts(found, plain):
        assert ours.tobytes() == theirs.tobytes(), name


def test_a_variant_ranks_by_the_weighted_mean_of_its_models_and_the_other_families_are_silent(tonight: Tonight) -> None:
    """Three parts popularity and one part transitions, by hand; what has no weight is absent from the families, not zero."""
    (heavy,) = tonight.of(HEAVY.model_copy(update={"share": 1.0}))
    found = heavy.lists(tonight.everybody)
    told = {FAMILIES[number] for number in range(len(FAMILIES)) if not np.isnan(found.families[number]).all()}
    assert told == {"sequential", "knowledge"}
    people = two_tastes().everybody
    said, weight = np.zeros(tonight.audience.seen.shape), np.zeros(tonight.audience.seen.shape)
    for name, share in (("transitions", 0.25), ("popularity", 0.75)):
        scorer = tonight.scorers[NAMES.index(name)]
        known = scorer.knows_item
        scores = scorer.score(people).astype(np.float64)[:, known]
        said[:, known] += share * (scores - scores.mean(axis=1, keepdims=True)) / scores.std(axis=1, keepdims=True)
        weight[:, known] += share
    shown = (tonight.audience.seen.toarray() == 0) & (weight > 0)  # of what nobody liked neither model speaks
    expected = np.where(shown, said / np.maximum(weight, 0.25), -np.inf)
    best = top_k(expected.astype(np.float32), K)[1]
    np.testing.assert_allclose(found.score.reshape(len(people), K), best, atol=1e-4)


def test_a_block_fits_the_variant_that_needs_most_memory(tonight: Tonight) -> None:
    recommenders = tonight.of(CONTROL, QUIET, HEAVY)
    mixed = VariantRecommender(recommenders, np.zeros(1, np.int8))
    for most_scores in (10, 10_000, 10_000_000):
        assert mixed.ranker.users_at_once(most_scores) == min(one.ranker.users_at_once(most_scores) for one in recommenders)


def test_a_variant_none_of_whose_models_takes_part_tonight_holds_the_night(tonight: Tonight) -> None:
    """Its users would get something that the variant is not; the message names the variant and what there is."""
    with pytest.raises(
        NightHeldError, match=r"variant odd of the experiment: expected one of towers among tonight's models; found als, tr"
    ):
        tonight.of(VariantConfig(name="odd", share=1.0, models=("towers",)))


@dataclass(frozen=True)
class More:
    """Rows of their own, fewer or more than the lists'."""

    user: NDArray[np.intp]
    cause: NDArray[np.int8]


@dataclass(frozen=True)
class Wider:
    user: NDArray[np.intp]
    parts: NDArray[np.float64]
    length: NDArray[np.intp]
    more: More
    absent: None = None


def test_rows_of_any_dataclass_are_put_together_each_by_its_own_users() -> None:
    """Users 0 and 3 were asked apart from 1 and 2; user 1 has no list, and the rows of `more` are others than those of the lists."""
    some = Wider(np.array([0, 0, 3]), np.array([[1.0, 2, 7], [1, 2, 7]]), np.array([2, 1]), More(np.array([3]), np.array([9], np.int8)))
    others = Wider(np.array([2]), np.array([[5.0], [5]]), np.array([0, 1]), More(np.array([1, 1, 2]), np.array([4, 5, 6], np.int8)))
    found = together([some, others], [np.array([0, 3]), np.array([1, 2])])
    assert found.user.tolist() == [0, 0, 2, 3]
    assert found.parts.tolist() == [[1, 2, 5, 7]] * 2
    assert found.length.tolist() == [2, 0, 1, 1]
    assert (found.more.user.tolist(), found.more.cause.tolist()) == ([1, 1, 2, 3], [4, 5, 6, 9])
    assert found.absent is None


def test_a_field_that_is_neither_of_rows_nor_of_users_is_refused() -> None:
    """Whoever gives the lists a new value per user has to say so."""

    @dataclass(frozen=True)
    class Odd:
        user: NDArray[np.intp]
        rungs: NDArray[np.int8]

    with pytest.raises(ValueError, match="rungs has 2 values for 3 rows"):
        together([Odd(np.array([0, 0]), np.zeros(1)), Odd(np.array([1]), np.zeros(1))], [np.array([0]), np.array([1])])
