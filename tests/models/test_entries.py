"""Claims about looking up single entries."""

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from models.entries import entries


@given(st.integers(1, 12), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_entries_are_those_of_the_whole_matrix(n_items: int, density: float, seed: int) -> None:
    """Rows may be empty, full or anything between; what is not stored is zero."""
    rng = np.random.default_rng(seed)
    whole = np.where(rng.random((n_items, n_items)) < density, rng.normal(size=(n_items, n_items)), 0).astype(np.float32)
    items, others = (rng.integers(0, n_items, (3, width)) for width in (4, 5))
    found = entries(sp.csr_matrix(whole), items, others)
    np.testing.assert_array_equal(found, whole.T[items[:, :, None], others[:, None, :]])
    assert found.dtype == np.float32


def test_a_matrix_without_entries_has_zeros() -> None:
    assert not entries(sp.csr_matrix((3, 3), dtype=np.float32), np.zeros((1, 2), np.intp), np.ones((1, 2), np.intp)).any()
