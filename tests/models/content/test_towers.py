"""Claims about `models.content.towers`, beyond the contract of all scorers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from models.content.towers import Towers, TowersConfig
from models.scorer import Described
from tests.worlds import Newcomers, World

SMALL = TowersConfig(embedding_size=8, hidden=(16,), batch_size=64, learning_rate=0.01)


@pytest.fixture(scope="module")
def towers(newcomers: Newcomers) -> Towers:
    """Return towers fitted to the world with newcomers."""
    return Towers(SMALL).fit(newcomers.data, seed=3)


def test_a_new_item_suits_those_whose_taste_it_is(towers: Towers, newcomers: Newcomers) -> None:
    """An item nobody has touched comes before all items of the other taste for everyone of its own, and after them for the others."""
    scores = towers.score(newcomers.everybody)
    new, other_taste = scores[:, newcomers.new_item], scores[:, newcomers.item_group == 1]
    assert (new > other_taste.max(axis=1))[newcomers.user_group == 0].all()
    assert (new < other_taste.min(axis=1))[newcomers.user_group == 1].all()


def test_a_new_user_is_served_by_their_features(towers: Towers, newcomers: Newcomers) -> None:
    """A user without any history, of whom the taste is known, gets that taste's items first."""
    scores = towers.score(newcomers.everybody)[newcomers.new_user]
    group = newcomers.item_group
    assert scores[group == 0].min() > scores[group == 1].max()


def test_a_new_item_resembles_the_items_of_its_taste(towers: Towers, newcomers: Newcomers) -> None:
    """Similarity is not limited to items that anybody likes."""
    group = newcomers.item_group
    cosine = towers.similarity(np.array([newcomers.new_item]), np.arange(len(group)))[0]
    assert cosine[group == 0].min() > cosine[group == 1].max()


def test_more_columns_than_the_towers_read_are_reduced(two_tastes: World) -> None:
    """Tastes hidden in hundreds of words are found all the same."""
    rng = np.random.default_rng(8)
    of_taste = np.arange(300) % 2 == two_tastes.item_group[:, None]
    words = sp.csr_matrix(rng.random(of_taste.shape) < np.where(of_taste, 0.1, 0.02), dtype=np.float32)
    config = SMALL.model_copy(update={"input_size": 8})
    scores = Towers(config).fit(replace(two_tastes.data, items=Described.by(words)), seed=3).score(two_tastes.everybody)
    by_taste = np.stack([scores[:, two_tastes.item_group == taste].mean(axis=1) for taste in (0, 1)], axis=1)
    np.testing.assert_array_equal(by_taste.argmax(axis=1), two_tastes.user_group)


def test_the_loss_of_each_epoch_is_kept(towers: Towers) -> None:
    """The curve has a value for every epoch that was trained, and falls."""
    loss = towers.curves()["loss"]
    assert 1 < len(loss) <= SMALL.epochs
    assert loss[-1] < loss[0]


def test_configurations_are_read_without_loading_tensorflow() -> None:
    """Settings import every configuration at the start of a command, which has no seconds to spare."""
    code = "import sys, models.content.towers, models.blend_training; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
