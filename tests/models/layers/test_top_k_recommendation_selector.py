from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.layers import TopKRecommendationSelector

few_values = st.sampled_from([np.float32(value) for value in (-np.inf, -2, -1, 0, 1, 3e38)])
few_ids = st.integers(0, 6)


def by_sorting_everything(ids: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Keep the best score of every id, sort by score and id, cut and pad: however slowly."""
    listed, best = np.full((len(scores), k), -1), np.full((len(scores), k), -np.inf, np.float32)
    for row in range(len(scores)):
        of_id: dict[int, float] = {}
        for item, score in zip(ids[row].tolist(), scores[row].tolist(), strict=True):
            of_id[item] = max(score, of_id.get(item, -np.inf))
        ranked = sorted((-score, item) for item, score in of_id.items() if score > -np.inf)[:k]
        for rank, (negated, item) in enumerate(ranked):
            listed[row, rank], best[row, rank] = item, -negated
    return listed, best


@settings(max_examples=50)
@given(st.data(), st.integers(1, 3), st.integers(1, 7), st.integers(1, 9))
def test_it_agrees_with_sorting_everything_on_ties_masks_repeated_ids_and_short_rows(data, n_users, n_candidates, k):
    """Also where every score is negative, where all are masked, with one candidate, and with k beyond the candidates."""
    scores = data.draw(hnp.arrays(np.float32, (n_users, n_candidates), elements=few_values))
    ids = data.draw(hnp.arrays(np.int64, (n_users, n_candidates), elements=few_ids))
    selector = TopKRecommendationSelector(k)
    for given_ids, expected_of in ((ids, ids), (None, np.tile(np.arange(n_candidates), (n_users, 1)))):
        listed, best = selector(scores, item_ids=given_ids)
        expected_listed, expected_best = by_sorting_everything(expected_of, scores, k)
        np.testing.assert_array_equal(listed, expected_listed)
        np.testing.assert_array_equal(best, expected_best)


def test_without_ids_it_returns_positions_and_with_ids_the_items():
    scores = np.array([[0.1, 0.9, 0.5]], np.float32)
    np.testing.assert_array_equal(TopKRecommendationSelector(2)(scores)[0], [[1, 2]])
    np.testing.assert_array_equal(TopKRecommendationSelector(2)(scores, item_ids=np.array([[70, 40, 50]]))[0], [[40, 50]])


def test_a_list_does_not_depend_on_the_order_of_the_candidates():
    rng = np.random.default_rng(0)
    scores, ids = rng.integers(0, 4, (5, 30)).astype(np.float32), np.tile(np.arange(30), (5, 1))
    order = rng.permutation(30)
    selector = TopKRecommendationSelector(8)
    for one, other in zip(selector(scores, item_ids=ids), selector(scores[:, order], item_ids=ids[:, order]), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_cannot_be_ranked_raises_at_once_and_in_a_graph(bad):
    """TensorFlow ranks NaN first and what follows it in no order."""
    scores = np.array([[1, bad, 2], [1, 2, 3]], np.float32)
    with pytest.raises(ValueError, match="found NaN"):
        TopKRecommendationSelector(2)(scores)
    with pytest.raises(tf.errors.InvalidArgumentError, match="found NaN"):
        tf.function(TopKRecommendationSelector(2))(scores)


def test_under_xla_a_row_that_cannot_be_ranked_is_no_list_and_others_are_whole():
    compiled = tf.function(TopKRecommendationSelector(2), jit_compile=True)
    listed, best = compiled(tf.constant([[1, np.nan, 2], [1, 2, 3]], tf.float32))
    np.testing.assert_array_equal(listed, [[-1, -1], [2, 1]])
    np.testing.assert_array_equal(best, [[np.nan, np.nan], [3, 2]])


def test_padding_has_no_score():
    with pytest.raises(ValueError, match="below 0"):
        TopKRecommendationSelector(2)(np.array([[0.1, 0.2]], np.float32), item_ids=np.array([[3, -1]]))
    listed, _ = TopKRecommendationSelector(2)(np.array([[0.1, -np.inf]], np.float32), item_ids=np.array([[3, -1]]))
    np.testing.assert_array_equal(listed, [[3, -1]])


def test_the_width_of_the_lists_is_known_before_anything_is_computed():
    """Also where the number of candidates is not."""
    listed, best = TopKRecommendationSelector(4)(keras.Input((None,)))
    assert listed.shape == best.shape == (None, 4)


@pytest.mark.parametrize("wrong", [0, -1, 2.0, True])
def test_a_k_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="k must be a whole number"):
        TopKRecommendationSelector(wrong)


def test_ids_must_be_integers_one_a_score():
    scores = np.zeros((2, 3), np.float32)
    with pytest.raises(TypeError, match="must be integers"):
        TopKRecommendationSelector(1)(scores, item_ids=scores)
    with pytest.raises(ValueError, match="one shape"):
        TopKRecommendationSelector(1)(scores, item_ids=np.zeros((1, 3), np.int64))
    with pytest.raises(ValueError, match="are needed"):
        TopKRecommendationSelector(1)(scores[:, None])
