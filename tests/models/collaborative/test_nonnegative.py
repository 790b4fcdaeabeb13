"""Claims about `models.collaborative.nonnegative`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from models.collaborative import nonnegative
from models.collaborative.nonnegative import improved, solved

RNG = np.random.default_rng(1)
KNOWN = np.abs(RNG.normal(size=(30, 5))).astype(np.float32)
WANTED = RNG.normal(size=(20, 30)).astype(np.float32)


@pytest.mark.parametrize("reg", [0.0, 2.0])
def test_each_row_gets_the_best_solution_without_a_negative_part(reg: float) -> None:
    """SciPy's active-set method, which solves one row at a time and exactly, finds the same; the penalty is more rows to meet with zero."""
    rows = np.vstack([KNOWN, np.sqrt(reg) * np.eye(5)])
    expected = [nnls(rows, np.append(wanted, np.zeros(5)))[0] for wanted in WANTED]
    found = solved(WANTED @ KNOWN, KNOWN, reg)
    assert (found == 0).any()
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_an_improvement_never_makes_it_worse() -> None:
    """From any start, what is left unexplained falls."""
    start = np.abs(RNG.normal(size=(20, 5))).astype(np.float32)
    better = improved(start, WANTED @ KNOWN, KNOWN, reg=0.0)
    left = [np.square(WANTED - parts @ KNOWN.T).sum(axis=1) for parts in (start, better)]
    assert (left[1] < left[0]).all()


def test_a_part_that_nothing_has_stays_zero() -> None:
    """No division by zero, without a penalty either."""
    known = KNOWN * np.array([1, 1, 0, 1, 1], np.float32)
    found = solved(WANTED @ known, known, reg=0.0)
    assert np.isfinite(found).all()
    assert not found[:, 2].any()


def test_small_portions_are_solved_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a row gets does not depend on the rows around it."""
    together = solved(WANTED @ KNOWN, KNOWN, reg=1.0)
    monkeypatch.setattr(nonnegative, "ROWS_AT_ONCE", 1)
    np.testing.assert_allclose(solved(WANTED @ KNOWN, KNOWN, reg=1.0), together, atol=1e-5)
