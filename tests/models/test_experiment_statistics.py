"""Claims about what an experiment shows: known answers, SciPy's tests, and planted effects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models.bootstrap import Interval
from models.experiment_statistics import Group, detectable_difference, difference, ratio_warning, sample_ratio_p


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(0.01, 1)), min_size=2, max_size=5))
def test_the_split_is_judged_as_scipy_judges_it(variants: list[tuple[int, float]]) -> None:
    """Pearson's test, where at least five users are expected in each variant, and nothing where not."""
    counts, shares = np.array(variants).T
    expected = counts.sum() * shares / shares.sum()
    found = sample_ratio_p(counts, shares)
    if expected.min() < 5:
        assert found is None
    else:
        assert found == pytest.approx(stats.chisquare(counts, expected).pvalue, rel=1e-9, abs=1e-300)


def test_an_uneven_split_is_warned_of_and_a_lucky_one_is_not() -> None:
    """821,588 users against 815,482 where halves were meant (Kohavi, Tang and Xu 2020, chapter 3) is no chance: p = 1.8e-6."""
    counts = (821_588, 815_482)
    assert sample_ratio_p(counts, (0.5, 0.5)) == pytest.approx(1.8e-6, rel=0.03)
    warning = ratio_warning(("control", "bold"), counts, (0.5, 0.5))
    assert warning is not None
    assert "control 821,588 (50.19%, meant 50.00%), bold 815,482 (49.81%, meant 50.00%)" in warning
    assert "p = 2e-06" in warning
    assert ratio_warning(("control", "bold"), (5_050, 4_950), (0.5, 0.5)) is None
    assert ratio_warning(("control", "bold"), (3, 0), (0.5, 0.5)) is None


def test_one_variant_nobody_or_too_few_users_have_no_split() -> None:
    """Of 500 users a variant of one in a hundred should have five, of 200 two: too few to tell."""
    assert sample_ratio_p([100], [1.0]) is None
    assert sample_ratio_p([0, 0], [0.5, 0.5]) is None
    assert sample_ratio_p([198, 2], [0.99, 0.01]) is None
    assert sample_ratio_p([495, 5], [0.99, 0.01]) == pytest.approx(1)
    with pytest.raises(ValueError, match="a share above 0 for each count"):
        sample_ratio_p([1, 2], [1.0])


@given(*[st.lists(st.integers(-1000, 1000).map(lambda tenths: tenths / 10), min_size=2, max_size=40)] * 2)
def test_the_interval_is_that_of_scipys_welch_test(ours: list[float], theirs: list[float]) -> None:
    a, b = np.array(ours), np.array(theirs)
    if min(a.var(), b.var()) == 0:  # SciPy warns of such; another claim is about them
        return
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    found = difference(Group.of(a), Group.of(b))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)
    assert found.value == pytest.approx(a.mean() - b.mean(), abs=1e-9)
    assert found.n == len(a) + len(b)


def test_what_too_few_users_cannot_tell_is_left_out() -> None:
    """No mean without users, no ends with one; values that never vary differ by exactly what they differ by."""
    none, one, level = Group.of(np.zeros(0)), Group.of(np.ones(1)), Group.of(np.zeros(5))
    assert difference(none, level) == Interval(None, None, None, 5)
    assert difference(one, level) == Interval(1.0, None, None, 6)
    assert difference(level, level) == Interval(0.0, 0.0, 0.0, 10)
    assert detectable_difference(one, level) is None
    with pytest.raises(ValueError, match="finite"):
        Group.of(np.array([np.nan, 1.0]))


def test_the_detectable_difference_is_the_textbooks() -> None:
    """Cohen's power tables: half a deviation needs 63 users a group by the normal law; a rate of 10 % needs 14,744 to tell 11 % apart.

    One group ten times as large as the other helps little: as much as 1.1 in place of 2 shares of the smaller one's variance.
    """
    unit = Group(63, 0.0, 1.0)
    assert detectable_difference(unit, unit) == pytest.approx(0.5, abs=0.001)
    at_ten, at_eleven = Group(14_744, 0.10, 0.10 * 0.90), Group(14_744, 0.11, 0.11 * 0.89)
    assert detectable_difference(at_eleven, at_ten) == pytest.approx(0.01, abs=1e-4)
    assert detectable_difference(Group(630, 0.0, 1.0), unit) == pytest.approx(0.5 * np.sqrt(1.1 / 2), abs=0.001)


def test_a_true_difference_as_large_as_the_detectable_one_is_found_in_four_of_five_experiments() -> None:
    """And none is found where there is none, in 95 of 100: 600 simulated experiments on skewed values and unequal groups."""
    rng = np.random.default_rng(5)
    least = detectable_difference(Group(400, 0.0, 1.0), Group(1600, 0.0, 1.0))
    assert least is not None

    def found_in(effect: float) -> float:
        differences = [difference(Group.of(rng.exponential(size=400) + effect), Group.of(rng.exponential(size=1600))) for _ in range(600)]
        return float(np.mean([one.low is not None and one.high is not None and (one.low > 0 or one.high < 0) for one in differences]))

    assert found_in(least) == pytest.approx(0.8, abs=0.05)
    assert found_in(0.0) == pytest.approx(0.05, abs=0.025)
