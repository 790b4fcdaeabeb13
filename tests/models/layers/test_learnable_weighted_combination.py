from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.layers import LearnableWeightedCombination
from models.layers.candidate_softmax import CandidateSoftmax

rng = np.random.default_rng(0)
SCORES = [rng.normal(size=(4, 6)).astype(np.float32) for _ in range(3)]


def weighing(raw: list[float], **options: float) -> LearnableWeightedCombination:
    layer = LearnableWeightedCombination(len(raw), **options)
    layer(SCORES[: len(raw)])
    layer.combination_weights.assign(raw)
    return layer


def test_tables_go_in_and_one_table_of_the_same_shape_comes_out():
    """(4, 6) three times gives (4, 6), the plain mean at first."""
    np.testing.assert_allclose(LearnableWeightedCombination(3)(SCORES), np.mean(SCORES, axis=0), rtol=1e-5, atol=1e-6)


def test_shares_are_the_softmax_of_the_raw_weights_over_the_temperature():
    raw = [0.5, -1.0, 2.0]
    for temperature in (1.0, 0.25):
        layer = weighing(raw, temperature=temperature)
        shares = np.exp(np.array(raw) / temperature) / np.exp(np.array(raw) / temperature).sum()
        np.testing.assert_allclose(layer.shares(), shares, rtol=1e-5)
        np.testing.assert_allclose(np.sum(layer.shares()), 1, rtol=1e-6)
        np.testing.assert_allclose(layer(SCORES), np.tensordot(shares, SCORES, 1), rtol=1e-4, atol=1e-5)


def test_a_blend_of_one_table_is_that_table():
    np.testing.assert_array_equal(weighing([3.7])(SCORES[:1]), SCORES[0])


def test_the_order_of_the_tables_permutes_the_weights_only():
    one, other = weighing([0.5, -1.0, 2.0])(SCORES), weighing([2.0, 0.5, -1.0])([SCORES[2], SCORES[0], SCORES[1]])
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_what_one_table_masks_is_masked_in_the_blend_even_when_every_score_is_negative():
    """Masked as 0 it would come before all of them; a share of nearly nothing does not lift the mask either."""
    layer = weighing([200.0, -200.0])
    tables = [-1 - np.abs(SCORES[0]), -1 - np.abs(SCORES[1])]
    tables[1][2, 3] = -np.inf
    blended = np.array(layer(tables))
    assert blended[2, 3] == -np.inf
    blended[2, 3] = tables[0][2, 3]
    np.testing.assert_allclose(blended, tables[0], rtol=1e-5)


def test_masks_leave_gradients_finite():
    layer = LearnableWeightedCombination(2)
    masked = SCORES[0].copy()
    masked[1, 1] = -np.inf
    with tf.GradientTape() as tape:
        blended = layer([masked, SCORES[1]])
        loss = tf.reduce_sum(tf.where(tf.math.is_inf(blended), 0.0, blended))
    gradient = tape.gradient(loss, layer.combination_weights.value)
    assert np.isfinite(gradient).all()
    assert np.any(gradient)


def test_the_table_that_tells_what_people_like_gets_the_share():
    """One table knows the liked item, two know nothing: its share grows beyond nine tenths, and the raw weights say the same."""
    keras.utils.set_random_seed(0)
    liked = rng.integers(0, 6, 60)
    tables = [rng.normal(size=(60, 6)).astype(np.float32) for _ in range(3)]
    tables[1][np.arange(60), liked] += 2
    layer, loss, optimizer = LearnableWeightedCombination(3), CandidateSoftmax(0.5), keras.optimizers.Adam(0.3)
    for _ in range(40):
        with tf.GradientTape() as tape:
            cost = loss(tf.one_hot(liked, 6), layer(tables))
        optimizer.apply(tape.gradient(cost, layer.trainable_variables), layer.trainable_variables)
    assert layer.shares()[1] > 0.9
    np.testing.assert_allclose(keras.ops.softmax(layer.combination_weights).numpy(), layer.shares(), rtol=1e-5)


@pytest.mark.parametrize("option", ["l2_reg", "entropy_reg"])
def test_regularisation_pulls_towards_the_plain_mean(option):
    layer = weighing([2.0, -1.0, 0.0], **{option: 1.0})
    optimizer, before = keras.optimizers.SGD(0.4), np.ptp(layer.shares())
    for _ in range(40):
        with tf.GradientTape() as tape:
            layer(SCORES)
            cost = tf.add_n(layer.losses)
        optimizer.apply(tape.gradient(cost, layer.trainable_variables), layer.trainable_variables)
    assert np.ptp(layer.shares()) < 0.3 * before


def test_penalties_are_what_they_say():
    """Raw weights 1 and -1 have the squared length 2; equal shares lack no entropy, all in one table lack log 2."""
    layer = weighing([1.0, -1.0], l2_reg=0.5)
    layer(SCORES[:2])
    np.testing.assert_allclose(layer.losses, [1.0])
    for raw, lacking in (([3.0, 3.0], 0.0), ([100.0, -100.0], np.log(2))):
        layer = weighing(raw, entropy_reg=1.0)
        layer(SCORES[:2])
        np.testing.assert_allclose(layer.losses, [lacking], atol=1e-6)


@pytest.mark.parametrize(
    "tables",
    [SCORES[:2], SCORES[0], [*SCORES[:2], SCORES[2][:, :1]], [*SCORES[:2], SCORES[2][:1]], [*SCORES[:2], SCORES[2][:, None]]],
    ids=["two of three", "no list", "one column", "one user", "three axes"],
)
def test_another_number_or_shape_of_tables_is_refused_before_anything_is_computed(tables):
    """One column beside many would be broadcast into every column."""
    with pytest.raises(ValueError, match="score tables"):
        LearnableWeightedCombination(3)(tables)


def test_a_wrong_number_is_refused_when_the_layer_is_built_and_when_it_is_called_again():
    with pytest.raises(ValueError, match="list of 3 score tables, got 2"):
        LearnableWeightedCombination(3).build([(None, 6), (None, 6)])
    layer = LearnableWeightedCombination(2)
    layer(SCORES[:2])
    with pytest.raises(ValueError, match="list of 2 score tables, got 3"):
        layer(SCORES)


@pytest.mark.parametrize("wrong", [{"num_scores": 0}, {"temperature": 0}, {"l2_reg": -1}, {"entropy_reg": np.inf}])
def test_arguments_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LearnableWeightedCombination(**wrong)
