"""Claims about `models.collaborative.nmf`, beyond the contract of all scorers."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models.collaborative.nmf import Nmf, NmfConfig
from models.scorer import silent
from tests.worlds import Checkerboard, World, interactions, strangers, training_data

SMALL = NmfConfig(embedding_size=3, iterations=20)


def test_nothing_is_ever_taken_away(two_tastes: World) -> None:
    """No score is negative, and no item has less than nothing of a part, so that parts can be read as tastes."""
    scores = Nmf(SMALL).fit(two_tastes.data, seed=1).score(two_tastes.everybody)
    assert scores.min() >= 0


def test_two_parts_are_the_two_colours(checkerboard: Checkerboard) -> None:
    """Where users like one colour each, two parts are enough: every item is like those of its colour and like no other."""
    everything = np.arange(len(checkerboard.item_group))
    alike = Nmf(NmfConfig(embedding_size=2, reg=0.01)).fit(checkerboard.data, seed=0).similarity(everything, everything)
    np.testing.assert_allclose(alike, checkerboard.item_group[:, None] == checkerboard.item_group, atol=0.05)


def test_the_loss_is_what_a_dense_computation_finds(two_tastes: World) -> None:
    """It falls, and ends at the share of the weighed likes that users' and items' parts leave unexplained."""
    config = NmfConfig(embedding_size=3, iterations=60, reg=0.01)
    scorer = Nmf(config).fit(two_tastes.data, seed=1)
    loss = scorer.curves()["loss"]
    assert loss == sorted(loss, reverse=True)
    likes = two_tastes.data.interactions.positives().toarray().astype(np.float64)
    n_likes = np.maximum(likes.sum(axis=0), 1)
    weighed = likes / n_likes**0.25 / np.sqrt(np.maximum(likes.sum(axis=1, keepdims=True), 1))
    explained = scorer.score(two_tastes.everybody) / n_likes**0.25
    assert loss[-1] == pytest.approx(np.square(weighed - explained).sum() / np.square(weighed).sum(), rel=0.02)


def test_items_that_everybody_likes_are_held_back() -> None:
    """Without damping the item that all like is the part that all share; damped, a niche gets one of its own."""
    rng = np.random.default_rng(0)
    likes = np.hstack([np.ones((60, 2)), rng.random((60, 6)) < np.where(np.arange(60)[:, None] < 6, 0.9, 0.0), rng.random((60, 6)) < 0.4])
    user, item = np.nonzero(likes)
    data = training_data(interactions(user, item, likes.shape))
    fan = strangers(sp.csr_matrix(np.eye(1, 14, 3, dtype=np.float32)))
    niche = []
    for damping in (0.0, 0.5):
        scores = Nmf(NmfConfig(embedding_size=2, damping=damping)).fit(data, seed=0).score(fan)[0]
        niche.append(scores[2:8].mean() / scores[:2].mean())
    assert niche[1] > niche[0]


def test_progress_counts_the_iterations(two_tastes: World) -> None:
    """Each iteration is reported, and bounded in number."""
    lines: list[str] = []
    Nmf(SMALL).fit(two_tastes.data, seed=1, progress=lines.append)
    assert len(lines) == SMALL.iterations
    assert "iteration 20 of 20" in lines[-1]
    assert len(Nmf(SMALL).fit(two_tastes.data, seed=1, progress=silent).curves()["loss"]) == SMALL.iterations
