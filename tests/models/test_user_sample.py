"""Claims about `models.user_sample`: the same users every night, and as many of each half."""

from __future__ import annotations

from itertools import pairwise

from models.holdout import user_half
from models.user_sample import sampled


def chosen(n_users: int, at_most: int) -> set[int]:
    """Return the ids chosen from users numbered from 0."""
    return set(sampled(range(n_users), at_most).tolist())


def test_one_user_more_changes_one_place_of_the_sample_at_most() -> None:
    """Over fifty new accounts, one by one, never more than one of the 1,000 is exchanged, and somebody is now and then."""
    samples = [chosen(20_000 + new, 1000) for new in range(51)]
    exchanged = [len(later - earlier) for earlier, later in pairwise(samples)]
    assert set(exchanged) == {0, 1}


def test_a_smaller_sample_is_part_of_a_larger_one_and_in_order() -> None:
    places = sampled((f"user-{number}" for number in range(5000)), 500).tolist()
    assert places == sorted(places)
    assert len(places) == 500
    assert set(sampled((f"user-{number}" for number in range(5000)), 50).tolist()) < set(places)


def test_a_sample_is_neither_of_the_lowest_ids_nor_of_one_half() -> None:
    """Of ids in the order of their accounts the sample has as many late ones as early ones, and both halves are in it."""
    places = sampled(range(20_000), 1000)
    assert abs(places.mean() - 10_000) < 600
    assert 400 < user_half(places.tolist()).sum() < 600


def test_everybody_is_kept_where_there_is_room() -> None:
    assert sampled([], 5).tolist() == []
    assert sampled(["b", "a"], 5).tolist() == [0, 1]
    assert sampled(["b", "a"], 0).tolist() == []
