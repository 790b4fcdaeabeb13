import numpy as np
import pytest
import scipy.sparse as sp

from models.blend import Blend
from models.block_scores import BlockScores, Panel
from models.top_k import ScoreError, top_k
from tests.models.made_up import Multiplied, Told
from tests.worlds import strangers

SEGMENTS = ("few", "many")
rng = np.random.default_rng(1)


def block(n_models: int = 3, n_users: int = 6, n_items: int = 40) -> BlockScores:
    """Random scores: the last model knows no item of the first ten, and the second nothing of user 2."""
    user_speaks, item_speaks = np.ones((n_models, n_users), np.bool_), np.ones((n_models, n_items), np.bool_)
    item_speaks[-1, :10] = False
    if n_models > 1:
        user_speaks[1, 2] = False
    z = rng.normal(size=(n_models, n_users, n_items)).astype(np.float32) * (user_speaks[:, :, None] & item_speaks[:, None, :])
    return BlockScores(z, np.ones(z.shape[:2], np.float32), user_speaks, item_speaks)


def blend(*weights: float) -> Blend:
    names = ("ease", "towers", "popularity")[: len(weights)]
    families = ("collaborative", "content", "knowledge")[: len(weights)]
    return Blend(names, families, SEGMENTS, np.tile(np.array(weights), (2, 1)))


def test_one_model_alone_ranks_as_it_does_itself():
    scored = block(1)
    scores = blend(1.0).scores(scored, np.zeros(6, np.int16))
    np.testing.assert_array_equal(np.argsort(-scores[:, 10:]), np.argsort(-scored.z[0][:, 10:]))


def test_a_silent_model_leaves_its_weight_to_the_others():
    scored, weights = block(), blend(0.5, 0.3, 0.2)
    scores = weights.scores(scored, np.zeros(6, np.int16))
    z = scored.z.astype(np.float64)
    np.testing.assert_allclose(scores[0, 20], 0.5 * z[0, 0, 20] + 0.3 * z[1, 0, 20] + 0.2 * z[2, 0, 20], rtol=1e-5)
    np.testing.assert_allclose(scores[0, 3], (0.5 * z[0, 0, 3] + 0.3 * z[1, 0, 3]) / 0.8, rtol=1e-5)
    np.testing.assert_allclose(scores[2, 3], z[0, 2, 3], rtol=1e-5)


def test_where_every_model_is_silent_nothing_can_be_recommended():
    scored = block(1)
    assert np.isneginf(blend(1.0).scores(scored, np.zeros(6, np.int16))[:, :10]).all()
    assert np.isneginf(blend(0.0, 0.0, 1.0).scores(block(), np.zeros(6, np.int16))[:, :10]).all()


def test_contributions_add_up_to_the_score_and_are_missing_where_a_model_abstains():
    scored, weights = block(), blend(0.5, 0.3, 0.2)
    items = np.tile(np.arange(5, 15, dtype=np.int32), (6, 1))
    segment = np.array([0, 1, 0, 1, 0, 1], np.int16)
    parts = weights.contributions(scored, segment, items)
    np.testing.assert_allclose(np.nansum(parts, axis=0), np.take_along_axis(weights.scores(scored, segment), items, 1), atol=1e-6)
    assert np.isnan(parts[2, :, :5]).all()
    assert np.isnan(parts[1, 2]).all()
    assert not np.isnan(parts[0]).any()


def test_the_order_of_models_decides_nothing():
    scored, weights = block(), blend(0.5, 0.3, 0.2)
    turned = BlockScores(scored.z[::-1], scored.deviation[::-1], scored.user_speaks[::-1], scored.item_speaks[::-1])
    other = Blend(weights.models[::-1], weights.families[::-1], SEGMENTS, weights.weights[:, ::-1])
    segment = np.zeros(6, np.int16)
    np.testing.assert_allclose(weights.scores(scored, segment), other.scores(turned, segment), rtol=1e-5, atol=1e-6)


def test_nobodys_scores_depend_on_who_else_is_in_the_block():
    scored, weights = block(), blend(0.5, 0.3, 0.2)
    segment = np.array([0, 1, 0, 1, 0, 1], np.int16)
    alone = BlockScores(scored.z[:, 4:5], scored.deviation[:, 4:5], scored.user_speaks[:, 4:5], scored.item_speaks)
    np.testing.assert_allclose(weights.scores(alone, segment[4:5])[0], weights.scores(scored, segment)[4], rtol=1e-6)


@pytest.mark.parametrize("made", [Multiplied, Told])
def test_standardised_scores_have_mean_0_and_deviation_1_over_what_a_model_knows(made):
    vectors, knows_user = rng.normal(5, 3, (4, 8)).astype(np.float32), np.array([True, True, False, True])
    knows_item = np.arange(100) >= 20
    model = made("content", vectors, rng.normal(1, 2, (100, 8)).astype(np.float32), knows_item, knows_user)
    said = Panel.of([model]).hear(strangers(sp.csr_matrix((4, 100), dtype=np.float32))).scores
    assert said.user_speaks[0].tolist() == [True, True, False, True]
    assert not said.z[0, :, :20].any()
    assert not said.z[0, 2].any()
    np.testing.assert_allclose(said.z[0, 0, 20:].mean(), 0, atol=1e-5)
    np.testing.assert_allclose(said.z[0, 0, 20:].std(), 1, rtol=1e-5)


@pytest.mark.parametrize("made", [Multiplied, Told])
def test_who_gets_the_same_score_for_everything_is_told_nothing(made):
    model = made("content", np.full((1, 1), 7.3, np.float32), np.ones((50, 1), np.float32), np.ones(50, np.bool_), np.ones(1, np.bool_))
    said = Panel.of([model]).hear(strangers(sp.csr_matrix((1, 50), dtype=np.float32))).scores
    assert not said.user_speaks.any()
    assert not said.z.any()


@pytest.mark.parametrize("made", [Multiplied, Told])
def test_scores_that_are_no_numbers_are_refused(made):
    items = np.array([[1], [np.nan]], np.float32)
    model = made("content", np.ones((1, 1), np.float32), items, np.ones(2, np.bool_), np.ones(1, np.bool_))
    with pytest.raises(ScoreError, match="content"):
        Panel.of([model]).hear(strangers(sp.csr_matrix((1, 2), dtype=np.float32)))


def test_a_blend_reads_back_to_the_very_same_weights():
    weights = blend(1 / 3, 1 / 3, 1 / 3)
    back = Blend.from_json(weights.to_json())
    assert back.weights.tobytes() == weights.weights.tobytes()
    assert (back.models, back.families, back.segments) == (weights.models, weights.families, weights.segments)


def test_weights_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match="add up"):
        blend(0.5, 0.6)


def test_an_item_that_some_models_do_not_know_rises_only_as_far_as_its_blend_lets_it():
    """With nothing redistributed, silence of an item is a mean opinion; a model silent to the user still leaves all it has."""
    scored = block()
    held_back = Blend(blend(0.5, 0.3, 0.2).models, blend(0.5, 0.3, 0.2).families, SEGMENTS, np.tile([0.5, 0.3, 0.2], (2, 1)), 0.0)
    scores, z = held_back.scores(scored, np.zeros(6, np.int16)), scored.z.astype(np.float64)
    np.testing.assert_allclose(scores[0, 3], 0.5 * z[0, 0, 3] + 0.3 * z[1, 0, 3], rtol=1e-5)
    np.testing.assert_allclose(scores[2, 20], (0.5 * z[0, 2, 20] + 0.2 * z[2, 2, 20]) / 0.7, rtol=1e-5)
    items = np.tile(np.arange(5, 15, dtype=np.int32), (6, 1))
    parts = held_back.contributions(scored, np.zeros(6, np.int16), items)
    np.testing.assert_allclose(np.nansum(parts, axis=0), np.take_along_axis(scores, items, 1), atol=1e-6)
    assert Blend.from_json(held_back.to_json()).redistributed == 0


def test_what_pads_a_short_list_is_nobodys_contribution():
    parts = blend(0.5, 0.3, 0.2).contributions(block(), np.zeros(6, np.int16), np.full((6, 2), -1, np.int32))
    assert np.isnan(parts).all()


def test_a_masked_item_never_appears_even_where_every_score_is_negative():
    scored = block()
    scored.z[:] = -np.abs(scored.z)
    scores = blend(0.5, 0.3, 0.2).scores(scored, np.zeros(6, np.int16))
    scores[:, ::2] = -np.inf
    items, best = top_k(scores, 30)
    assert set(items[:, :20].ravel() % 2) == {1}
    assert (items[:, 20:] == -1).all()
    assert np.isneginf(best[:, 20:]).all()
