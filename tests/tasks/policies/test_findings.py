"""Claims about `tasks.policies.findings` and the step that tells them."""

from __future__ import annotations

import pytest

from tasks.experiment.config import ExperimentConfig
from tasks.policies.config import PoliciesConfig
from tasks.policies.declare import declare
from tasks.prepare import FeatureConfig
from tasks.refusals import UsageError
from tasks.score.config import ScoreConfig


def found(prepared_for, k: int, features: FeatureConfig | None = None, **declared) -> tuple[str, ...]:
    """Return what is odd about policies in the small shop."""
    config = PoliciesConfig(**declared)
    at = prepared_for(config, features)
    return declare(at.night, at.prepared, config, ExperimentConfig(), features or FeatureConfig(), ScoreConfig(k=k)).findings


SOUND = {
    "unavailable_where": {"in_stock": ["false", "0"]},
    "own_items": "seller",
    "blocks": {"items": ["3"], "users_attribute": "hides", "items_attribute": "not_for"},
    "eligibility": [{"name": "country", "match": {"user": "country", "item": "ships_to"}}],
    "boosts": [{"name": "own", "item": "brand=acme", "points": 0.5}],
    "caps": [{"name": "genres", "by": "genres", "most": 2}],
    "quotas": [{"name": "solo", "item": "brand=solo", "least": 1}],
    "exploration": {"least": 1},
}


def test_policies_that_do_something_have_no_findings(prepared_for):
    """The receipt names the rules in force."""
    config = PoliciesConfig(**SOUND)
    at = prepared_for(config)
    declared = declare(at.night, at.prepared, config, ExperimentConfig(), FeatureConfig(), ScoreConfig(k=2))
    assert declared.findings == ()
    assert {"seen", "own_items", "caps.genres", "boosts.own", "exploration"} <= set(declared.rules)


@pytest.mark.parametrize(
    ("declared", "k", "said"),
    [
        ({"boosts": [{"name": "a", "item": "brand=acne", "points": 1}]}, 3, "boosts.a: no item has brand=acne; values of brand: acme"),
        ({"boosts": [{"name": "a", "item": "brand=acme", "user": "country=it", "points": 1}]}, 3, "boosts.a: no user has country=it"),
        ({"quotas": [{"name": "a", "item": "brand=x", "least": 1}]}, 3, "quotas.a: no item has brand=x"),
        ({"eligibility": [{"name": "a", "item": "age=21", "user": "adult=yes"}]}, 3, "eligibility.a: no item has age=21"),
        ({"eligibility": [{"name": "a", "match": {"user": "adult", "item": "brand"}}]}, 3, "eligibility.a: no user has a value of adult"),
        ({"blocks": {"items": ["99"]}}, 3, "blocks.items: 99 is the id of no known item"),
        ({"own_items": "brand"}, 3, "own_items: no value of brand is the id of a known user"),
        ({"blocks": {"users_attribute": "adult"}}, 3, "blocks.users_attribute: no value of adult"),
        ({"boosts": [{"name": "a", "item": "brand=bolt", "points": 1}], "blocks": {"items": ["3"]}}, 3, "boosts.a: none of the 1 items"),
        (
            {"quotas": [{"name": "a", "item": "brand=solo", "least": 2}], "blocks": {"items": ["4"]}},
            3,
            "quotas.a: 2 places are kept, and 1 of 2",
        ),
        ({"exploration": {"least": 2, "newer_than_days": 1}}, 3, "exploration: 2 places are kept, and only 1 of the items"),
        ({"blocks": {"items": ["99", "98", "1"]}}, 3, "blocks.items: 99 and 1 more are ids of no known item"),
        ({"caps": [{"name": "a", "by": "brand", "most": 1}]}, 4, "caps.a: lists have 3 items at most, not 4"),
        ({"caps": [{"name": "a", "by": "genres", "most": 1}]}, 5, ""),
        ({"eligibility": [{"name": "a", "match": {"user": "country", "item": "ships_to"}}]}, 4, "eligibility: 2 of 4 users"),
    ],
)
def test_a_rule_that_can_do_nothing_or_cuts_lists_short_is_told(prepared_for, declared, k, said):
    """The sentence begins with the rule, and tells what there is instead."""
    sentences = found(prepared_for, k, **declared)
    if not said:
        assert sentences == ()  # with four genres and an item without any, five places can be filled
    else:
        assert [sentence for sentence in sentences if sentence.startswith(said)], sentences


def test_the_user_with_the_fewest_items_is_named(prepared_for):
    """Where what is missing counts against, user 4, who says nothing of a country, may be shown nothing."""
    rule = {"name": "a", "match": {"user": "country", "item": "ships_to"}, "missing": "refuse"}
    (sentence,) = found(prepared_for, 2, eligibility=[rule])
    assert sentence == "eligibility: 3 of 4 users may be shown fewer than 2 items, such as user 4: 0"


@pytest.mark.parametrize(
    ("declared", "where", "named"),
    [
        ({"own_items": "sellers"}, "policies.own_items", "seller"),
        ({"unavailable_where": {"in_stok": ["0"]}}, "policies.unavailable_where", "in_stock"),
        ({"caps": [{"name": "a", "by": "genre", "most": 1}]}, "policies.caps.a", "genres"),
        ({"boosts": [{"name": "a", "item": "brands=acme", "points": 1}]}, "policies.boosts.a", "brand"),
        ({"eligibility": [{"name": "a", "item": "age=18", "user": "adults=yes"}]}, "policies.eligibility.a", "adult"),
        ({"caps": [{"name": "a", "by": "price", "most": 1}]}, "policies.caps.a.by", "[features.bands]"),
        ({"quotas": [{"name": "a", "item": "brand=acme", "least": 3}]}, "policies.quotas", "[score] k"),
    ],
)
def test_a_rule_that_cannot_be_carried_out_ends_the_night_before_anything_is_trained(prepared_for, declared, where, named):
    """The message names the rule, and what can be typed instead."""
    with pytest.raises(UsageError) as refused:
        found(prepared_for, 2, **declared)
    assert where in refused.value.where
    assert named in refused.value.next_step


def test_a_number_with_bands_can_be_capped(prepared_for):
    """And the values that a rule may name are the bands."""
    features = FeatureConfig(bands={"price": (10, 20)})
    declared = {"caps": [{"name": "a", "by": "price", "most": 2}], "boosts": [{"name": "b", "item": "price=9", "points": 1}]}
    (sentence,) = found(prepared_for, 3, features, **declared)
    assert sentence.startswith("boosts.b: no item has price=9; values of price: ")
