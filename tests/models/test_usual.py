"""Claims about `models.usual`: what a figure may be before it is called unusual."""

from __future__ import annotations

import numpy as np
import pytest

from models.gate_rules import TRAILING_NIGHTS
from models.usual import LEAST_NIGHTS, Usual, usual


def test_a_few_nights_make_nothing_usual():
    """From the fifth on they do."""
    assert usual(np.ones(LEAST_NIGHTS - 1), 3, 0.1) is None
    assert usual(np.ones(LEAST_NIGHTS), 3, 0.1) == Usual(1.0, 0.9, 1.1)


def test_a_single_odd_night_hardly_moves_the_band():
    """By hand: of 8, 9, 10, 11, 12 the median is 10, and half of them lie within 1 of it; a thousand in place of the 12 changes nothing."""
    plain, odd = (usual(np.array([8.0, 9, 10, 11, last]), 2, 0) for last in (12, 1000))
    assert plain == odd
    assert (plain.low, plain.high) == pytest.approx((10 - 2 * 1.4826, 10 + 2 * 1.4826))


@pytest.mark.parametrize(("level", "least", "margin", "reach"), [(100.0, 0.1, 0.0, 10.0), (-4.0, 0.5, 0.0, 2.0), (0.0, 0.1, 0.01, 0.01)])
def test_nights_that_agree_leave_some_room(level, least, margin, reach):
    """A share of the median, whatever its sign, or a margin where that is nothing; the ends are still usual."""
    band = usual(np.full(9, level), 3, least, margin)
    assert (band.low, band.high) == pytest.approx((level - reach, level + reach))
    assert band.holds(band.low)
    assert band.holds(band.high)
    assert not band.holds(np.nextafter(band.high, np.inf))
    assert not band.holds(np.nextafter(band.low, -np.inf))


def test_only_the_last_nights_count():
    """What was before them is forgotten."""
    lately = np.arange(TRAILING_NIGHTS, dtype=float)
    assert usual(np.r_[np.full(50, 1e6), lately], 3, 0.1) == usual(lately, 3, 0.1)
