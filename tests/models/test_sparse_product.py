"""Claims about `models.sparse_product`: the products are SciPy's own."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models import sparse_product
from models.compute import ComputeConfig, limited_threads
from models.sparse_product import compressed, dense_product, entries_met, product


def drawn(n_rows: int, n_columns: int, density: float, largest: int = 8) -> sp.csr_matrix:
    """Return small whole numbers, which float32 adds up exactly in any order."""
    rng = np.random.default_rng(n_rows + n_columns)
    filled = rng.random((n_rows, n_columns)) < density
    return sp.csr_matrix(np.where(filled, rng.integers(1, largest + 1, filled.shape), 0).astype(np.float32))


@pytest.mark.parametrize("n_rows", [0, 1, 67])
@pytest.mark.parametrize("density", [0, 0.1, 1])
@pytest.mark.parametrize("largest", [1, 8])
def test_a_dense_product_is_the_product_of_both(n_rows: int, density: float, largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether all weights are one, which need not be multiplied by, or some are more."""
    monkeypatch.setattr(sparse_product, "ENTRIES_AT_ONCE", 50)
    weights, matrix = drawn(n_rows, 40, density, largest), drawn(40, 70, 0.3)
    with limited_threads(ComputeConfig(threads=2)):
        found = dense_product(weights, matrix)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, (weights @ matrix).toarray())


def test_nobodys_row_of_a_dense_product_depends_on_the_others() -> None:
    rng = np.random.default_rng(1)
    weights, matrix = drawn(70, 40, 0.2), drawn(40, 90, 0.3)
    weights.data, matrix.data = (rng.normal(size=part.nnz).astype(np.float32) for part in (weights, matrix))
    alone = [dense_product(weights[row], matrix) for row in range(70)]
    np.testing.assert_array_equal(np.concatenate(alone), dense_product(weights, matrix))


def test_threads_share_a_product_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, vectors = drawn(50, 30, 0.4), drawn(30, 8, 1).toarray()
    monkeypatch.setattr(sparse_product, "FEW", 0)
    with limited_threads(ComputeConfig(threads=2)):
        np.testing.assert_array_equal(product(matrix, vectors), matrix @ vectors)


def test_multiplications_are_counted() -> None:
    weights, matrix = drawn(6, 8, 0.5), drawn(8, 9, 0.5)
    assert entries_met(weights, matrix) == ((weights.toarray() != 0).astype(int) @ (matrix.toarray() != 0)).sum()


def test_what_is_compressed_is_what_was_there() -> None:
    matrix = drawn(5, 7, 0.4)
    found = compressed(matrix.toarray()[:, :6])
    assert found.has_sorted_indices
    np.testing.assert_array_equal(found.toarray(), matrix.toarray()[:, :6])
