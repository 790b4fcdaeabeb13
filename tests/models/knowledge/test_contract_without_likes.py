"""The contract of all scorers, held by models that ask for no interaction: `nearby` and `rules`, in worlds where things have places.

What the contract says of models that learn from likes alone (an item nobody likes is unknown, a world without likes teaches nothing) is
not asked of them: their own tests say what they know instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from models.knowledge.nearby import Nearby
from models.knowledge.rules import Rules, RulesConfig
from models.scorer import Described, Scorer
from tests import worlds
from tests.models.test_scorer_contract import (  # noqa: F401  collected here, with the fixtures below
    test_a_history_of_unknown_items_is_no_history,
    test_a_loaded_scorer_is_the_saved_one,
    test_a_missing_file_is_named,
    test_a_scorer_names_its_family_and_its_curves,
    test_a_scorer_writes_arrays_and_configuration_only,
    test_a_user_who_joined_later_is_served_from_their_history,
    test_an_artifact_of_another_model_is_refused,
    test_an_empty_block_gets_no_scores,
    test_everybody_is_scored_by_their_taste,
    test_scores_are_finite_and_of_one_shape,
    test_scores_do_not_depend_on_block_mates,
    test_similar_items_share_a_colour,
    test_similarity_takes_items_in_any_order,
    test_the_withheld_item_comes_first,
    test_two_fits_give_the_same_bytes,
    test_what_is_not_liked_teaches_nothing,
    test_what_is_unknown_scores_zero,
)

Made = Callable[[], Scorer]
World = TypeVar("World", bound=worlds.World)

CITIES = np.array([(47.38, 8.54), (46.95, 7.45), (np.nan, np.nan)])
"""Where the first group lives, where the second does, and where those of no group do."""

OWN_GROUP = RulesConfig.model_validate({"rules": [{"user": group, "item": group, "points": 1} for group in ("0", "1")]})

SCORERS: dict[str, Made] = {"nearby": Nearby, "rules": lambda: Rules(OWN_GROUP)}


def placed(described: Described, group: NDArray[np.intp]) -> Described:
    """Put things into the city of their group."""
    return replace(described, place=CITIES[group])


def with_places(world: World) -> World:
    """Put users and items into the cities of their groups."""
    data = world.data
    moved = replace(data, items=placed(data.items, world.item_group), users=placed(data.users, world.user_group))
    return replace(world, data=moved)


@pytest.fixture(scope="session", params=sorted(SCORERS))
def make(request: pytest.FixtureRequest) -> Made:
    """Return the maker of each scorer in turn."""
    return SCORERS[request.param]


@pytest.fixture(scope="session")
def make_personal(make: Made) -> Made:
    """Return the same: what is known of places and groups is personal."""
    return make


@pytest.fixture(scope="session")
def newcomers() -> worlds.Newcomers:
    """Return the world of newcomers, in cities."""
    return with_places(worlds.newcomers())


@pytest.fixture(scope="session")
def checkerboard() -> worlds.Checkerboard:
    """Return the checkerboard, in cities."""
    return with_places(worlds.checkerboard())


@pytest.fixture(scope="session")
def two_tastes() -> worlds.World:
    """Return the world of two tastes, in cities."""
    return with_places(worlds.two_tastes())


@pytest.fixture(scope="session")
def fitted(make: Made, newcomers: worlds.Newcomers) -> Scorer:
    """Return each scorer in turn, fitted to the world with newcomers; tests must not change it."""
    return make().fit(newcomers.data, seed=3)


def test_what_is_described_is_known_without_any_like(fitted: Scorer, newcomers: worlds.Newcomers) -> None:
    """Items and users of which anything is known are known, liked and liking or not, and the others are not."""
    np.testing.assert_array_equal(fitted.knows_item, newcomers.item_group >= 0)
    np.testing.assert_array_equal(fitted.knows_user(newcomers.everybody), newcomers.user_group >= 0)
