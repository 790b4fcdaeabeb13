"""Claims about `models.collaborative.als`."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.collaborative.als import Als, AlsConfig
from models.drawn_users import some_users
from tests.worlds import Newcomers, World

CONFIG = AlsConfig(embedding_size=4, alpha=8.0, reg=0.05, iterations=5)


def plain_half_step(likes: NDArray[np.bool_], vectors: NDArray[np.float64], config: AlsConfig) -> NDArray[np.float64]:
    """Solve every row of `likes` for the vectors of its columns, one dense weighted ridge regression at a time."""
    solved = np.zeros((len(likes), vectors.shape[1]))
    for row, liked in enumerate(likes):
        if liked.any():
            confidence = np.diag(1 + config.alpha * liked)
            normal = vectors.T @ confidence @ vectors + config.reg * config.alpha * liked.sum() * np.eye(vectors.shape[1])
            solved[row] = np.linalg.solve(normal, vectors.T @ confidence @ liked)
    return solved


def plain_loss(likes: NDArray[np.bool_], users: NDArray[np.float64], items: NDArray[np.float64], config: AlsConfig) -> float:
    """Add up the squared error of every cell and the penalty of every vector."""
    error = (1 + config.alpha * likes) * (likes - users @ items.T) ** 2
    penalties = (
        config.reg * config.alpha * likes.sum(axis=1 - side) @ (vectors**2).sum(axis=1) for side, vectors in enumerate((users, items))
    )
    return float(error.sum() + sum(penalties)) / likes.sum()


@pytest.mark.parametrize("early_likes", [60, 10_000], ids=["early iterations hear few users", "all hear everybody"])
def test_training_is_what_a_slow_loop_computes(early_likes: int, two_tastes: World) -> None:
    """From the same start, dense regressions user by user and item by item end at the same scores, by the same losses."""
    likes, rng = two_tastes.data.interactions.positives().toarray() > 0, np.random.default_rng(9)
    drawn = rng.standard_normal((likes.shape[1], CONFIG.embedding_size), dtype=np.float32)
    items = drawn.astype(float) * likes.any(axis=0)[:, None] * 0.1 / np.sqrt(CONFIG.embedding_size)
    early = some_users(two_tastes.data.interactions.positives(), early_likes, rng).toarray() > 0
    assert (len(early) < len(likes)) == (early_likes == 60)
    losses = []
    for iteration in range(CONFIG.iterations):
        heard = likes if iteration >= CONFIG.iterations - CONFIG.warm_iterations else early
        users = plain_half_step(heard, items, CONFIG)
        items = plain_half_step(heard.T, users, CONFIG)
        losses.append(plain_loss(heard, users, items, CONFIG))
    scorer = Als(CONFIG.model_copy(update={"early_likes": early_likes})).fit(two_tastes.data, seed=9)
    np.testing.assert_allclose(scorer.score(two_tastes.everybody), plain_half_step(likes, items, CONFIG) @ items.T, atol=2e-3)
    np.testing.assert_allclose(scorer.curves()["loss"], losses, rtol=1e-4)


def test_the_loss_never_rises(two_tastes: World) -> None:
    """Each half-step solves its side exactly, so an iteration can only lower the loss, and progress tells each one."""
    told: list[str] = []
    scorer = Als(AlsConfig(embedding_size=4, iterations=12)).fit(two_tastes.data, seed=0, progress=told.append)
    loss = np.array(scorer.curves()["loss"])
    assert (np.diff(loss) <= 1e-5).all()
    assert len(told) == len(loss) == 12


def test_another_seed_draws_another_start(two_tastes: World) -> None:
    """The seed decides where the items' vectors start, and nothing else is random."""
    first, again, other = (Als(CONFIG).fit(two_tastes.data, seed=seed).item_factors for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_scores_are_products_of_the_factors_it_exposes(newcomers: Newcomers) -> None:
    """Whoever searches by inner product finds what scoring everything finds."""
    scorer = Als(CONFIG).fit(newcomers.data, seed=1)
    users = newcomers.everybody
    np.testing.assert_array_equal(scorer.user_factors(users) @ scorer.item_factors.T, scorer.score(users))


def test_an_item_is_most_like_itself(two_tastes: World) -> None:
    """Similarity is a cosine: one with itself, and never more with another."""
    scorer = Als(CONFIG).fit(two_tastes.data, seed=1)
    known = np.flatnonzero(scorer.knows_item)
    similarity = scorer.similarity(known, known)
    np.testing.assert_allclose(np.diag(similarity), 1, atol=1e-5)
    assert similarity.max() == pytest.approx(1, abs=1e-5)
