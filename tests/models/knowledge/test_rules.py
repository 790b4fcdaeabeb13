"""Claims about `models.knowledge.rules`, beyond the contract of all scorers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from pydantic import ValidationError

from models.knowledge.columns import UnknownColumnError
from models.knowledge.rules import Rules, RulesConfig
from models.scorer import Described, TrainingData
from tests.worlds import interactions, training_data

ITEM_NAMES = ("genres=comedy", "genres=drama", "genres=war", "price")
ITEMS = [[0.7, 0, 0, -0.5], [0, 0.9, 0, 0.5], [0.4, 0.6, 0, 0], [0, 0, 0, 0]]
"""A cheap comedy, an expensive drama, both in one, and an item of which nothing is known."""

USER_NAMES = ("occupation=student", "likes=comedy", "likes=drama", "likes=romance")
USERS = [[1, 1, 0, 0], [0, 0.6, 0.8, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
"""A student who likes comedies, one who likes comedies and dramas, one who likes what there is not, and a stranger."""


def world() -> TrainingData:
    """Describe users and items who have never met."""
    data = training_data(interactions([], [], (len(USERS), len(ITEMS))))
    described = (
        Described.by(sp.csr_matrix(np.array(rows, np.float32)), names) for rows, names in ((ITEMS, ITEM_NAMES), (USERS, USER_NAMES))
    )
    return TrainingData(data.interactions, *described, data.user_segment, data.segments)


def scores(*rules: dict[str, Any]) -> list[list[float]]:
    """Return everybody's points by some rules."""
    data = world()
    return fitted(*rules).score(data.block(slice(None), data.interactions.histories())).tolist()


def known_users(*rules: dict[str, Any]) -> list[bool]:
    """Mark the users that some rules mean."""
    data = world()
    return fitted(*rules).knows_user(data.block(slice(None), data.interactions.histories())).tolist()


def fitted(*rules: dict[str, Any]) -> Rules:
    """Return the rules as nightly.toml would hold them, fitted to the world."""
    return Rules(RulesConfig.model_validate({"rules": rules})).fit(world(), seed=0)


COMEDY = {"item": "genres=comedy", "points": 2.0}
STUDENTS_DRAMA = {"user": "occupation=student", "item": "genres=drama", "points": -1.5}
FAVOURITES = {"match": {"user": "likes", "item": "genres"}, "points": 1.0}


def test_a_rule_for_items_gives_everybody_the_points() -> None:
    """Strangers included; how strongly a feature is weighed does not matter."""
    assert scores(COMEDY) == [[2, 0, 2, 0]] * 4
    assert known_users(COMEDY) == [True] * 4


def test_a_rule_for_users_and_items_holds_where_both_do() -> None:
    """Students lose points on dramas, nobody else does or is known."""
    assert scores(STUDENTS_DRAMA) == [[0, -1.5, -1.5, 0], [0] * 4, [0] * 4, [0] * 4]
    assert known_users(STUDENTS_DRAMA) == [True, False, False, False]


def test_a_match_holds_once_for_any_shared_value() -> None:
    """Two shared genres are worth no more than one, and a taste that no item answers to is no knowledge."""
    assert scores(FAVOURITES) == [[1, 0, 1, 0], [1, 1, 1, 0], [0] * 4, [0] * 4]
    assert known_users(FAVOURITES) == [True, True, False, False]


def test_the_column_of_a_number_holds_above_the_average() -> None:
    """The expensive item alone is meant, not the cheap one nor those without a price."""
    assert scores({"item": "price", "points": 1.0}) == [[0, 1, 0, 0]] * 4


def test_points_of_all_rules_add_up() -> None:
    """Each rule adds what it alone would give."""
    together = np.array(scores(COMEDY, STUDENTS_DRAMA, FAVOURITES, COMEDY))
    np.testing.assert_array_equal(together, sum(np.array(scores(rule)) for rule in (COMEDY, STUDENTS_DRAMA, FAVOURITES, COMEDY)))


def test_items_need_features_and_no_interaction() -> None:
    """Rules know every item that is described, and nothing at all where there are none."""
    assert fitted(COMEDY).knows_item.tolist() == [True, True, True, False]
    assert not fitted().knows_item.any()
    assert known_users() == [False] * 4
    assert scores() == [[0] * 4] * 4


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"item": "genres=comdy", "points": 1}, "rule 2: expected a feature column of items, found 'genres=comdy'; near it: genres=comedy"),
        ({"user": "job=student", "item": "price", "points": 1}, "rule 2: expected a feature column of users, found 'job=student'"),
        ({"match": {"user": "like", "item": "genres"}, "points": 1}, "rule 2: expected an attribute of users with values, found 'like'"),
    ],
)
def test_a_rule_that_names_nothing_there_is_is_refused(rule: dict[str, Any], message: str) -> None:
    """A misspelt rule would otherwise be silent for ever."""
    with pytest.raises(UnknownColumnError) as raised:
        fitted(COMEDY, rule)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "rule",
    [
        {"points": 1},
        {"user": "occupation=student", "points": 1},
        {"item": "price", "match": {"user": "likes", "item": "genres"}, "points": 1},
        {"user": "likes=comedy", "match": {"user": "likes", "item": "genres"}, "points": 1},
        {"item": "price", "points": float("nan")},
        {"item": "price"},
    ],
)
def test_a_rule_has_one_of_three_forms(rule: dict[str, Any]) -> None:
    """What could be read two ways, or says nothing, is no rule."""
    with pytest.raises(ValidationError):
        RulesConfig.model_validate({"rules": [rule]})
