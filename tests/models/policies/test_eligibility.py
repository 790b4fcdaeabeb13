"""Claims about `models.policies.eligibility`."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from models.policies import eligibility
from models.policies.eligibility import Requirement, ineligible_items, kinds_of

N_USERS, N_ITEMS, N_VALUES = 6, 4, 3


def marks(n_rows: int) -> st.SearchStrategy[np.ndarray]:
    """Draw which values each row has."""
    row = st.lists(st.booleans(), min_size=N_VALUES, max_size=N_VALUES)
    return st.lists(row, min_size=n_rows, max_size=n_rows).map(lambda rows: np.array(rows, np.int32))


def flags(n: int) -> st.SearchStrategy[np.ndarray]:
    """Draw a mask."""
    return st.lists(st.booleans(), min_size=n, max_size=n).map(lambda values: np.array(values, np.bool_))


requirement = st.tuples(marks(N_USERS), marks(N_ITEMS), flags(N_ITEMS), flags(N_USERS))


@given(st.lists(requirement, min_size=1, max_size=3))
def test_kinds_refuse_what_a_loop_over_users_and_items_refuses(drawn) -> None:
    """Each user is refused, through their kind, just the bound items of which they share no value, for the first rule that says so."""
    rules = [Requirement(sp.csr_matrix(u), sp.csr_matrix(i), bound, exempt, 3 + n) for n, (u, i, bound, exempt) in enumerate(drawn)]
    kinds = kinds_of(rules, N_USERS)
    found = ineligible_items(rules, kinds)
    for user, item in np.ndindex(N_USERS, N_ITEMS):
        refused = [
            3 + n for n, (u, i, bound, exempt) in enumerate(drawn) if bound[item] and not exempt[user] and not (u[user] & i[item]).any()
        ]
        assert found[kinds.kind[user], item] == (refused[0] if refused else 0)
    assert found.dtype == np.int8


@given(marks(N_USERS))
def test_users_are_of_one_kind_just_where_they_have_the_same_values(values) -> None:
    """There are as many kinds as distinct rows, whatever their lengths and order, and the member of a kind is of it."""
    asked = Requirement(
        sp.csr_matrix(values), sp.csr_matrix(np.ones((N_ITEMS, N_VALUES), np.int32)), np.ones(N_ITEMS, bool), np.zeros(N_USERS, bool), 3
    )
    kinds = kinds_of([asked], N_USERS)
    for one, other in np.ndindex(N_USERS, N_USERS):
        assert (kinds.kind[one] == kinds.kind[other]) == bool((values[one] == values[other]).all())
    assert kinds.kind[kinds.member].tolist() == list(range(len(kinds)))


def test_values_that_no_item_has_tell_nobody_apart() -> None:
    """A thousand towns of which the items name one make two kinds, not a thousand."""
    users = sp.csr_matrix(np.eye(N_USERS, dtype=np.int32))
    items = sp.csr_matrix(np.array([[1, 0, 0, 0, 0, 0]] * N_ITEMS, np.int32))
    asked = Requirement(users, items, np.ones(N_ITEMS, bool), np.zeros(N_USERS, bool), 3)
    kinds = kinds_of([asked], N_USERS)
    assert len(kinds) == 2
    assert ineligible_items([asked], kinds)[kinds.kind].any(axis=1).tolist() == [False] + [True] * (N_USERS - 1)


def test_kinds_are_worked_out_in_lots_that_change_nothing(monkeypatch) -> None:
    """As many kinds as users, one at a time or all at once."""
    rng = np.random.default_rng(5)
    users, items = (sp.csr_matrix((rng.random((n, 8)) < 0.4).astype(np.int32)) for n in (30, 20))
    asked = [Requirement(users, items, rng.random(20) < 0.7, rng.random(30) < 0.2, code) for code in (3, 4)]
    kinds = kinds_of(asked, 30)
    at_once = ineligible_items(asked, kinds)
    monkeypatch.setattr(eligibility, "CELLS_AT_ONCE", 1)
    np.testing.assert_array_equal(ineligible_items(asked, kinds), at_once)
