"""Claims about `models.metrics`."""

from __future__ import annotations

from dataclasses import asdict
from math import log2

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models import metrics
from models.metrics import judged_users, list_metrics, ranking_metrics
from tests.oracles import list_metrics_of_all, ranking_metrics_of_one

N_ITEMS = 12


def targets_of(*liked: set[int]) -> sp.csr_matrix:
    """Return what each user is known to like as a (users, items) matrix."""
    dense = np.zeros((len(liked), N_ITEMS), np.float32)
    for user, items in enumerate(liked):
        dense[user, list(items)] = 1
    return sp.csr_matrix(dense)


def lists_of(*ranked: list[int]) -> NDArray[np.int32]:
    """Pad lists with -1 to the length of the longest."""
    longest = max(map(len, ranked))
    return np.array([items + [-1] * (longest - len(items)) for items in ranked], np.int32)


ranked_lists = st.lists(st.integers(0, N_ITEMS - 1), unique=True, min_size=0, max_size=N_ITEMS)
liked_items = st.sets(st.integers(0, N_ITEMS - 1), min_size=1)


@settings(deadline=None)
@given(st.lists(st.tuples(ranked_lists, liked_items), min_size=1, max_size=6), st.integers(1, N_ITEMS + 2))
def test_every_metric_equals_walking_down_the_list(users: list[tuple[list[int], set[int]]], k: int) -> None:
    """Whatever the lists, their padding and k, each user's metrics are those of the definitions."""
    lists, targets = lists_of(*(ranked for ranked, _ in users), list(range(N_ITEMS))), targets_of(*(liked for _, liked in users), {0})
    fast = ranking_metrics(lists, targets, k)
    for user, (ranked, liked) in enumerate(users):
        assert {name: values[user] for name, values in fast.items()} == pytest.approx(ranking_metrics_of_one(ranked, liked, k), abs=1e-14)


def test_ndcg_of_a_hand_worked_list() -> None:
    """Of three liked items the second and the fifth place hold one: (1/log2 3 + 1/log2 6) / (1 + 1/log2 3 + 1/2) = 0.4776."""
    judged = ranking_metrics(lists_of([7, 1, 8, 9, 2]), targets_of({1, 2, 3}), 5)
    assert judged["ndcg"][0] == pytest.approx((1 / log2(3) + 1 / log2(6)) / (1 + 1 / log2(3) + 1 / log2(4)))
    assert judged["ndcg"][0] == pytest.approx(0.4776, abs=5e-5)
    assert judged["map"][0] == pytest.approx((1 / 2 + 2 / 5) / 3)
    assert judged["mrr"][0] == 1 / 2


@given(liked_items, st.integers(1, N_ITEMS))
def test_a_perfect_list_is_worth_exactly_one(liked: set[int], k: int) -> None:
    """With every place holding a target, or every target in front, NDCG and MAP are 1.0 to the last bit."""
    judged = ranking_metrics(lists_of(sorted(liked)), targets_of(liked), k)
    assert judged["ndcg"][0] == judged["map"][0] == judged["hit_rate"][0] == judged["mrr"][0] == 1.0


def test_padding_hits_nothing() -> None:
    """The -1 of a short list is never taken for the last item of the user before."""
    judged = ranking_metrics(lists_of([0], []), targets_of({N_ITEMS - 1}, {0}), 3)
    assert not any(values.any() for values in judged.values())


def test_blocks_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judging users three at a time gives the same bytes as judging all at once."""
    rng = np.random.default_rng(5)
    lists = np.argsort(rng.random((50, N_ITEMS)), axis=1)[:, :7].astype(np.int32)
    targets = targets_of(*({int(item) for item in rng.integers(0, N_ITEMS, 3)} for _ in range(50)))
    whole = ranking_metrics(lists, targets, 7)
    monkeypatch.setattr(metrics, "USERS_AT_ONCE", 3)
    for name, values in ranking_metrics(lists, targets, 7).items():
        np.testing.assert_array_equal(values, whole[name])


def test_users_without_targets_are_named_and_refused() -> None:
    """Nobody is counted as a miss for having liked nothing: such users are left out, and handing them in is an error."""
    targets = targets_of({1}, set(), {2})
    lists = lists_of([1], [1], [1])
    assert judged_users(targets).tolist() == [0, 2]
    with pytest.raises(ValueError, match="without targets"):
        ranking_metrics(lists, targets, 1)
    assert ranking_metrics(lists[[0, 2]], targets[[0, 2]], 1)["hit_rate"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("item", [N_ITEMS, -2])
def test_items_outside_the_catalogue_are_refused(item: int) -> None:
    """An item number that would read as another user's target is an error."""
    with pytest.raises(ValueError, match="outside"):
        ranking_metrics(lists_of([item], [0]), targets_of({0}, {0}), 1)


@settings(deadline=None)
@given(
    st.lists(ranked_lists, min_size=1, max_size=6),
    st.lists(st.integers(0, 9), min_size=N_ITEMS, max_size=N_ITEMS),
    st.lists(st.booleans(), min_size=N_ITEMS, max_size=N_ITEMS),
)
def test_list_metrics_equal_their_definitions(lists: list[list[int]], popularity: list[int], recommendable: list[bool]) -> None:
    """Coverage, novelty, Gini and likeness are those of counting every place and comparing every pair of items."""
    shown = [[item for item in ranked if recommendable[item]] for ranked in lists]
    fast = list_metrics(lists_of(*shown, list(range(N_ITEMS)))[:-1], N_ITEMS, np.array(popularity), np.array(recommendable))
    assert asdict(fast) == pytest.approx(list_metrics_of_all(shown, popularity, recommendable), abs=1e-12)


def test_one_list_for_everybody_shows() -> None:
    """A hundred copies of one list: one different list in a hundred, and the catalogue's first three items alone."""
    copies = np.tile(np.array([0, 1, 2], np.int32), (100, 1))
    lists = list_metrics(copies, 3, np.ones(N_ITEMS, np.int64), np.ones(N_ITEMS, np.bool_))
    assert (lists.distinct_lists, lists.commonest_list, lists.coverage, lists.reachable_coverage) == (0.01, 1.0, 0.25, 1.0)
    assert lists.gini == pytest.approx(0.75)
    assert lists.effective_items == pytest.approx(3)
    assert lists.novelty == pytest.approx(log2(N_ITEMS))


def test_no_lists_are_measured_as_nothing() -> None:
    """Without a single place filled every list metric is 0, never NaN."""
    lists = list_metrics(np.full((3, 2), -1, np.int32), 2, np.zeros(N_ITEMS, np.int64), np.ones(N_ITEMS, np.bool_))
    assert set(asdict(lists).values()) == {0.0}
