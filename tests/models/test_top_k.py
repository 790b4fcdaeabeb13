import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.top_k import ScoreError, top_k


def by_sorting_everything(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort each row by score, then item, and cut: what top_k must give, however slowly."""
    items, best = np.full((len(scores), k), -1, np.int32), np.full((len(scores), k), -np.inf, np.float32)
    for row, values in enumerate(scores):
        order = [item for item in np.lexsort((np.arange(len(values)), -values)) if values[item] > -np.inf][:k]
        items[row, : len(order)], best[row, : len(order)] = order, values[order]
    return items, best


few_values = st.sampled_from([np.float32(value) for value in (-np.inf, -2, -0.0, 0, 1e-30, 1, 3e38)])
grids = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=40), elements=few_values)


@given(grids, st.integers(1, 45))
def test_it_agrees_with_sorting_everything_also_on_ties_masks_and_short_rows(scores, k):
    items, best = top_k(scores, k)
    expected_items, expected_best = by_sorting_everything(scores, k)
    np.testing.assert_array_equal(items, expected_items)
    np.testing.assert_array_equal(best, expected_best)


def test_it_agrees_with_sorting_everything_on_a_real_block():
    scores = np.random.default_rng(0).normal(size=(70, 5000)).astype(np.float32)
    scores[:, ::3] = -np.inf
    np.testing.assert_array_equal(top_k(scores, 20)[0], by_sorting_everything(scores, 20)[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_cannot_be_ranked_is_refused(bad):
    scores = np.zeros((2, 30), np.float32)
    scores[1, 17] = bad
    with pytest.raises(ScoreError):
        top_k(scores, 3)
