"""Claims about `models.mixture` and the masses of `models.candidates`: planted temperatures and shares are found again."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from models.block_scores import BlockScores
from models.candidates import SHARPNESS, Candidates, collect, log_masses
from models.mixture import likelihoods, shares, temperatures

N_USERS, N_ITEMS = 3000, 80


def drawn(chances: NDArray[np.float64], seed: int) -> sp.csr_matrix:
    """Let each user go on to like one item, drawn by these chances (users, items)."""
    rng = np.random.default_rng(seed)
    items = (chances.cumsum(axis=1) > rng.random((len(chances), 1)) * chances.sum(axis=1, keepdims=True)).argmax(axis=1)
    return sp.csr_matrix((np.ones(len(items), np.float32), (np.arange(len(items)), items)), shape=chances.shape)


def gathered(z: NDArray[np.float32], targets: sp.csr_matrix, segment: NDArray[np.int16] | None = None) -> Candidates:
    block = BlockScores(z, np.ones(z.shape[:2], np.float32), np.ones(z.shape[:2], np.bool_), np.ones((len(z), z.shape[2]), np.bool_))
    segments = np.zeros(z.shape[1], np.int16) if segment is None else segment
    return collect(block, segments, np.ones(z.shape[1:], np.bool_), targets, best=10, most_targets=5)


def guesses(n_models: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n_models, N_USERS, N_ITEMS)).astype(np.float32)


def test_masses_are_sums_of_exponentials():
    """At every sharpness the mass equals a plain log-sum-exp, also where scores are large or masked."""
    z = np.random.default_rng(1).normal(0, 30, (5, 70)).astype(np.float32)
    z[:, ::3] = -np.inf
    z[4] = -np.inf
    expected = np.stack([logsumexp(z.astype(np.float64) * s, axis=1) for s in SHARPNESS], axis=1)
    np.testing.assert_allclose(log_masses(z), expected, rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.7])
def test_a_planted_temperature_is_found_again(temperature: float):
    """Where likes are drawn from a softmax of some temperature, that temperature makes them least surprising."""
    z = guesses(1, 2)
    found = temperatures(gathered(z, drawn(softmax(z[0] / temperature, axis=1), 3)))
    assert found[0] == pytest.approx(temperature, rel=0.1)


def test_a_model_that_foresees_nothing_speaks_softly():
    """Likes that have nothing to do with a model's scores make it nearly indifferent."""
    z = guesses(1, 4)
    assert temperatures(gathered(z, drawn(np.ones((N_USERS, N_ITEMS)), 5)))[0] > 3


def test_likelihoods_are_shares_of_the_whole_catalogue():
    """Among a few candidates a model's share is still taken of everything the user could be shown."""
    z = guesses(2, 6)[:, :40]
    candidates = gathered(z, drawn(softmax(z[0], axis=1), 7))
    found = likelihoods(candidates, (0.8, 1.1))
    for model, temperature in enumerate((0.8, 1.1)):
        expected = softmax(z[model].astype(np.float64) / temperature, axis=1)
        for user in range(40):
            shown = candidates.valid[user]
            item = np.array([np.flatnonzero(z[model, user] == score)[0] for score in candidates.z[model, user, shown]])
            np.testing.assert_allclose(found[model, user, shown], expected[user, item], rtol=2e-2)


def test_planted_shares_are_found_again_for_each_segment():
    """Where one segment's likes come from one model and the other's mostly from the other, each gets its own mixture."""
    z, segment = guesses(2, 8) * 2, (np.arange(N_USERS) % 2).astype(np.int16)
    planted = np.array([[0.9, 0.1], [0.3, 0.7]])
    chances = np.einsum("mui,um->ui", softmax(z.astype(np.float64), axis=2), planted[segment])
    found = shares(gathered(z, drawn(chances, 9), segment), (1.0, 1.0), 3)
    np.testing.assert_allclose(found[:2], planted, atol=0.06)
    np.testing.assert_allclose(found[2], planted.mean(axis=0), atol=0.06)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_a_user_to_whom_a_model_does_not_speak_says_nothing_about_its_share():
    """A good model that knows only half of the users gets the share it earns among those it knows."""
    z = guesses(2, 10) * 2
    chances = np.einsum("mui,m->ui", softmax(z.astype(np.float64), axis=2), np.array([0.2, 0.8]))
    candidates = gathered(z, drawn(chances, 11))
    candidates.speaks[1, ::2] = False
    candidates.z[1, ::2] = 0
    assert shares(candidates, (1.0, 1.0), 1)[0, 1] == pytest.approx(0.8, abs=0.06)


def test_newcomers_alone_have_shares_of_their_own():
    """Without anybody who has a history there are no shares of everybody to be drawn to, and none are made up of nothing."""
    z = guesses(2, 12) * 2
    chances = np.einsum("mui,m->ui", softmax(z.astype(np.float64), axis=2), np.array([0.2, 0.8]))
    candidates = gathered(z, drawn(chances, 13))
    candidates.newcomer[:] = True
    np.testing.assert_allclose(shares(candidates, (1.0, 1.0), 1)[0], [0.2, 0.8], atol=0.06)
