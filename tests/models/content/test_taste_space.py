"""Claims about `models.content.taste_space`."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from models.collaborative.spectral import normalised, smoothest
from models.content.taste_space import taste_vectors

RNG = np.random.default_rng(3)
LIKES = sp.csr_matrix(np.pad(RNG.random((30, 20)) < 0.3, ((0, 0), (0, 5))), dtype=np.float32)  # nobody likes the last five items
FEATURES = sp.csr_matrix(np.where(RNG.random((25, 7)) < 0.5, RNG.random((25, 7)), 0), dtype=np.float32)
AXES, LIKED = smoothest(normalised(LIKES), rank=4, seed=0), LIKES.getnnz(axis=0) > 0


def plain_vectors(features: np.ndarray, reg: float) -> np.ndarray:
    """Regress the leading singular vectors of the likes on the features of liked items, with NumPy; products are what counts."""
    axes = np.linalg.svd(normalised(LIKES).toarray().astype(np.float64))[2][:4].T
    explaining = np.column_stack([features, np.ones(len(features))])
    known = explaining[:20]
    return explaining @ np.linalg.inv(known.T @ known + reg * np.eye(known.shape[1])) @ known.T @ axes[:20]


def test_items_lie_where_a_ridge_regression_places_them() -> None:
    """Also those that nobody likes; the axes may turn, so products of vectors are compared."""
    vectors = taste_vectors(FEATURES, AXES, LIKED, reg=2.0, max_columns=100)
    expected = plain_vectors(FEATURES.toarray(), 2.0)
    assert vectors.shape == (25, 4)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors @ vectors.T, expected @ expected.T, atol=2e-3)


def test_of_too_many_columns_those_that_say_most_are_read() -> None:
    """A limit of five leaves the two columns out that liked items have least of."""
    most = np.sort(np.argsort(-np.square(FEATURES.toarray()[:20]).sum(axis=0))[:5])
    limited, chosen = (
        taste_vectors(features, AXES, LIKED, reg=2.0, max_columns=limit) for features, limit in ((FEATURES, 5), (FEATURES[:, most], 7))
    )
    np.testing.assert_array_equal(limited, chosen)
