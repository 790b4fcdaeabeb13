"""Claims about `models.content.towers`, beyond the contract of all scorers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from models.content.towers import Towers, TowersConfig
from models.scorer import Described, TrainingData
from tests.worlds import Newcomers, World, interactions

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


def test_a_full_softmax_finds_the_tastes(newcomers: Newcomers) -> None:
    """Told from the whole catalogue instead of a batch, tastes are found as well."""
    towers = Towers(SMALL.model_copy(update={"softmax": "full"})).fit(newcomers.data, seed=3)
    scores = towers.score(newcomers.everybody)
    known = newcomers.user_group >= 0
    by_taste = np.stack([scores[:, newcomers.item_group == taste].mean(axis=1) for taste in (0, 1)], axis=1)
    np.testing.assert_array_equal(by_taste.argmax(axis=1)[known], newcomers.user_group[known])


def test_a_catalogue_too_large_for_a_full_softmax_is_said(newcomers: Newcomers) -> None:
    """The night goes on with the items of the batch, and says so."""
    lines: list[str] = []
    config = SMALL.model_copy(update={"softmax": "full", "full_up_to_items": 10, "max_steps": 1})
    Towers(config).fit(newcomers.data, seed=3, progress=lines.append)
    assert any("25 items are too many for a full softmax" in line for line in lines)


@pytest.fixture(scope="module")
def told(two_tastes: World) -> tuple[Towers, TrainingData]:
    """Return towers that could learn tastes from the order of two words alone, and what they learned from.

    Every item has the same feature and the words 1 and 2: a taste is which comes first. So it is with users, whose words are 3 and 4.
    """
    items, users = (
        Described.by(
            sp.csr_matrix(np.ones((len(group), 1), np.float32)),
            words=np.where(group[:, None] == 0, [[a, b, -1]], [[b, a, -1]]).astype(np.int32),
        )
        for group, (a, b) in ((two_tastes.item_group, (1, 2)), (two_tastes.user_group, (3, 4)))
    )
    data = replace(two_tastes.data, items=items, users=users)
    config = SMALL.model_copy(update={"text_filters": 8, "dropout": 0.0, "learning_rate": 0.03, "epochs": 20})
    return Towers(config).fit(data, seed=3), data


def test_texts_are_read_word_by_word(told: tuple[Towers, TrainingData], two_tastes: World) -> None:
    """Tastes that only the order of words tells are found, in items and in users."""
    towers, data = told
    scores = towers.score(data.block(slice(None), data.interactions.histories()))
    by_taste = np.stack([scores[:, two_tastes.item_group == taste].mean(axis=1) for taste in (0, 1)], axis=1)
    np.testing.assert_array_equal(by_taste.argmax(axis=1), two_tastes.user_group)


def test_towers_that_read_come_back_from_their_folder(told: tuple[Towers, TrainingData], tmp_path: Path) -> None:
    """Loaded, they give the same scores, also where texts are padded further."""
    towers, data = told
    towers.save(tmp_path)
    users = data.block(slice(None), data.interactions.histories())
    expected = towers.score(users)
    np.testing.assert_array_equal(Towers.load(tmp_path).score(users), expected)
    longer = replace(users.described, words=np.pad(users.described.words, ((0, 0), (0, 5)), constant_values=-1))
    np.testing.assert_allclose(towers.score(replace(users, described=longer)), expected, atol=1e-5)


def test_likes_of_items_without_features_are_no_part_of_a_taste(newcomers: Newcomers, towers: Towers) -> None:
    """Whoever also likes what cannot be described is learned from as if they did not."""
    happened = newcomers.data.interactions
    user, item = (np.append(happened.user, np.arange(20)), np.append(happened.item, np.full(20, newcomers.blank_item)))
    liked, age_days = (np.append(happened.positive, np.ones(20, np.bool_)), np.append(happened.age_days, np.zeros(20)))
    also = interactions(user, item, (happened.n_users, happened.n_items), liked, age_days)
    again = Towers(SMALL).fit(replace(newcomers.data, interactions=also), seed=3)
    np.testing.assert_array_equal(again.score(newcomers.everybody), towers.score(newcomers.everybody))


def test_the_loss_of_each_epoch_is_kept(towers: Towers) -> None:
    """The curve has a value for every epoch that was trained, and falls."""
    loss = towers.curves()["loss"]
    assert 1 < len(loss) <= SMALL.epochs
    assert loss[-1] < loss[0]


def test_configurations_are_read_without_loading_tensorflow() -> None:
    """Settings import every configuration at the start of a command, which has no seconds to spare."""
    code = "import sys, models.content.towers, models.blend_training; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
