"""Claims about each rule for lists, in a tiny world with a known answer."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from models.policies.arrange import Arranged, arrange
from models.policies.list_rules import Diversity, ListRules, Minimum
from tests.models.policies.pools import CAP, DIRECTIONS, DIVERSITY, MINIMUM, OTHER_CAP, OTHER_QUOTA, QUOTA, cap, ladder, quota

DRAMA, COMEDY = 0, 1


def test_without_rules_the_first_are_recommended() -> None:
    """Nothing is added, and the others scored less."""
    arranged = arrange(*ladder(5, 4, 3, 2), 2, ListRules())
    assert arranged.place.tolist() == [[0, 1]]
    assert arranged.added.tolist() == [[0, 0]]
    assert arranged.absent.tolist() == [[-1, -1, 0, 0]]


def test_a_cap_lets_the_next_of_another_value_in() -> None:
    """The third drama gives way, items without genre are never capped, and a drama that scored too little anyway is not capped either."""
    genres = cap([{DRAMA}, {DRAMA, COMEDY}, {DRAMA}, set(), set(), {COMEDY}, {DRAMA}], most=2)
    arranged = arrange(*ladder(7, 6, 5, 4, 3, 2, 1), 5, ListRules(caps=(genres,)))
    assert arranged.place.tolist() == [[0, 1, 3, 4, 5]]
    assert arranged.absent.tolist() == [[-1, -1, CAP, -1, -1, -1, 0]]


def test_several_caps_hold_together_and_the_first_is_named() -> None:
    """Items 1 and 2 share the seller of item 0, item 2 its genre too; item 4 shares the genre alone."""
    genre = cap([{DRAMA}, set(), {DRAMA}, set(), {DRAMA}], most=1)
    seller = cap([{3}, {3}, {3}, {2}, {1}], most=1, code=OTHER_CAP)
    arranged = arrange(*ladder(5, 4, 3, 2, 1), 3, ListRules(caps=(genre, seller)))
    assert arranged.place.tolist() == [[0, 3, -1]]
    assert arranged.absent.tolist() == [[-1, OTHER_CAP, CAP, -1, CAP]]


def test_the_minimum_is_that_of_the_users_segment() -> None:
    """Two users with the same candidates; the second one's segment asks for more."""
    items, scores, _ = ladder(3, 2, 1)
    rules = ListRules(minimum=Minimum(np.array([2.0, 2.5], np.float32), MINIMUM))
    arranged = arrange(np.repeat(items, 2, axis=0), np.repeat(scores, 2, axis=0), np.array([0, 1]), 3, rules)
    assert arranged.place.tolist() == [[0, 1, -1], [0, -1, -1]]
    assert arranged.absent.tolist() == [[-1, -1, MINIMUM], [-1, MINIMUM, MINIMUM]]


def test_diversity_lets_the_different_one_pass() -> None:
    """Item 1 is just like item 0 and loses half of what lies between best and third: from 4.5 to 3.5; item 3 would do no better."""
    vectors = DIRECTIONS[[1, 1, 2, 1, 0]]
    arranged = arrange(*ladder(5, 4.5, 4, 3.25, 3), 3, ListRules(diversity=Diversity(vectors, 1.0, DIVERSITY)))
    assert arranged.place.tolist() == [[0, 2, 1]]
    assert arranged.added.tolist() == [[0, 0, -1]]
    assert arranged.absent.tolist() == [[-1, -1, -1, 0, 0]]
    arranged = arrange(*ladder(5, 4.5, 4, 3.75, 3), 2, ListRules(diversity=Diversity(vectors, 2.0, DIVERSITY)))
    assert arranged.place.tolist() == [[0, 2]]
    assert arranged.absent.tolist() == [[-1, DIVERSITY, -1, 0, 0]]


def test_what_points_the_other_way_gains_nothing() -> None:
    """Diversity never adds to a score, and items of which nothing is known lose nothing."""
    arranged = arrange(*ladder(5, 4, 3), 3, ListRules(diversity=Diversity(DIRECTIONS[[1, 5, 0]], 1.0, DIVERSITY)))
    assert arranged.place.tolist() == [[0, 1, 2]]
    assert arranged.added.tolist() == [[0, 0, 0]]


def test_a_quota_takes_the_lowest_places_that_it_does_not_need() -> None:
    """Item 2 is of the quota already: 3 leaves for 5, which ends the list with the score that ended it before."""
    arranged = arrange(*ladder(9, 8, 7, 6, 2, 1), 4, ListRules(quotas=(quota({2, 5}, 2),)))
    assert arranged.place.tolist() == [[0, 1, 2, 5]]
    assert arranged.added.tolist() == [[0, 0, 0, 5]]
    assert arranged.absent.tolist() == [[-1, -1, -1, QUOTA, 0, -1]]


def test_what_a_quota_lifts_stays_in_its_order() -> None:
    """Lists keep the scores that they would have without the quota, place by place: 4 moves up to where 2 stood, 5 to where 3 did."""
    arranged = arrange(*ladder(9, 8, 7, 6, 2, 1), 4, ListRules(quotas=(quota({4, 5}, 3),)))
    assert arranged.place.tolist() == [[0, 1, 4, 5]]
    assert arranged.added.tolist() == [[0, 0, 5, 5]]


def test_a_quota_that_is_met_or_cannot_be_changes_nothing() -> None:
    """Too few candidates leave a quota short, and one that the best meet by themselves takes no place."""
    pool = ladder(9, 8, 7, 6, 2)
    free = arrange(*pool, 3, ListRules())
    for met_or_not in (quota({1}, 1), quota({11}, 2), quota({0, 1}, 3)):
        arranged = arrange(*pool, 3, ListRules(quotas=(met_or_not,)))
        assert all(np.array_equal(getattr(arranged, field.name), getattr(free, field.name)) for field in fields(Arranged))


def test_an_item_may_count_for_several_quotas() -> None:
    """Item 5 meets both, so the list gives up one place, not two; with one place for two quotas, 5 is preferred to the better 3 and 4."""
    pool = ladder(9, 8, 7, 6, 5, 4)
    same = (quota({5}, 1), quota({5}, 1, OTHER_QUOTA))
    assert arrange(*pool, 2, ListRules(quotas=same)).place.tolist() == [[0, 5]]
    overlapping = (quota({3, 5}, 1), quota({4, 5}, 1, OTHER_QUOTA))
    assert arrange(*pool, 1, ListRules(quotas=overlapping)).place.tolist() == [[5]]


def test_the_code_is_that_of_the_quota_that_gained() -> None:
    """Nothing is of the first quota; the second one displaces."""
    quotas = (quota(set(), 1), quota({3}, 1, OTHER_QUOTA))
    arranged = arrange(*ladder(9, 8, 7, 6), 3, ListRules(quotas=quotas))
    assert arranged.absent.tolist() == [[-1, -1, OTHER_QUOTA, -1]]


def test_a_quota_breaks_no_cap() -> None:
    """The better drama of the quota is passed over for a comedy, since the list has its drama."""
    rules = ListRules(caps=(cap([{DRAMA}, set(), set(), {DRAMA}, {COMEDY}], most=1),), quotas=(quota({3, 4}, 1),))
    arranged = arrange(*ladder(9, 8, 7, 6, 5), 3, rules)
    assert arranged.place.tolist() == [[0, 1, 4]]
    assert arranged.absent.tolist() == [[-1, -1, QUOTA, 0, -1]]


def test_a_quota_whose_caps_are_used_up_comes_first() -> None:
    """The one item of the quota is a drama, and better items are the two dramas allowed: the lower of them gives way, not item 2."""
    rules = ListRules(caps=(cap([{DRAMA}, {DRAMA}, set(), {DRAMA}, {DRAMA}], most=2),), quotas=(quota({4}, 1),))
    arranged = arrange(*ladder(9, 8, 7, 6, 5), 3, rules)
    assert arranged.place.tolist() == [[0, 2, 4]]
    assert arranged.added.tolist() == [[0, 1, 2]]
    assert arranged.absent.tolist() == [[-1, QUOTA, -1, 0, -1]]


def test_what_is_no_longer_capped_is_absent_for_the_quota() -> None:
    """Item 1 was the second drama; with both places taken by the quota, the list has no drama any more."""
    rules = ListRules(caps=(cap([{DRAMA}, {DRAMA}, set(), set(), set()], most=1),), quotas=(quota({3, 4}, 2),))
    assert arrange(*ladder(9, 8, 7, 6, 5), 2, rules).absent.tolist() == [[QUOTA, QUOTA, QUOTA, -1, -1]]


def test_a_quota_may_use_up_more_caps_than_it_frees_places() -> None:
    """Item 3 is drama and comedy both: the list is short until a deeper pool has others, and item 4 is absent for the cap."""
    rules = ListRules(caps=(cap([set(), {DRAMA}, {COMEDY}, {DRAMA, COMEDY}, {COMEDY}], most=1),), quotas=(quota({3}, 1),))
    arranged = arrange(*ladder(9, 8, 7, 2, 1), 3, rules)
    assert arranged.place.tolist() == [[0, 3, -1]]
    assert arranged.absent.tolist() == [[-1, QUOTA, QUOTA, -1, CAP]]


def test_a_quota_without_candidates_does_not_hurry_another() -> None:
    """Both would ask for more places than there are, but the first one can fill none: the better drama stays, and the comedy comes in."""
    genres = cap([{DRAMA}, set(), set(), {DRAMA}, {COMEDY}], most=1)
    rules = ListRules(caps=(genres,), quotas=(quota(set(), 3), quota({3, 4}, 1, OTHER_QUOTA)))
    assert arrange(*ladder(9, 8, 7, 6, 5), 3, rules).place.tolist() == [[0, 1, 4]]


def test_a_list_that_a_quota_cannot_come_closer_to_stays() -> None:
    """Item 2 could stand there instead of item 3, of the same quota, and would drive out item 1 for nothing."""
    genres = cap([set(), {DRAMA}, {DRAMA, COMEDY}, {COMEDY}, set()], most=1)
    arranged = arrange(*ladder(9, 8, 7, 6, 5), 3, ListRules(caps=(genres,), quotas=(quota({2, 3}, 2),)))
    assert arranged.place.tolist() == [[0, 1, 3]]
    assert arranged.absent.tolist() == [[-1, -1, CAP, -1, 0]]


def test_k_must_be_positive() -> None:
    """A list of no places is a mistake."""
    with pytest.raises(ValueError, match="at least 1"):
        arrange(*ladder(1), 0, ListRules())
