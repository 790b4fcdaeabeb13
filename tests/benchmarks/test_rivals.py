import numpy as np
import pandas as pd
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from benchmarks.attributes import columns
from benchmarks.rivals import best, ease, popularity, ranked

LIKES = sp.csr_matrix((np.random.default_rng(0).random((40, 12)) < 0.3).astype(np.float32))


def test_ease_is_ridge_regression_without_the_diagonal():
    """Each item's weights solve the least squares of its column on all other columns (Steck 2019, equation 3)."""
    dense = LIKES.toarray().astype(np.float64)
    expected = np.zeros((12, 12))
    for item in range(12):
        others = np.delete(np.arange(12), item)
        x = dense[:, others]
        expected[others, item] = np.linalg.solve(x.T @ x + 5 * np.eye(11), x.T @ dense[:, item])
    np.testing.assert_allclose(ease(LIKES, None, {"l2": 5.0})(slice(0, 40)), dense @ expected, atol=1e-5)


def test_popularity_shows_everybody_the_most_liked_of_what_they_have_not_seen():
    lists = ranked(popularity(LIKES, None, {}), LIKES, 12)
    counts = LIKES.toarray().sum(axis=0)
    for user, row in enumerate(lists):
        unseen = [item for item in np.argsort(-counts, kind="stable") if not LIKES[user, item]]
        assert row.tolist() == unseen + [-1] * (12 - len(unseen))


@given(
    arrays(np.float64, array_shapes(min_dims=2, max_dims=2), elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0])), st.integers(1, 8)
)
def test_the_best_are_those_of_a_full_sort(scores, k):
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    expected = np.where(np.isneginf(np.take_along_axis(scores, expected, 1)), -1, expected)
    assert best(scores, k).tolist() == expected.tolist()


def test_attributes_shared_by_two_items_become_columns():
    """Lists, bars and numbers are taken apart; the title, and what only one item has, say nothing about others."""
    items = pd.DataFrame(
        {
            "item_id": [7, 5, 6],
            "title": ["x", "x", "x"],
            "genres": ["Drama|War", "drama", None],
            "tags": [["a"], ["b", "a"], []],
            "year": [1990, 1990, 2010],
        }
    )
    found = columns(items, np.array([5, 6, 7, 8])).toarray()
    assert sorted(map(tuple, found.T.tolist())) == [(1, 0, 1, 0)] * 3
