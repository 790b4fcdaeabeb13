from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers import NormalizedDotProductSimilarity

rng = np.random.default_rng(0)
USERS = rng.normal(size=(4, 3)).astype(np.float32)
ITEMS = rng.normal(size=(4, 5, 3)).astype(np.float32)


def by_loops(mode: str) -> np.ndarray:
    scores = np.empty((4, 5))
    for user in range(4):
        for candidate in range(5):
            u, v = USERS[user], ITEMS[user, candidate]
            scores[user, candidate] = u @ v / {"dot": 1, "scaled": 3**0.5, "cosine": np.linalg.norm(u) * np.linalg.norm(v)}[mode]
    return scores


@pytest.mark.parametrize("mode", ["cosine", "scaled", "dot"])
@pytest.mark.parametrize("users", [USERS, USERS[:, None]], ids=["(batch, size)", "(batch, 1, size)"])
def test_every_candidate_meets_its_own_user(mode, users):
    """The sum runs over the vectors' size, not over the candidates: (4, 3) and (4, 5, 3) give (4, 5)."""
    np.testing.assert_allclose(NormalizedDotProductSimilarity(mode)([users, ITEMS]), by_loops(mode), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", ["cosine", "scaled", "dot"])
def test_a_shared_catalogue_is_scored_like_the_same_items_given_to_each_user(mode):
    layer = NormalizedDotProductSimilarity(mode)
    shared, repeated = layer([USERS, ITEMS[:1]]), layer([USERS, np.repeat(ITEMS[:1], 4, axis=0)])
    np.testing.assert_allclose(shared, repeated, rtol=1e-4, atol=1e-6)


def test_cosine_is_one_for_parallel_minus_one_for_opposite_and_nothing_for_zero_vectors():
    items = np.array([[[30, 40], [-3, -4], [4, -3], [0, 0]]], np.float32)
    scores = NormalizedDotProductSimilarity()([np.array([[3, 4]], np.float32), items])
    np.testing.assert_allclose(scores, [[1, -1, 0, 0]], atol=1e-6)


def test_zero_vectors_have_a_gradient():
    items = tf.Variable(tf.zeros((1, 2, 3)))
    with tf.GradientTape() as tape:
        scores = tf.reduce_sum(NormalizedDotProductSimilarity()([USERS[:1], items]))
    assert np.isfinite(tape.gradient(scores, items)).all()


@pytest.mark.parametrize(
    "shapes", [((4, 3), (4, 3)), ((4, 3), (2, 5, 3)), ((1, 3), (4, 5, 3)), ((4, 3), (4, 5, 2)), ((4, 2, 3), (4, 5, 3))]
)
def test_shapes_that_could_be_broadcast_into_nonsense_are_refused(shapes):
    with pytest.raises(ValueError, match="are needed"):
        NormalizedDotProductSimilarity()([np.zeros(shape, np.float32) for shape in shapes])


def test_a_mode_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="cosine, scaled, dot"):
        NormalizedDotProductSimilarity("euclid")
