"""Claims about `models.collaborative.ease`."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from models.collaborative import ease
from models.collaborative.ease import Ease, EaseConfig, votes
from tests.worlds import World, interactions, strangers, training_data


def plain_votes(positives: NDArray[np.float64], reg: float) -> NDArray[np.float64]:
    """Solve EASE^R as its article prints it, with a general inverse of the whole matrix."""
    inverse = np.linalg.inv(positives.T @ positives + reg * np.eye(positives.shape[1]))
    solved = np.eye(len(inverse)) - inverse / np.diag(inverse)
    np.fill_diagonal(solved, 0)
    return solved


@pytest.mark.parametrize("rows_at_once", [1, 7, 1024])
def test_votes_are_those_of_the_article(rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a Gram matrix, Cholesky and mirrored blocks, of whatever size, give what a plain inverse gives."""
    monkeypatch.setattr(ease, "ROWS_AT_ONCE", rows_at_once)
    likes = np.random.default_rng(2).random((60, 23)) < 0.3
    found = votes(sp.csr_matrix(likes, dtype=np.float32), reg=5.0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain_votes(likes.astype(float), 5.0), atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_users=st.integers(1, 30), n_items=st.integers(1, 12), reg=st.floats(0.5, 500))
def test_scores_are_those_of_the_article_on_known_items(seed: int, n_users: int, n_items: int, reg: float) -> None:
    """Items that nobody likes are left out of the solution and score nothing; all others score as if alone in the catalogue."""
    likes = np.random.default_rng(seed).random((n_users, n_items)) < 0.25
    data = training_data(interactions(*np.nonzero(likes), likes.shape))
    scorer = Ease(EaseConfig(reg=reg)).fit(data, seed=0)
    known = likes.any(axis=0)
    np.testing.assert_array_equal(scorer.knows_item, known)
    expected = np.zeros(likes.shape)
    expected[:, known] = likes[:, known] @ plain_votes(likes[:, known].astype(float), reg)
    found = scorer.score(data.block(slice(None), data.interactions.histories()))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_similarity_is_what_one_more_like_adds(two_tastes: World) -> None:
    """Liking one item more raises each score by that item's similarity, exactly what `because` explains."""
    scorer = Ease(EaseConfig(reg=2.0)).fit(two_tastes.data, seed=0)
    n_items = two_tastes.data.interactions.n_items
    each = strangers(sp.csr_matrix(np.eye(n_items, dtype=np.float32)))
    everything = np.arange(n_items)
    np.testing.assert_allclose(scorer.score(each), scorer.similarity(everything, everything).T, atol=1e-6)


def test_no_item_votes_for_itself(two_tastes: World) -> None:
    """The diagonal is zero: without that, the best solution would be to copy the history."""
    everything = np.arange(two_tastes.data.interactions.n_items)
    assert not np.diag(Ease().fit(two_tastes.data, seed=0).similarity(everything, everything)).any()


def test_a_penalty_lost_in_rounding_says_so() -> None:
    """Two items liked by exactly the same many people cannot be told apart without a penalty that float32 can see."""
    twins = sp.csr_matrix(np.ones((2000, 2), np.float32))
    with pytest.raises(LinAlgError, match="raise `reg` of ease"):
        votes(twins, reg=1e-6)
