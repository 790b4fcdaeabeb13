"""Claims about `models.content.pair_network`."""

from __future__ import annotations

import numpy as np

from models.content.pair_network import PairNetwork, best_candidates, traded_places

SCORES = np.array([[0.9, 0.1, 0.5, 0.7, 0.3], [0.2, 0.2, 0.8, 0.4, 0.6]], np.float32)


def test_candidates_are_the_best_of_what_is_open_to_a_user() -> None:
    """Best first, equals by number, and what is closed comes last."""
    closed = np.zeros(SCORES.shape, np.bool_)
    assert best_candidates(SCORES, ~closed, 3).tolist() == [[0, 3, 2], [2, 4, 3]]
    closed[0, 0] = True
    assert best_candidates(SCORES, ~closed, 3)[0].tolist() == [3, 2, 4]
    assert best_candidates(SCORES, ~closed, 9)[1].tolist() == [2, 4, 3, 0, 1]


def test_candidates_trade_their_scores_and_nothing_else_moves() -> None:
    """The order turned round by hand; what is closed to a user keeps its score even where candidates are too few."""
    every = np.ones(SCORES.shape, np.bool_)
    candidates = best_candidates(SCORES, every, 3)
    turned = traded_places(SCORES, candidates, np.array([[1, 2, 3]] * 2, np.float32), every)
    np.testing.assert_array_equal(turned, np.array([[0.5, 0.1, 0.9, 0.7, 0.3], [0.2, 0.2, 0.4, 0.8, 0.6]], np.float32))
    few = every.copy()
    few[0, [0, 1, 4]] = False
    turned = traded_places(SCORES, best_candidates(SCORES, few, 3), np.array([[1, 2, 3]] * 2, np.float32), few)
    np.testing.assert_array_equal(turned[0], np.array([0.9, 0.1, 0.7, 0.5, 0.3], np.float32))


def test_the_network_is_a_hidden_layer_over_both_vectors_and_their_product() -> None:
    """Pair by pair and written down plainly, the score is the same, and negative scores are not cut off."""
    rng = np.random.default_rng(0)
    network = PairNetwork(*(rng.normal(size=shape).astype(np.float32) for shape in ((9, 7), (7,), (7, 1))))
    users, items = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=(4, 5, 3)).astype(np.float32)
    expected = [[np.maximum(np.concatenate([user, item, user * item]) @ network.kernel + network.bias, 0) @ network.last[:, 0]
                 for item in of_user] for user, of_user in zip(users, items, strict=True)]  # fmt: skip
    np.testing.assert_allclose(network(users, items), expected, rtol=1e-4, atol=1e-5)
    assert network(users, items).min() < 0
