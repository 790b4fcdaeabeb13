from __future__ import annotations

import numpy as np
import pytest

from models.layers import CosineSimilarityExplainer, NormalizedDotProductSimilarity

rng = np.random.default_rng(0)
HISTORY = rng.normal(size=(3, 4, 5)).astype(np.float32)
ITEMS = rng.normal(size=(3, 6, 5)).astype(np.float32)


@pytest.mark.parametrize("user", [HISTORY[:, 0], HISTORY[:, :1]], ids=["(batch, size)", "(batch, 1, size)"])
def test_it_returns_the_cosines_that_the_similarity_layer_ranks_by(user):
    expected = NormalizedDotProductSimilarity("cosine")([HISTORY[:, 0], ITEMS])
    np.testing.assert_allclose(CosineSimilarityExplainer()([user, ITEMS]), expected, atol=1e-6)


def test_contributions_of_the_liked_items_add_up_to_the_similarity():
    """An explanation is the score's own: what the parts bring is all there is."""
    similarities, contributions = CosineSimilarityExplainer(return_contributions=True)([HISTORY, ITEMS])
    user = HISTORY.sum(axis=1)
    cosines = np.einsum("bd,bnd->bn", user, ITEMS) / np.linalg.norm(user, axis=1)[:, None] / np.linalg.norm(ITEMS, axis=2)
    np.testing.assert_allclose(similarities, cosines, atol=1e-5)
    np.testing.assert_allclose(np.sum(contributions, axis=2), cosines, atol=1e-5)


def test_the_largest_contribution_names_the_liked_item_behind_a_recommendation():
    """Somebody who liked a thing of the first kind and one of the second gets one of the second because of the second."""
    history = np.eye(2, 3, dtype=np.float32)[None]
    _, contributions = CosineSimilarityExplainer(return_contributions=True)([history, np.array([[[0.1, 0.9, 0.0]]], np.float32)])
    assert np.argmax(contributions[0, 0]) == 1


def test_padding_in_the_history_adds_nothing_and_changes_nothing():
    explain = CosineSimilarityExplainer(return_contributions=True)
    padded = np.concatenate([HISTORY, np.zeros((3, 2, 5), np.float32)], axis=1)
    np.testing.assert_allclose(explain([padded, ITEMS])[0], explain([HISTORY, ITEMS])[0], atol=1e-6)
    np.testing.assert_array_equal(explain([padded, ITEMS])[1][..., 4:], 0)


def test_vectors_of_zeros_are_similar_to_nothing():
    similarities, contributions = CosineSimilarityExplainer(True)([HISTORY * 0, ITEMS])
    assert not np.any(similarities)
    assert not np.any(contributions)


@pytest.mark.parametrize("shapes", [((3, 5), (3, 5)), ((3, 5), (2, 6, 5)), ((1, 5), (3, 6, 5)), ((3, 4), (3, 6, 5))])
def test_shapes_that_do_not_belong_together_are_refused(shapes):
    with pytest.raises(ValueError, match="needed"):
        CosineSimilarityExplainer()([np.zeros(shape, np.float32) for shape in shapes])
