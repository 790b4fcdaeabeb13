from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers import TopKRecommendationSelector, YsMean

rng = np.random.default_rng(0)
LOGITS = [rng.normal(size=(4, 7)).astype(np.float32) for _ in range(3)]


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def test_it_is_the_mean_of_the_branches_softmaxes_and_sums_to_one():
    mean = np.asarray(YsMean()(LOGITS))
    np.testing.assert_allclose(mean, np.mean([softmax(branch) for branch in LOGITS], axis=0), rtol=1e-4)
    np.testing.assert_allclose(mean.sum(axis=1), 1, rtol=1e-5)


def test_a_doubled_branch_still_leaves_a_total_of_one():
    """Doubling one of three and dividing by three would sum to 4/3: the sum of the weights divides."""
    mean = np.asarray(YsMean(weights=[1, 2, 1])(LOGITS))
    np.testing.assert_allclose(mean.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(mean, np.average([softmax(branch) for branch in LOGITS], axis=0, weights=[1, 2, 1]), rtol=1e-4)


def test_the_logarithm_of_a_networks_softmax_can_be_given_for_its_logits():
    """The classifier that gives four classes 0.3, 0.1, 0.4 and 0.2 keeps them, and ranks them third, first, fourth, second."""
    probabilities = np.array([[0.3, 0.1, 0.4, 0.2]], np.float32)
    mean = YsMean()([np.log(probabilities)])
    np.testing.assert_allclose(mean, probabilities, rtol=1e-5)
    np.testing.assert_array_equal(TopKRecommendationSelector(4)(mean)[0], [[2, 0, 3, 1]])


def overlap(one: np.ndarray, other: np.ndarray, k: int = 20) -> float:
    best = [np.argsort(-scores, axis=1)[:, :k] for scores in (one, other)]
    return float(np.mean([len(np.intersect1d(*rows)) / k for rows in zip(*best, strict=True)]))


def test_the_peaked_branch_rules_a_plain_mean_and_a_matching_temperature_ends_that():
    """Logits four times as large take nearly all of the top 20; at four times the temperature both branches have the same say."""
    peaked, flat = rng.normal(size=(20, 5000)).astype(np.float32) * 4, rng.normal(size=(20, 5000)).astype(np.float32)
    raw = np.asarray(YsMean()([peaked, flat]))
    assert overlap(raw, peaked) > 0.85
    assert overlap(raw, flat) < 0.2
    matched = np.asarray(YsMean(temperatures=[4, 1])([peaked, flat]))
    assert abs(overlap(matched, peaked) - overlap(matched, flat)) < 0.1


def test_a_masked_item_holds_no_mass_and_the_others_share_all_of_it():
    """Masked by both branches, it is as if the item were not in the catalogue."""
    tables = [branch.copy() for branch in LOGITS[:2]]
    for branch in tables:
        branch[:, 3] = -np.inf
    mean = np.asarray(YsMean()(tables))
    without = np.asarray(YsMean()([np.delete(branch, 3, axis=1) for branch in LOGITS[:2]]))
    assert (mean[:, 3] == 0).all()
    np.testing.assert_allclose(np.delete(mean, 3, axis=1), without, rtol=1e-4)


def test_masked_by_one_branch_an_item_keeps_what_the_others_give_it():
    masking = LOGITS[0].copy()
    masking[:, 3] = -np.inf
    np.testing.assert_allclose(np.asarray(YsMean()([masking, LOGITS[1]]))[:, 3], softmax(LOGITS[1])[:, 3] / 2, rtol=1e-4)


def test_a_branch_that_masks_everything_leaves_the_mean_to_the_others():
    """A branch with nothing to say of a user would leave a total below one; masked by all, a row has no mass and no NaN."""
    silent = LOGITS[0].copy()
    silent[1] = -np.inf
    mean = np.asarray(YsMean(weights=[5, 1])([silent, LOGITS[1]]))
    np.testing.assert_allclose(mean.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(mean[1], softmax(LOGITS[1])[1], rtol=1e-4)
    np.testing.assert_array_equal(YsMean()([np.full((1, 3), -np.inf, np.float32)] * 2), [[0, 0, 0]])


def test_logarithms_rank_what_probabilities_lose_and_keep_masked_items_out():
    """1000 below the best, the probability is 0 like that of a masked item; the logarithm still tells which is which."""
    logits = [np.array([[1000, 0, -1, -np.inf]], np.float32)] * 2
    np.testing.assert_array_equal(YsMean()(logits), [[1, 0, 0, 0]])
    listed, _ = TopKRecommendationSelector(4)(YsMean(log_output=True)(logits))
    np.testing.assert_array_equal(listed, [[0, 1, 2, -1]])
    np.testing.assert_allclose(np.exp(YsMean(log_output=True)(LOGITS)), YsMean()(LOGITS), rtol=1e-5)


def test_a_branch_of_weight_zero_counts_for_nothing():
    np.testing.assert_allclose(YsMean(weights=[0, 1])(LOGITS[:2]), softmax(LOGITS[1]), rtol=1e-4)


def test_nan_is_passed_on_never_taken_for_a_mask():
    assert np.isnan(YsMean()([np.array([[np.nan, 1]], np.float32)])).all()


def test_masks_leave_gradients_finite():
    masked = tf.Variable([[1.0, -np.inf, 2.0], [-np.inf, -np.inf, -np.inf]])
    with tf.GradientTape() as tape:
        mean = YsMean()([masked, tf.zeros((2, 3))])
        loss = tf.reduce_sum(mean * [[1.0, 2.0, 3.0]])
    gradient = tape.gradient(loss, masked)
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[1], [0, 0, 0])


@pytest.mark.parametrize("tables", [LOGITS, LOGITS[0], [LOGITS[0], LOGITS[1][:, :1]], [LOGITS[0], LOGITS[1][:1]]])
def test_another_number_or_shape_of_branches_is_refused(tables):
    """All branches must speak of the same items."""
    with pytest.raises(ValueError, match="score tables"):
        YsMean(weights=[1, 2])(tables)


@pytest.mark.parametrize(
    "wrong", [{"weights": [0, 0]}, {"weights": [1, -1]}, {"temperatures": [1, 0]}, {"weights": [1, 1, 1], "temperatures": [1, 1]}]
)
def test_arguments_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"weights|temperatures"):
        YsMean(**wrong)
