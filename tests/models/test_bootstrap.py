"""Claims about `models.bootstrap`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import bootstrap
from models.bootstrap import BootstrapConfig, Interval, compare, mean_interval, mean_intervals
from tests.oracles import bootstrap_ends

QUICK = BootstrapConfig(resamples=200)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.integers(0, 2**32))
def test_ends_are_those_of_drawing_users_one_by_one(values: list[float], seed: int) -> None:
    """Counting how often each user is drawn and multiplying is the same as averaging the users drawn."""
    interval = mean_interval(np.array(values), seed, QUICK)
    expected = bootstrap_ends(values, seed, QUICK.resamples, QUICK.confidence)
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-9 * max(1.0, *map(abs, values)))
    assert interval.value == pytest.approx(np.mean(values), abs=1e-6)


def test_intervals_hold_the_true_mean_as_often_as_they_promise() -> None:
    """Over 300 samples of a skewed law with mean 1, intervals at 90 % hold that mean in 84 % to 95 % of them."""
    rng = np.random.default_rng(3)
    config = BootstrapConfig(resamples=200, confidence=0.9)
    samples = [mean_interval(rng.exponential(size=80), seed, config) for seed in range(300)]
    held = np.mean([sample.low is not None and sample.low <= 1 and not sample.wholly_below(1) for sample in samples])
    assert 0.84 <= held <= 0.95


def test_no_user_has_no_mean_and_one_user_no_ends() -> None:
    """What cannot be known is None, never NaN or a made-up width."""
    assert mean_interval(np.array([]), 0, QUICK) == Interval(None, None, None, 0)
    assert mean_interval(np.array([0.25]), 0, QUICK) == Interval(0.25, None, None, 1)
    assert not mean_interval(np.array([-0.25]), 0, QUICK).wholly_below(0)
    assert compare(np.array([]), np.array([]), 0, QUICK).rival is None


def test_block_size_and_company_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interval is the same bytes for a seed, drawn at once or in blocks, alone or beside other columns."""
    rng = np.random.default_rng(8)
    columns = {name: rng.random(101) for name in "abc"}
    together = mean_intervals(columns, 4, QUICK)
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", 700)
    assert mean_intervals(columns, 4, QUICK) == together
    assert {name: mean_interval(values, 4, QUICK) for name, values in columns.items()} == together
    assert mean_intervals(columns, 5, QUICK) != together


def test_pairing_sees_a_difference_that_two_intervals_hide() -> None:
    """Users differ far more than two models do; drawing users keeps the small, steady difference clear of zero."""
    rng = np.random.default_rng(2)
    theirs = rng.random(300)
    ours = theirs - 0.01 - 0.005 * rng.random(300)
    comparison = compare(ours, theirs, 1, QUICK)
    assert comparison.difference.wholly_below(0)
    assert comparison.rival == pytest.approx(theirs.mean())
    assert not mean_interval(ours, 1, QUICK).wholly_below(float(theirs.mean()))


def test_the_same_values_differ_by_exactly_nothing() -> None:
    """An unchanged model compares as 0.0 with both ends at 0.0."""
    values = np.random.default_rng(0).random(50)
    assert compare(values, values, 1, QUICK).difference == Interval(0.0, 0.0, 0.0, 50)


def test_unknown_values_and_unpaired_users_are_refused() -> None:
    """A NaN or a missing partner is an error, not a silent gap."""
    with pytest.raises(ValueError, match="finite"):
        mean_interval(np.array([1.0, np.nan]), 0, QUICK)
    with pytest.raises(ValueError, match="same users"):
        compare(np.zeros(3), np.zeros(2), 0, QUICK)
