"""Claims about `models.content.tower_samples`."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models.content.tower_samples import Samples

N_USERS, N_ITEMS, N_COLUMNS = 30, 20, 4


@pytest.fixture
def samples() -> Samples:
    """Return likes by chance; user 0 has one like and nothing else, user 1 one like and features, users from 2 on several likes."""
    rng = np.random.default_rng(2)
    likes = rng.random((N_USERS, N_ITEMS)) < 0.3
    likes[:2] = False
    likes[0, 3] = likes[1, 5] = True
    likes[2:, :2] = True
    known = np.zeros((N_USERS, 2), np.float32)
    known[1::2] = rng.normal(size=known[1::2].shape)
    return Samples(sp.csr_matrix(likes, dtype=np.float32), rng.normal(size=(N_ITEMS, N_COLUMNS)).astype(np.float32), known)


def test_the_liked_item_is_no_part_of_the_taste_it_is_learned_with(samples: Samples) -> None:
    """A user is shown as the mean of everything else they like; an item that described itself would teach nothing but to copy."""
    rows = np.arange(len(samples))
    batch = samples.batch(rows, np.zeros(len(rows), np.bool_))
    likes = samples.likes.toarray() > 0
    for row, (user, item) in enumerate(zip(samples.user, batch.candidates, strict=True)):
        others = np.setdiff1d(np.flatnonzero(likes[user]), item)
        taste = samples.item_inputs[others].mean(axis=0) if len(others) else np.zeros(N_COLUMNS)
        np.testing.assert_allclose(batch.user_inputs[row], np.append(taste, samples.known[user]), atol=1e-5)


def test_a_like_is_learned_from_only_if_something_else_is_known_of_its_user(samples: Samples) -> None:
    """An only like says nothing without its user's features, and is the best there is to learn them with."""
    assert not (samples.user == 0).any()
    assert (samples.user == 1).sum() == 1
    assert len(samples) == samples.likes.nnz - 1


def test_what_the_user_likes_as_well_is_no_negative(samples: Samples) -> None:
    """Every other liked item of the batch, and the same item drawn twice, is left out; the like itself always counts."""
    rows = np.random.default_rng(3).integers(len(samples), size=40)
    batch = samples.batch(rows, np.zeros(40, np.bool_))
    likes = samples.likes.toarray() > 0
    expected = [[row != column and likes[samples.user[rows[row]], batch.candidates[column]] for column in range(40)] for row in range(40)]
    np.testing.assert_array_equal(batch.excluded, expected)
    np.testing.assert_array_equal(batch.target, np.arange(40))
    np.testing.assert_array_equal(batch.user, samples.user[rows])


def test_the_whole_catalogue_can_be_what_a_like_is_told_from(samples: Samples) -> None:
    """Then every item of it is a candidate once and for certain, and what the user likes as well is still no negative."""
    catalogue = np.setdiff1d(np.arange(N_ITEMS), np.setdiff1d([7, 11], samples.item)).astype(np.int32)
    full = Samples(samples.likes, samples.item_inputs, samples.known, catalogue)
    rows = np.arange(len(full))
    batch = full.batch(rows, np.zeros(len(rows), np.bool_))
    np.testing.assert_array_equal(batch.candidates, catalogue)
    np.testing.assert_array_equal(batch.candidates[batch.target], full.item)
    assert not batch.log_chance.any()
    likes = samples.likes.toarray() > 0
    expected = likes[full.user][:, catalogue] & (catalogue != full.item[:, None])
    np.testing.assert_array_equal(batch.excluded, expected)


def test_the_chance_of_items_is_how_often_they_are_drawn(samples: Samples) -> None:
    """The chances of all items that can be drawn add up to one, and popular items have more."""
    counts = np.bincount(samples.item, minlength=N_ITEMS)
    chance = np.exp(samples.log_chance[counts > 0].astype(np.float64))
    np.testing.assert_allclose(chance, counts[counts > 0] / len(samples), rtol=1e-5)


def test_every_sample_comes_once_before_any_comes_again(samples: Samples) -> None:
    """An epoch shows all likes; what does not fill a batch waits for the next order."""
    batches = samples.batches(len(samples) // 2, 0.0, np.random.default_rng(0))
    drawn = np.concatenate([next(batches).candidates for _ in range(2)])
    missed = np.bincount(samples.item, minlength=N_ITEMS) - np.bincount(drawn, minlength=N_ITEMS)
    assert missed.min() >= 0
    assert missed.sum() == len(samples) % 2


def test_a_cold_sample_shows_features_alone(samples: Samples) -> None:
    """History is withheld from those of whom something else is known, and from nobody else."""
    batch = samples.batch(np.arange(len(samples)), np.ones(len(samples), np.bool_))
    has_features = samples.known[samples.user].any(axis=1)
    assert not batch.user_inputs[has_features, :N_COLUMNS].any()
    assert batch.user_inputs[~has_features, :N_COLUMNS].any(axis=1).all()
