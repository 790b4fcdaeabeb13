"""Claims about `models.content.content_knn`, beyond the contract of all scorers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from models.content.content_knn import ContentKnn, ContentKnnConfig
from models.scorer import Described
from tests.worlds import Newcomers, World, interactions

SMALL = ContentKnnConfig(embedding_size=6)


@pytest.fixture(scope="module")
def neighbours(newcomers: Newcomers) -> ContentKnn:
    """Return content neighbours fitted to the world with newcomers."""
    return ContentKnn(SMALL).fit(newcomers.data, seed=3)


def test_a_new_item_suits_those_whose_taste_it_is(neighbours: ContentKnn, newcomers: Newcomers) -> None:
    """An item nobody has touched scores like the others of its taste: they have the same features."""
    scores = neighbours.score(newcomers.everybody)
    of_taste = np.flatnonzero(newcomers.item_group == 0)
    np.testing.assert_allclose(scores[:, newcomers.new_item], scores[:, of_taste[0]], rtol=1e-5)
    liking = (newcomers.user_group == 0) & neighbours.knows_user(newcomers.everybody)
    assert (scores[:, newcomers.new_item] > scores[:, newcomers.item_group == 1].mean(axis=1))[liking].all()


def test_features_that_no_taste_follows_do_not_bring_items_near(two_tastes: World) -> None:
    """Items share a cover colour far more often than a taste; only the taste makes them near."""
    taste = two_tastes.item_group[:, None] == np.arange(2)
    colour = np.arange(len(taste))[:, None] % 2 == np.arange(2)
    described = Described.by(sp.csr_matrix(np.hstack([taste, 3 * colour]), dtype=np.float32))
    everything = np.arange(len(taste))
    near = ContentKnn(SMALL).fit(replace(two_tastes.data, items=described), seed=0).similarity(everything, everything)
    of_taste = two_tastes.item_group[:, None] == two_tastes.item_group
    of_colour = colour[:, :1] == colour[:, 0]
    assert near[of_taste & ~of_colour].min() > near[~of_taste & of_colour].max()


def test_the_latest_like_counts_most(two_tastes: World) -> None:
    """Whoever turned from one taste to the other gets the newer one first, and both alike if all likes count alike."""
    first, second = (int(np.flatnonzero(two_tastes.item_group == taste)[0]) for taste in (0, 1))
    turned = interactions([0, 0], [first, second], (1, len(two_tastes.item_group)), age_days=[30, 0])
    user = replace(two_tastes.data, users=two_tastes.data.users[:1]).block(slice(0, 1), turned.histories())
    gap = {}
    for half_life in (1.0, None):
        config = SMALL.model_copy(update={"half_life_likes": half_life})
        scores = ContentKnn(config).fit(two_tastes.data, seed=0).score(user)[0]
        gap[half_life] = scores[two_tastes.item_group == 1].mean() - scores[two_tastes.item_group == 0].mean()
    assert gap[1.0] > abs(gap[None])


def test_scores_are_the_mean_of_similarities(neighbours: ContentKnn, newcomers: Newcomers) -> None:
    """What is said of an item can be split exactly into what each like adds: the reason that can be shown."""
    users = replace(newcomers.everybody, recent=np.full_like(newcomers.everybody.recent, -1))
    everything = np.arange(len(newcomers.item_group))
    likes = users.history.toarray()
    expected = likes @ neighbours.similarity(everything, everything).T / np.maximum(likes.sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(neighbours.score(users), expected, atol=1e-5)
