"""Claims about `models.collaborative.spectral`."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from models.collaborative import spectral
from models.collaborative.spectral import Spectral, SpectralConfig, neighbourhoods, normalised, smoothest
from tests.worlds import World, interactions, strangers, training_data


def plain_scores(likes: NDArray[np.bool_], rank: int, low_pass_weight: float) -> NDArray[np.float64]:
    """Compute GF-CF as its article prints it: dense matrices and a full singular value decomposition."""
    by_user, by_item = (np.diag(1 / np.sqrt(np.maximum(likes.sum(axis=axis), 1))) for axis in (1, 0))
    graph = by_user @ likes @ by_item
    smooth = np.linalg.svd(graph)[2][:rank].T
    low_pass = by_item @ smooth @ smooth.T @ np.linalg.inv(by_item)
    return likes @ (graph.T @ graph + low_pass_weight * low_pass)


@pytest.mark.parametrize("rows_at_once", [5, 1024])
def test_scores_are_those_of_the_article(rows_at_once: int, two_tastes: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all neighbours kept, sparse products and a randomised basis give what dense matrices give."""
    monkeypatch.setattr(spectral, "ROWS_AT_ONCE", rows_at_once)
    likes = two_tastes.data.interactions.positives().toarray() > 0
    scorer = Spectral(SpectralConfig(neighbours=len(likes), rank=2, low_pass_weight=0.7)).fit(two_tastes.data, seed=5)
    np.testing.assert_allclose(scorer.score(two_tastes.everybody), plain_scores(likes, 2, 0.7), atol=1e-4)


def test_the_smoothest_directions_are_the_leading_singular_vectors() -> None:
    """On a graph with more directions than are drawn, the randomised basis still finds the clear ones."""
    rng = np.random.default_rng(8)
    left, right = np.linalg.qr(rng.standard_normal((200, 60)))[0], np.linalg.qr(rng.standard_normal((90, 60)))[0]
    strengths = np.append([1, 0.9, 0.8, 0.7], np.full(56, 0.1))
    graph = sp.csr_matrix(((left * strengths) @ right.T).astype(np.float32))
    found = smoothest(graph, rank=4, seed=0)
    np.testing.assert_allclose(np.abs(found.T @ right[:, :4]), np.eye(4), atol=1e-3)


def test_a_part_of_the_users_has_the_directions_of_all() -> None:
    """Two tastes of two hundred users show in the likes of twenty of them, whoever these are."""
    graph = sp.csr_matrix(np.kron(np.eye(2), np.ones((100, 3))), dtype=np.float32)
    found = smoothest(graph, rank=2, seed=0, at_most=60)
    np.testing.assert_allclose(found @ found.T, np.kron(np.eye(2), np.full((3, 3), 1 / 3)), atol=1e-5)


def test_a_graph_of_low_rank_has_no_more_directions_than_that() -> None:
    """Asked for more directions than there are, the basis holds those there are and no noise."""
    graph = sp.csr_matrix(np.kron(np.eye(2), np.ones((4, 3))), dtype=np.float32)
    found = smoothest(graph, rank=5, seed=0)
    assert found.shape == (6, 2)
    np.testing.assert_allclose(found @ found.T, np.kron(np.eye(2), np.full((3, 3), 1 / 3)), atol=1e-5)


def test_an_item_keeps_its_strongest_neighbours_and_all_that_tie_with_the_last() -> None:
    """Each column holds its strongest entries; where several are the weakest kept, none is preferred by its number."""
    graph = normalised(sp.csr_matrix(np.random.default_rng(3).random((50, 20)) < 0.3, dtype=np.float32))
    whole, found = (graph.T @ graph).toarray(), neighbourhoods(graph, 4).toarray()
    for item in range(20):
        threshold = np.sort(whole[:, item])[-4]
        np.testing.assert_allclose(found[:, item], np.where(whole[:, item] >= threshold, whole[:, item], 0), rtol=1e-5)
    twins = sp.csr_matrix(np.ones((3, 5), np.float32))
    assert neighbourhoods(twins, 2).nnz == 25


def test_similarity_is_what_one_like_scores(two_tastes: World) -> None:
    """A user of one like gets that item's similarities as scores, exactly what `because` explains."""
    scorer = Spectral(SpectralConfig(neighbours=6, rank=3)).fit(two_tastes.data, seed=0)
    everything = np.arange(two_tastes.data.interactions.n_items)
    one_like_each = strangers(sp.csr_matrix(np.eye(len(everything), dtype=np.float32)))
    np.testing.assert_allclose(scorer.score(one_like_each), scorer.similarity(everything, everything).T, atol=1e-6)


def test_who_learns_anew_forgets_what_it_had_learned(two_tastes: World, checkerboard: World) -> None:
    """Scored with in between or not, a second fit ends where a first one would."""
    again, users = Spectral(SpectralConfig(rank=3)).fit(checkerboard.data, seed=0), two_tastes.everybody
    again.score(checkerboard.everybody)
    np.testing.assert_array_equal(
        again.fit(two_tastes.data, 0).score(users), Spectral(SpectralConfig(rank=3)).fit(two_tastes.data, 0).score(users)
    )


def test_a_large_sparse_catalogue_needs_no_matrix_of_all_pairs() -> None:
    """Two hundred thousand items, whose pairs would fill 160 GB, are fitted and scored a user at a time."""
    rng = np.random.default_rng(1)
    n_users, n_items = 300, 200_000
    user, item = np.repeat(np.arange(n_users), 6), rng.integers(0, n_items, n_users * 6)
    data = training_data(interactions(*np.unique(np.stack([user, item]), axis=1), (n_users, n_items)))
    scorer = Spectral(SpectralConfig(rank=4)).fit(data, seed=0)
    assert scorer.score(data.block(slice(0, 1), data.interactions.histories())).shape == (1, n_items)
