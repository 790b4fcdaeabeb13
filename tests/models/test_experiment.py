"""Claims about how points are divided among variants, and about the blend of a variant."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.blend import Blend
from models.experiment import POINTS, ranges, variant_blend
from models.voices import Voice

SHARES = st.lists(st.floats(0.001, 1), min_size=1, max_size=6).map(lambda parts: [part / sum(parts) for part in parts])


def owners(shares: list[float], points: list[int]) -> list[int]:
    """Find the variant of each point by looking through all ranges; it must be in exactly one."""
    return [next(iter({one.variant for one in ranges(shares) if one.first <= point < one.below})) for point in points]


@given(SHARES)
def test_ranges_cover_every_point_once_and_measure_what_the_shares_say(shares: list[float]) -> None:
    """They begin at 0, end at the last point and leave no gap; no variant is off by more than the rounding of all."""
    found = ranges(shares)
    assert (found[0].first, found[-1].below) == (0, POINTS)
    assert all(one.below == following.first for one, following in pairwise(found))
    widths = np.bincount([one.variant for one in found], [one.below - one.first for one in found], minlength=len(shares))
    np.testing.assert_allclose(widths, np.array(shares) * POINTS, rtol=0, atol=len(shares))


@given(
    st.integers(1, 4).flatmap(lambda n: st.tuples(*[st.tuples(st.floats(0.001, 1 / n), st.floats(0.001, 1 / n)) for _ in range(n)])),
    st.lists(st.integers(0, POINTS - 1), min_size=1, max_size=50),
)
def test_who_is_in_a_variant_stays_when_it_grows_at_the_cost_of_the_control(
    ends: tuple[tuple[float, float], ...], points: list[int]
) -> None:
    """Also where several grow at once, each up to an even part of everybody: nobody goes anywhere but out of the control."""
    before, after = ([sorted(of_one)[end] for of_one in ends] for end in (0, 1))
    if sum(after) > 0.999:
        return
    was, is_now = (owners([1 - sum(others), *others], points) for others in (before, after))
    assert all(then in (0, now) for then, now in zip(was, is_now, strict=True))


def test_two_variants_divide_the_points_at_their_shares() -> None:
    """The control holds the upper points; what can be written down by hand needs no table."""
    assert ranges([0.75, 0.25]) == ((1, 0, 2**30), (0, 2**30, 2**32))
    assert ranges([1.0]) == ((0, 0, 2**32),)


def test_a_share_wider_than_its_lane_goes_on_at_the_upper_end_of_the_next() -> None:
    """Three in four for the first of two: half of all points are its lane, a quarter is taken from the other's."""
    quarter = 2**30
    assert ranges([0.125, 0.75, 0.125]) == ((1, 0, 2 * quarter), (2, 2 * quarter, 5 * quarter // 2), (0, 5 * quarter // 2, 3 * quarter),
                                            (1, 3 * quarter, 4 * quarter))  # fmt: skip


LEARNED = Blend(
    ("ease", "als", "popularity"),
    ("collaborative", "collaborative", "knowledge"),
    ("few", "many"),
    np.array([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]]),
    0.5,
    Voice("probability", (1.0, 2.0, 3.0)),
)


def test_a_variant_without_wishes_ranks_by_the_learned_blend_itself() -> None:
    """The control's lists are those of a night without an experiment, to the last bit."""
    assert variant_blend(LEARNED, None, {}) is LEARNED


def test_models_left_out_leave_their_weight_to_the_others_of_each_segment() -> None:
    found = variant_blend(LEARNED, {"popularity", "ease"}, {})
    assert (found.models, found.families, found.segments) == (("ease", "popularity"), ("collaborative", "knowledge"), ("few", "many"))
    np.testing.assert_allclose(found.weights, [[2 / 7, 5 / 7], [1, 0]], rtol=1e-15)
    assert found.voice.temperatures == (1.0, 3.0)
    assert found.redistributed == 0.5


def test_weights_of_its_own_hold_in_all_segments_and_what_has_none_is_no_part_of_the_blend() -> None:
    found = variant_blend(LEARNED, None, {"popularity": 3.0, "ease": 1.0, "als": 0.0})
    assert found.models == ("ease", "popularity")
    assert found.weights.tolist() == [[0.25, 0.75]] * 2


def test_a_segment_that_hears_none_of_the_models_hears_them_alike() -> None:
    """Many-likes users learned to leave popularity out; a variant of popularity alone serves them all the same."""
    assert variant_blend(LEARNED, {"popularity"}, {}).weights.tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize(("models", "weights"), [({"towers"}, {}), (None, {"towers": 1.0})])
def test_a_variant_none_of_whose_models_takes_part_is_refused(models: set[str] | None, weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="ease, als, popularity"):
        variant_blend(LEARNED, models, weights)
