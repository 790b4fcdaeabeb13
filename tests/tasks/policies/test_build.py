"""Claims about `tasks.policies.build`: each rule, on a shop small enough to know the answer."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models.policies.limits import UNAVAILABLE
from models.policies.policies import Policies
from tasks.policies import build
from tasks.policies.build import build_policies, is_new, vectors_of
from tasks.policies.config import PoliciesConfig
from tasks.prepare import FeatureConfig
from tasks.refusals import UsageError

DESCRIBED = {"diversity": {"strength": 0.5}}


def built(prepared_for, features=None, seen=None, further=None, **declared) -> Policies:
    """Build the arrays of declared policies of the small shop; nothing was seen unless told."""
    config = PoliciesConfig(**declared)
    at = prepared_for(config, features)
    return build_policies(
        at.night, at.known, config, seen=sp.csr_matrix((4, 5), dtype=np.float32) if seen is None else seen, **further or {}
    )


def ruled(policies: Policies, codes) -> list[str]:
    """Name the rules behind some codes."""
    return [policies.reasons[code].rule for code in codes]


def test_without_policies_nothing_is_read_or_added(prepared_for):
    """There are no files of values, and only what is unavailable stays out."""
    config = PoliciesConfig()
    at = prepared_for(config)
    assert not list((at.night.staging / "training").glob("*_values.parquet"))
    policies = build_policies(at.night, at.known, config, seen=at.known.training_data("everything").interactions.seen())
    assert policies.closed.tolist() == [0] * 5
    assert policies.barred.nnz == 4
    assert not policies.lists
    assert policies.boosts is None


@pytest.mark.parametrize(
    ("where", "closed"),
    [
        ({"in_stock": ["FALSE", "0"]}, [3]),
        ({"In_Stock": [False]}, [3]),
        ({"state": ["sold out"]}, [5]),
        ({"genres": ["drama"], "in_stock": [False]}, [1, 2, 3]),
        ({"genres": ["dram"]}, []),
        ({"nothing": ["x"]}, []),
    ],
)
def test_items_with_a_flag_are_unavailable_to_everybody(prepared_for, where, closed):
    """A flag may stand among other values, and case says nothing; an item without the attribute is available."""
    policies = built(prepared_for, unavailable_where=where)
    assert policies.closed.tolist() == [UNAVAILABLE if item in closed else 0 for item in range(1, 6)]


def test_blocked_items_are_closed_to_all_and_what_is_unavailable_stays_that(prepared_for):
    """The smaller code wins: an unavailable item that is also blocked is unavailable."""
    policies = built(prepared_for, unavailable_where={"in_stock": [False]}, blocks={"items": ["3", 4, "99"]})
    assert ruled(policies, policies.closed) == ["", "", "available", "blocks.items", ""]


def test_nobody_is_shown_what_they_offer_hide_or_are_kept_from(prepared_for):
    """Ids are read from attributes of either side, lists as well as single ones; what was seen says so first."""
    seen = sp.csr_matrix((np.ones(1, np.float32), ([0], [3])), shape=(4, 5))
    blocks = {"users_attribute": "hides", "items_attribute": "not_for"}
    policies = built(prepared_for, seen=seen, own_items="Seller", blocks=blocks)
    barred = {(u + 1, i + 1): policies.reasons[policies.barred[u, i]].rule for u, i in zip(*policies.barred.nonzero(), strict=True)}
    assert barred == {(2, 1): "own_items", (1, 4): "seen", (3, 4): "blocks.items_attribute"}
    unseen = built(prepared_for, own_items="Seller", blocks=blocks)
    assert ruled(unseen, [unseen.barred[0, 3]]) == ["blocks.users_attribute"]


def eligible(policies: Policies) -> list[list[int]]:
    """Return the ids of the items that each user may be shown by eligibility."""
    return [(np.flatnonzero(policies.ineligible[kind] == 0) + 1).tolist() for kind in policies.kind]


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("allow", [[1, 3, 5], [1, 2, 3, 5], [3, 4, 5], [1, 2, 3, 4, 5]]), ("refuse", [[1], [1, 2], [4], []])],
)
def test_users_and_items_must_share_a_value(prepared_for, missing, expected):
    """Items are for the countries they are shipped to; who or what says nothing is let through, or is not."""
    rule = {"name": "country", "match": {"user": "country", "item": "ships_to"}, "missing": missing}
    policies = built(prepared_for, eligibility=[rule])
    assert eligible(policies) == expected
    assert set(ruled(policies, np.unique(policies.ineligible))) == {"", "eligibility.country"}


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("allow", [[1, 2, 3, 4, 5], [1, 3, 4, 5], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]),
        ("refuse", [[1, 2, 3, 4, 5], [4], [4], [1, 2, 3, 4, 5]]),
    ],
)
def test_some_items_are_for_some_users_only(prepared_for, missing, expected):
    """Item 2 is for adults. Where what is missing counts against, an item without an age is for adults too, and user 3 is none."""
    rule = {"name": "age", "item": "age=18", "user": "Adult=YES", "missing": missing}
    assert eligible(built(prepared_for, eligibility=[rule])) == expected


def test_of_several_rules_of_eligibility_all_must_hold(prepared_for):
    """The first that does not is the reason."""
    country = {"name": "country", "match": {"user": "country", "item": "ships_to"}}
    age = {"name": "age", "item": "age=18", "user": "adult=yes"}
    policies = built(prepared_for, eligibility=[age, country])
    assert eligible(policies) == [[1, 3, 5], [1, 3, 5], [3, 4, 5], [1, 2, 3, 4, 5]]
    assert ruled(policies, policies.ineligible[policies.kind[1]]) == ["", "eligibility.age", "", "eligibility.country", ""]


def test_too_many_kinds_of_users_are_refused_with_advice(prepared_for, monkeypatch):
    """What stands in memory for each kind is bounded."""
    monkeypatch.setattr(build, "MOST_KINDS", 3)
    with pytest.raises(UsageError, match=r"policies\.eligibility.*4 kinds.*fewer values"):
        built(prepared_for, eligibility=[{"name": "country", "match": {"user": "country", "item": "ships_to"}}])


def test_boosts_add_points_to_items_for_everybody_or_for_some(prepared_for):
    """Points of several rules add up; fewer than none demote."""
    boosts = [
        {"name": "own", "item": "brand=ACME", "points": 0.5},
        {"name": "war", "item": "genres=war", "user": "country=de", "points": -2},
    ]
    policies = built(prepared_for, boosts=boosts)
    items = np.tile(np.arange(5, dtype=np.int32), (4, 1))
    assert policies.boosts.at(items).tolist() == [[0.5, 0.5, 0, 0, 0], [-1.5, 0.5, 0, 0, 0], [0.5, 0.5, 0, 0, 0], [0.5, 0.5, 0, 0, 0]]


def test_a_cap_counts_every_value_also_one_that_a_single_item_has(prepared_for):
    """Feature columns leave rare values out, caps do not; an item of two genres counts for both, one of none for none."""
    (cap,) = built(prepared_for, caps=[{"name": "a", "by": "Genres", "most": 2}]).lists.caps
    assert cap.groups.toarray().tolist() == [[0, 1, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]  # comedy drama jazz war
    assert cap.most == 2


def test_a_cap_on_a_number_counts_its_bands(prepared_for):
    """Bounds are those of [features.bands]."""
    (cap,) = built(prepared_for, FeatureConfig(bands={"price": (10, 20)}), caps=[{"name": "a", "by": "price", "most": 2}]).lists.caps
    assert cap.groups.toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 1, 0]]  # 10 to 20, below 10, from 20


def test_quotas_keep_places_for_items_with_a_value(prepared_for):
    """Their codes lead back to them."""
    policies = built(prepared_for, quotas=[{"name": "solo", "item": "brand=solo", "least": 2}])
    (quota,) = policies.lists.quotas
    assert (quota.items.tolist(), quota.least) == ([False, False, False, True, True], 2)
    assert policies.reasons[quota.code] == ("displaced", "quotas.solo")


@pytest.mark.parametrize(
    ("exploration", "new"),
    [
        ({"newer_than_days": 14}, [3, 4, 5]),
        ({"newer_than_days": 2}, [4, 5]),
        ({"newer_than_days": 100}, [1, 2, 3, 4, 5]),
        ({"newer_than_days": 100, "fewer_than_events": 2}, [2, 3, 4, 5]),
        ({"newer_than_days": 100, "fewer_than_events": 1}, [2, 5]),
    ],
)
def test_new_items_came_lately_and_have_been_met_by_few(prepared_for, exploration, new):
    """Items 2 and 5 say since when they are available, and nobody has met them; the others are as old as their first event."""
    config = PoliciesConfig(exploration={"least": 1, **exploration})
    at = prepared_for(config)
    assert (np.flatnonzero(is_new(at.known, config)) + 1).tolist() == new
    (quota,) = build_policies(at.night, at.known, config, seen=sp.csr_matrix((4, 5), dtype=np.float32)).lists.quotas
    assert (np.flatnonzero(quota.items) + 1).tolist() == new


def test_likeness_is_told_by_descriptions_or_by_the_vectors_of_a_model(prepared_for):
    """Both come to length one."""
    by_words = built(prepared_for, **DESCRIBED).lists.diversity
    assert by_words.vectors.shape[0] == 5
    given = np.array([[3, 4], [0, 0], [1, 0], [0, 2], [1, 1]], np.float32)
    by_model = built(prepared_for, diversity={"strength": 0.5, "by": "als"}, further={"vectors": given}).lists.diversity
    np.testing.assert_allclose(np.linalg.norm(by_model.vectors, axis=1), [1, 0, 1, 1, 1])
    without = built(prepared_for, diversity={"strength": 0.5, "by": "als"}).lists.diversity
    np.testing.assert_array_equal(without.vectors, by_words.vectors)


def test_descriptions_tell_likeness_where_the_model_is_not_heard_tonight(caplog):
    """Where another model speaks alone, or it could not be trained, that is no reason to end a night after hours."""
    assert vectors_of([], PoliciesConfig(diversity={"strength": 1, "by": "als"})) is None
    assert "tonight there are no vectors of als" in caplog.text
    caplog.clear()
    assert vectors_of([], PoliciesConfig(**DESCRIBED)) is None
    assert not caplog.text


def test_what_others_found_out_has_its_codes(prepared_for):
    """Who is tired of what and the calibrated minimum count only where the settings ask for them."""
    tired = sp.csr_matrix((np.ones(1, np.float32), ([2], [1])), shape=(4, 5))
    further = {"tired_of": tired, "minimum": np.array([0.25], np.float32)}
    policies = built(prepared_for, further=further, fatigue={"nights": 2}, minimum={"chance": 0.1}, blocks={"items": ["1"]})
    assert ruled(policies, [policies.barred[2, 1], policies.lists.minimum.code]) == ["fatigue", "minimum"]
    without = built(prepared_for, further=further, blocks={"items": ["1"]})
    assert (without.barred.nnz, without.lists.minimum) == (0, None)
