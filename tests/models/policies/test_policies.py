"""Claims about `models.policies.policies`."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from models.policies.limits import REASONS, SEEN, UNAVAILABLE, Boosts
from models.policies.policies import Policies, by_smallest_code

SHAPE = (3, 4)
pairs = st.sets(st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1)))


def matrix(marked: set[tuple[int, int]]) -> sp.csr_matrix:
    """Mark some pairs of user and item."""
    user, item = (np.array(part, np.int64) for part in (zip(*sorted(marked), strict=True) if marked else ((), ())))
    return sp.csr_matrix((np.ones(len(user), np.float32), (user, item)), shape=SHAPE)


@given(st.lists(pairs, min_size=1, max_size=4))
def test_of_several_causes_that_bar_a_pair_the_smallest_code_is_kept(causes: list[set[tuple[int, int]]]) -> None:
    """As a loop over pairs would find: the first cause in the order of the codes, and nothing where none bars."""
    found = by_smallest_code([(matrix(marked), code) for code, marked in reversed([*enumerate(causes, start=1)])])
    expected = np.zeros(SHAPE, int)
    for user, item in np.ndindex(SHAPE):
        expected[user, item] = next((code for code, marked in enumerate(causes, start=1) if (user, item) in marked), 0)
    np.testing.assert_array_equal(found.toarray(), expected)
    assert found.dtype == np.int8
    assert found.nnz == np.count_nonzero(expected)


def test_what_bars_is_never_nothing() -> None:
    """What was seen is always asked for; without it nobody knows how many users there are."""
    with pytest.raises(ValueError, match="seen"):
        by_smallest_code([])


def test_without_rules_only_what_was_seen_and_what_is_unavailable_stays_out() -> None:
    """The reasons are those that there are without any policy, and lists keep no rules."""
    policies = Policies.without_rules(matrix({(0, 1), (2, 3)}), np.array([True, True, False, True]))
    assert policies.reasons == REASONS
    assert policies.closed.tolist() == [0, 0, UNAVAILABLE, 0]
    limits = policies.of(np.array([2, 0]))
    np.testing.assert_array_equal(limits.barred.toarray(), np.array([[0, 0, 0, SEEN], [0, SEEN, 0, 0]]))
    assert (limits.ineligible, limits.kind, limits.boosts) == (None, None, None)
    assert not policies.lists


def test_a_block_of_users_has_their_kinds_and_their_boosts() -> None:
    """What is said of items, or of kinds, is said to every block; what is said of users is cut."""
    ineligible, kind = np.zeros((2, 4), np.int8), np.array([1, 0, 1])
    boosts = Boosts(np.array([[1], [0], [2]], np.float32), np.array([[0.5], [0], [0], [1]], np.float32))
    policies = Policies(REASONS, np.zeros(4, np.int8), by_smallest_code([(matrix(set()), SEEN)]), ineligible, kind, boosts)
    limits = policies.of(slice(1, 3))
    assert limits.ineligible is ineligible
    assert limits.kind is not None
    assert limits.kind.tolist() == [0, 1]
    assert limits.boosts is not None
    assert limits.boosts.at(np.array([[0, 3], [0, 3]], np.int32)).tolist() == [[0, 0], [1, 2]]


@given(st.permutations(range(5)), st.integers(0, 5))
def test_policies_of_some_users_are_those_of_all(order: list[int], n: int) -> None:
    """Whoever is asked for, in any order, has the same limits; nobody else has any."""
    rng = np.random.default_rng(3)
    barred = sp.csr_matrix(rng.integers(0, 3, (5, 7)).astype(np.int8))
    policies = Policies(REASONS, np.zeros(7, np.int8), barred)
    users = np.array(order[:n], np.intp)
    some = policies.only(users)
    np.testing.assert_array_equal(some.of(users).barred.toarray(), policies.of(users).barred.toarray())
    assert some.barred.nnz == barred[users].nnz
