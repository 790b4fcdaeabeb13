import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import judge


def matrix(rows: list[list[int]], n_items: int) -> sp.csr_matrix:
    dense = np.zeros((len(rows), n_items), np.float32)
    for row, items in enumerate(rows):
        dense[row, items] = 1
    return sp.csr_matrix(dense)


def slowly(shown: list[int], wanted: set[int]) -> dict[str, float]:
    """One user's metrics, straight from the definitions."""
    values = {}
    for k in judge.KS:
        gain = sum(1 / math.log2(place + 1) for place, item in enumerate(shown[:k], 1) if item in wanted)
        best = sum(1 / math.log2(place + 1) for place in range(1, min(k, len(wanted)) + 1))
        values[f"ndcg@{k}"] = gain / best
        values[f"recall@{k}"] = len(wanted & set(shown[:k])) / len(wanted)
    hits = [place for place, item in enumerate(shown[:10], 1) if item in wanted]
    values["map@10"] = sum(n / place for n, place in enumerate(hits, 1)) / min(10, len(wanted))
    values["mrr@10"] = 1 / hits[0] if hits else 0.0
    return values


def test_an_example_worked_by_hand():
    """One user, targets 7 and 9 of 12 items, the list 7, 3, 9: hits at the places 1 and 3."""
    found = judge.per_user(np.array([[7, 3, 9]]), matrix([[7, 9]], 12))
    ideal = 1 + 1 / math.log2(3)
    expected = {
        "recall@10": 1.0,
        "recall@20": 1.0,
        "ndcg@10": 1.5 / ideal,
        "ndcg@20": 1.5 / ideal,
        "map@10": (1 + 2 / 3) / 2,
        "mrr@10": 1.0,
    }
    assert {name: value.tolist() for name, value in found.items()} == {name: [pytest.approx(value)] for name, value in expected.items()}


def test_the_place_of_a_hit_counts_and_what_lies_beyond_ten_does_not():
    lists = np.arange(20)[None]
    at_two, at_eleven = judge.per_user(lists, matrix([[1]], 30)), judge.per_user(lists, matrix([[10]], 30))
    assert at_two["ndcg@10"][0] == pytest.approx(1 / math.log2(3))
    assert at_two["mrr@10"][0] == 0.5
    assert [at_eleven[name][0] for name in ("recall@10", "ndcg@10", "map@10", "mrr@10")] == [0, 0, 0, 0]
    assert at_eleven["recall@20"][0] == 1


def test_users_without_targets_are_not_judged():
    found = judge.per_user(np.array([[0], [1], [2]]), matrix([[0], [], [0]], 3))
    assert found["recall@10"].tolist() == [1, 0]


def test_coverage_counts_the_items_shown_to_judged_users_in_ten_places():
    lists = np.array([[0, 1, -1], [2, 3, 4], [1, 5, -1]])
    assert judge.summary(lists, matrix([[0], [], [9]], 10))["coverage@10"] == 0.3


WORLDS = st.integers(1, 5).flatmap(
    lambda n_users: st.tuples(
        st.lists(st.lists(st.integers(0, 24), unique=True, max_size=24), min_size=n_users, max_size=n_users),
        st.lists(st.sets(st.integers(0, 24), min_size=1), min_size=n_users, max_size=n_users),
    )
)


@settings(deadline=None, max_examples=50)
@given(WORLDS)
def test_every_metric_equals_its_definition(world):
    shown, wanted = world
    lists = np.full((len(shown), 24), -1)
    for row, items in enumerate(shown):
        lists[row, : len(items)] = items
    found = judge.per_user(lists, matrix([sorted(items) for items in wanted], 25))
    for user in range(len(shown)):
        assert {name: values[user] for name, values in found.items()} == pytest.approx(slowly(shown[user], wanted[user]), abs=1e-12)


def test_what_both_find_hard_cancels_out_of_a_paired_difference():
    """Users differ a lot, the two systems by exactly 0.1 for each of them: the interval has no width."""
    hard = np.random.default_rng(0).random(50)
    found = judge.paired(hard + 0.1, hard)
    assert [found.mean, found.low, found.high] == pytest.approx([0.1] * 3)
    assert found.standard_error == pytest.approx(0, abs=1e-9)


def test_a_paired_interval_is_as_wide_as_the_normal_one_where_users_are_many():
    difference = np.random.default_rng(1).normal(0.5, 2, 4000)
    found = judge.paired(difference, np.zeros(4000))
    assert found.high - found.low == pytest.approx(2 * 1.96 * found.standard_error, rel=0.06)


def test_seen_and_repeated_items_are_faults():
    assert judge.faults(np.array([[0, 1, 2], [4, 4, -1]]), matrix([[2, 3], [0]], 5)) == 2
