"""Claims about `models.collaborative.rating_factors`."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from models.collaborative.rating_factors import RatingFactors
from models.collaborative.rating_head import Head, output, slope

RNG = np.random.default_rng(3)
FACTORS = RatingFactors(RNG.normal(size=(30, 4)).astype(np.float32), RNG.normal(scale=0.3, size=30).astype(np.float32), 0.2)
PRESENT = RNG.random((12, 30)) < np.linspace(0, 0.9, 12)[:, None]
NONE = np.zeros(0, np.int64)


def targets(head: Head) -> sp.csr_matrix:
    """Return what users of a known taste say, for the pairs that are present, some of it exactly zero."""
    said = output(FACTORS.sums(RNG.normal(size=(12, 5)).astype(np.float32)), head)
    user, item = np.nonzero(PRESENT)
    return sp.csr_matrix((np.where(user % 3, said[user, item], 0), (user, item)), shape=PRESENT.shape, dtype=np.float32)


def test_a_linear_head_gives_the_ridge_regression() -> None:
    """User by user and written down densely, the same vectors and biases come out; who rated nothing is all zeros."""
    told = targets("linear")
    found = FACTORS.describe(told, "linear", 0.1, NONE)
    directions = np.hstack([FACTORS.vectors, np.ones((30, 1))]).astype(float)
    for user, rated in enumerate(PRESENT):
        rest = told.toarray()[user, rated] - FACTORS.bias[rated] - FACTORS.overall
        normal = directions[rated].T @ directions[rated] + 0.1 * rated.sum() * np.eye(5)
        expected = np.linalg.solve(normal, directions[rated].T @ rest) if rated.any() else np.zeros(5)
        np.testing.assert_allclose(found[user], expected, atol=1e-4)


@pytest.mark.parametrize("head", ["sigmoid", "tanh"])
def test_a_bounded_head_ends_where_its_error_no_longer_falls(head: Head) -> None:
    """At what is found the gradient of the penalised error is a small part of what it was at the start."""
    told = targets(head)
    found = FACTORS.describe(told, head, 0.1, NONE)
    directions = np.hstack([FACTORS.vectors, np.ones((30, 1), np.float32)])

    def gradient(users: np.ndarray) -> np.ndarray:
        said = output(FACTORS.sums(users), head)
        error = np.where(PRESENT, said - told.toarray(), 0)
        return (error * slope(said, head)) @ directions + 0.1 * PRESENT.sum(axis=1)[:, None] * users

    assert np.abs(gradient(found)).max() < 0.05 * np.abs(gradient(np.zeros_like(found))).max()


def test_untouched_items_weigh_as_much_as_the_likes() -> None:
    """Where only likes are known it is the regression with every item that is not liked as a zero, all zeros together as many as likes."""
    likes = sp.csr_matrix(PRESENT, dtype=np.float32)
    found = FACTORS.describe(likes, "linear", 0.1, np.arange(30))
    directions = np.hstack([FACTORS.vectors, np.ones((30, 1))]).astype(float)
    for user, liked in enumerate(PRESENT):
        if liked.any():
            weight = np.where(liked, 1, liked.sum() / max(1, (~liked).sum()))
            rest = liked - FACTORS.bias - FACTORS.overall
            normal = directions.T @ (weight[:, None] * directions) + 0.1 * weight.sum() * np.eye(5)
            np.testing.assert_allclose(found[user], np.linalg.solve(normal, directions.T @ (weight * rest)), atol=1e-4)
