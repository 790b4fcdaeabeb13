"""Claims about `models.collaborative.least_squares`."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.collaborative import least_squares
from models.collaborative.least_squares import Ridge, solve, turned
from models.ragged import WIDTHS


def plain_solve(pairs: NDArray[np.bool_], vectors: NDArray[np.float64], ridge: Ridge) -> NDArray[np.float64]:
    """Solve each row by itself: weights of all columns, normal equations, a general solver."""
    solved = np.zeros((len(pairs), vectors.shape[1]))
    for row, happened in enumerate(pairs):
        if happened.any():
            confidence = np.where(happened, 1 + ridge.alpha, 1.0)
            normal = (vectors * confidence[:, None]).T @ vectors + ridge.reg * ridge.alpha * happened.sum() * np.eye(vectors.shape[1])
            solved[row] = np.linalg.solve(normal, vectors.T @ (confidence * happened))
    return solved


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 12), st.integers(1, 40)),
    n_factors=st.integers(1, 9),
    alpha=st.floats(0.5, 50),
    reg=st.floats(0.01, 1),
    share=st.floats(0, 1),
)
def test_stacks_solve_what_a_loop_solves(seed: int, shape: tuple[int, int], n_factors: int, alpha: float, reg: float, share: float) -> None:
    """Padding, the smaller dual system and the turned basis change nothing: rows explain what they explain one by one."""
    rng = np.random.default_rng(seed)
    pairs, vectors, ridge = rng.random(shape) < share, rng.standard_normal((shape[1], n_factors)).astype(np.float32), Ridge(alpha, reg)
    known = turned(vectors)
    found = solve(sp.csr_matrix(pairs, dtype=np.float32), known, ridge)
    expected = plain_solve(pairs, vectors.astype(float), ridge)
    # The basis is turned, and with it the solution: what stays is what it predicts.
    np.testing.assert_allclose(found @ known.vectors.T, expected @ vectors.T, rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize("entries_at_once", [1, 64, 1 << 14])
def test_a_row_does_not_depend_on_the_rows_around_it(entries_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Solved alone, in a crowd or in stacks of another size, a row gets the same bytes."""
    rng = np.random.default_rng(4)
    pairs = sp.csr_matrix(rng.random((50, 30)) < 0.2, dtype=np.float32)
    known = turned(rng.standard_normal((30, 8)).astype(np.float32))
    expected = np.vstack([solve(pairs[row], known, Ridge(10.0, 0.1)) for row in range(50)])
    monkeypatch.setattr(least_squares, "ENTRIES_AT_ONCE", entries_at_once)
    np.testing.assert_array_equal(solve(pairs, known, Ridge(10.0, 0.1)), expected)


def test_turned_vectors_keep_their_products_and_have_a_diagonal_gram() -> None:
    """A turn changes no product between vectors; afterwards factors share nothing, and the spectrum is their strength."""
    vectors = np.random.default_rng(6).standard_normal((40, 5)).astype(np.float32)
    found = turned(vectors)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, vectors @ vectors.T, atol=1e-4)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.diag(found.spectrum), atol=1e-4)


@given(n_entries=st.integers(1, 2**30))
def test_padding_adds_a_fifth_at_most(n_entries: int) -> None:
    """A row is padded to the next width, which is never more than a fifth and one entry above it."""
    width = int(WIDTHS[np.searchsorted(WIDTHS, n_entries)])
    assert n_entries <= width <= 1.2 * n_entries + 1
