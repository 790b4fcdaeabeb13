"""Claims about `models.liked_chunks`."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.collaborative.bpr import BprConfig
from models.liked_chunks import chunk_batches, chunk_width, liked_chunks
from models.negatives import Negatives


@given(arrays(np.bool_, st.tuples(st.integers(1, 6), st.integers(1, 12))), st.integers(1, 5))
def test_every_like_is_dealt_to_one_chunk_of_its_user(likes: np.ndarray, size: int) -> None:
    """Chunks hold each like once, beside others of its user only, in numbers that differ by at most one; who likes everything has none."""
    matrix = sp.csr_matrix(likes, dtype=np.float32)
    user, like = liked_chunks(matrix, size, np.random.default_rng(0))
    entries = like[like >= 0]
    of_user = matrix.nonzero()[0]
    comparable = ~likes.all(axis=1)
    assert sorted(entries.tolist()) == np.flatnonzero(comparable[of_user]).tolist()
    np.testing.assert_array_equal(of_user[entries], np.broadcast_to(user[:, None], like.shape)[like >= 0])
    assert like.shape[1] == size
    for one in np.unique(user):
        lengths = (like[user == one] >= 0).sum(axis=1)
        assert lengths.max() - lengths.min() <= 1


def test_chunks_are_no_longer_than_histories_need() -> None:
    """Two users with one and five likes like three on the average: chunks hold six, or fewer where fewer are allowed, never one."""
    likes = sp.csr_matrix([[1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]], dtype=np.float32)
    assert [chunk_width(likes, at_most) for at_most in (64, 4)] == [6, 4]
    assert chunk_width(sp.csr_matrix((3, 4), dtype=np.float32), 64) == 2


def test_a_batch_holds_chunks_beside_what_their_users_do_not_like() -> None:
    """All batches have one shape, and hold each like once; places are those of the items beside them, or mark padding."""
    likes = sp.csr_matrix(np.random.default_rng(1).random((9, 7)) < 0.4, dtype=np.float32)
    config = BprConfig(chunk_size=2, batch_size=4, negatives=3)
    shown = []
    for user, places, items in chunk_batches(likes, Negatives(likes), config, np.random.default_rng(0)):
        assert (user.shape, places.shape, items.shape) == ((4,), (4, 2), (4, 5))
        there = places >= 0
        np.testing.assert_array_equal(items[:, :2], np.where(there, likes.indices[places], 7))
        assert not likes[user[:, None], items[:, 2:]].toarray().any()
        shown.extend(places[there].tolist())
    assert sorted(shown) == list(range(likes.nnz))
