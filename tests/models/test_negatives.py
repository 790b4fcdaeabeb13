"""Claims about `models.negatives`."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.negatives import Negatives


@given(arrays(np.bool_, st.tuples(st.integers(1, 6), st.integers(1, 8))), st.integers(0, 5))
def test_a_negative_is_never_a_known_positive(likes: np.ndarray, seed: int) -> None:
    """Whatever is liked, nobody is ever shown what they like as something they do not."""
    negatives = Negatives(sp.csr_matrix(likes, dtype=np.float32))
    able = np.flatnonzero(~likes.all(axis=1))
    users = np.repeat(able, 20).reshape(-1, 5)
    drawn = negatives.draw(users, np.random.default_rng(seed))
    assert drawn.shape == users.shape
    assert ((drawn >= 0) & (drawn < likes.shape[1])).all()
    assert not likes[users, drawn].any()
    np.testing.assert_array_equal(negatives.n_left, (~likes).sum(axis=1))


def test_every_item_that_is_not_liked_is_drawn_as_often() -> None:
    """Six items are left to a user of ten; each is drawn a sixth of the time, within four standard errors."""
    likes = np.zeros((2, 10), np.bool_)
    likes[1, [0, 3, 4, 9]] = True
    drawn = Negatives(sp.csr_matrix(likes, dtype=np.float32)).draw(np.ones(60_000, np.intp), np.random.default_rng(0))
    share = np.bincount(drawn, minlength=10)[~likes[1]] / len(drawn)
    np.testing.assert_allclose(share, 1 / 6, atol=4 * np.sqrt(5 / 36 / len(drawn)))
