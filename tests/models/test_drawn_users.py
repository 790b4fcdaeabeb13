"""Claims about `models.drawn_users`."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from models.drawn_users import some_users


@given(n_likes=st.lists(st.integers(0, 5), min_size=1, max_size=20), at_most=st.integers(1, 60), seed=st.integers(0, 3))
def test_as_many_whole_users_as_fit_are_kept_in_their_order(n_likes: list[int], at_most: int, seed: int) -> None:
    """Rows are kept whole; one more would be too many, and one there is in any case; where nothing is too much, everybody stays."""
    rows = [np.arange(5) < n for n in n_likes]
    likes = sp.csr_matrix(np.array(rows) * (1 + np.arange(len(rows)))[:, None], dtype=np.float32)
    kept = some_users(likes, at_most, np.random.default_rng(seed))
    if likes.nnz <= at_most:
        assert kept is likes
        return
    assert kept.nnz <= at_most or kept.shape[0] == 1
    users = np.unique(kept.data).astype(int) - 1
    np.testing.assert_array_equal(kept[np.diff(kept.indptr) > 0].toarray(), likes[users].toarray())


def test_who_is_kept_depends_on_the_draw_alone() -> None:
    """The same generator draws the same users, another one others."""
    likes = sp.csr_matrix(np.eye(50, dtype=np.float32))
    first, again, other = (some_users(likes, 10, np.random.default_rng(seed)).indices.tolist() for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 10
