"""Claims about `models.policies.likeness`."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from models.policies.likeness import likeness_vectors


def test_few_columns_stay_what_they_are() -> None:
    """Products are the cosines of the rows; an item without features resembles nothing, not even itself."""
    found = likeness_vectors(sp.csr_matrix(np.array([[3, 4, 0], [0, 0, 2], [6, 8, 0], [0, 0, 0]], np.float32)))
    np.testing.assert_allclose(found @ found.T, [[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]], atol=1e-6)
    assert found.dtype == np.float32


def test_shortened_vectors_still_tell_groups_of_items_apart() -> None:
    """Two hundred columns of five groups come to eight numbers, by which items of a group are near and of two groups are not."""
    rng = np.random.default_rng(3)
    group = np.arange(60) % 5
    chance = np.where(np.arange(200)[None] % 5 == group[:, None], 0.6, 0.02)
    features = sp.csr_matrix((rng.random(chance.shape) < chance).astype(np.float32))
    found = likeness_vectors(features, width=8)
    assert found.shape == (60, 8)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    near = found @ found.T
    same = group[:, None] == group
    assert near[same].min() > near[~same].max()


def test_of_many_columns_those_that_weigh_most_are_read() -> None:
    """A column that hardly any item has is left out first, and an item that has no other is like none."""
    features = np.zeros((6, 3), np.float32)
    features[:3, 0], features[3:5, 1], features[5, 2] = 1, 1, 1
    found = likeness_vectors(sp.csr_matrix(features), most_columns=2)
    assert found.shape == (6, 2)
    assert not found[5].any()
    np.testing.assert_array_equal(found[0], found[2])


def test_without_any_column_everything_is_unlike() -> None:
    """There is nothing to compare by, and that is no error."""
    assert not likeness_vectors(sp.csr_matrix((4, 0), dtype=np.float32)).any()
