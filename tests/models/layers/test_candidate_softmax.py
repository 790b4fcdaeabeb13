from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.layers.candidate_softmax import CandidateSoftmax


def test_it_is_keras_cross_entropy_where_nothing_is_masked():
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=(5, 4)).astype(np.float32), np.eye(4, dtype=np.float32)[rng.integers(0, 4, 5)]
    expected = keras.losses.CategoricalCrossentropy(from_logits=True)(targets, scores / 0.5)
    np.testing.assert_allclose(CandidateSoftmax(0.5)(targets, scores), expected, rtol=1e-5)


def test_several_liked_items_share_the_users_vote():
    """Log 2 for either of two equal items, however many of them are liked."""
    np.testing.assert_allclose(CandidateSoftmax()([[1.0, 1.0]], [[0.0, 0.0]]), np.log(2), rtol=1e-5)


@pytest.mark.parametrize("targets", [[[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]]], ids=["liked", "masked", "none"])
def test_masked_candidates_cost_nothing_and_no_gradient_is_nan(targets):
    """-inf is no choice; Keras' own cross-entropy is NaN here."""
    scores = tf.Variable([[0.0, 0.0, -np.inf]])
    with tf.GradientTape() as tape:
        loss = CandidateSoftmax()(targets, scores)
    np.testing.assert_allclose(loss, np.log(2) * targets[0][0], rtol=1e-5)
    gradient = tape.gradient(loss, scores)
    assert np.isfinite(gradient).all()
    assert gradient[0, 2] == 0


def test_its_configuration_makes_an_equal_loss():
    assert CandidateSoftmax.from_config(CandidateSoftmax(0.3).get_config()).temperature == 0.3
    with pytest.raises(ValueError, match="temperature"):
        CandidateSoftmax(0)
