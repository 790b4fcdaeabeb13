"""Claims about `models.pairwise_loss`."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize(("kind", "gradient"), [("softplus", 0.9975), ("one_minus_sigmoid", 0.0025)])
def test_the_gradient_where_the_model_is_most_wrong(kind: str, gradient: float) -> None:
    """At a margin of -6 softplus pulls with nearly all its force, and 1 - sigmoid hardly at all."""
    import tensorflow as tf

    from models.pairwise_loss import pairwise_loss

    margin = tf.constant([-6.0])
    with tf.GradientTape() as tape:
        tape.watch(margin)
        loss = pairwise_loss(margin, kind)
    assert -float(tape.gradient(loss, margin)[0]) == pytest.approx(gradient, abs=1e-4)


def test_losses_are_what_their_names_say() -> None:
    """-log sigmoid and 1 - sigmoid, calculated plainly."""
    from models.pairwise_loss import pairwise_loss

    margin = np.linspace(-4, 4, 9, dtype=np.float32)
    sigmoid = 1 / (1 + np.exp(-margin.astype(float)))
    np.testing.assert_allclose(pairwise_loss(margin, "softplus"), -np.log(sigmoid), rtol=1e-5)
    np.testing.assert_allclose(pairwise_loss(margin, "one_minus_sigmoid"), 1 - sigmoid, rtol=1e-5)


def test_hard_negatives_count_more() -> None:
    """Weights add up to one; at no hardness they are equal, at hardness one they are in proportion to e to the score."""
    from models.pairwise_loss import hard_weights

    scores = np.array([[0.0, np.log(3)]], np.float32)
    np.testing.assert_allclose(hard_weights(scores, 0.0), [[0.5, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(hard_weights(scores, 1.0), [[0.25, 0.75]], rtol=1e-6)
