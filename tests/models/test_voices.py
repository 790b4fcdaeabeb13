"""Claims about `models.voices`: what a mean of probabilities, logarithms or ranks follows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.blend import Blend
from models.block_scores import BlockScores
from models.top_k import top_k
from models.voices import RANK_OFFSET, Scale, Voice

rng = np.random.default_rng(4)
N_USERS, N_ITEMS = 30, 400
EVERYTHING = np.ones((N_USERS, N_ITEMS), np.bool_)
NOBODY_APART = np.zeros(N_USERS, np.int16)


def two_models(first_spread: float = 1.0, second_spread: float = 1.0) -> BlockScores:
    """Let two models guess, with scores that spread differently before they are standardised."""
    z = rng.normal(size=(2, N_USERS, N_ITEMS)).astype(np.float32)
    deviation = np.array([[first_spread], [second_spread]], np.float32) * np.ones((1, N_USERS), np.float32)
    return BlockScores(z, deviation, np.ones((2, N_USERS), np.bool_), np.ones((2, N_ITEMS), np.bool_))


def blend(voice: Voice, *weights: float) -> Blend:
    names = ("ease", "towers", "popularity")[: len(weights)]
    families = ("collaborative", "content", "knowledge")[: len(weights)]
    return Blend(names, families, ("all",), np.array([weights]), 0.0 if voice.scale == "probability" else 1.0, voice)


def scores_of(of: Blend, block: BlockScores, allowed: NDArray[np.bool_] = EVERYTHING) -> NDArray[np.float32]:
    return of.scores(of.heard(block, allowed), NOBODY_APART)


def overlap(first: NDArray[np.float32], second: NDArray[np.float32], k: int = 20) -> float:
    """Return the mean share of the first lists' items that the second lists have too."""
    pairs = zip(top_k(first, k)[0], top_k(second, k)[0], strict=True)
    return float(np.mean([len(np.intersect1d(one, other)) / k for one, other in pairs]))


def test_a_mean_of_raw_softmaxes_follows_the_most_peaked_model():
    """With scores ten times as spread, one of two equal models decides the whole list; matched temperatures end that."""
    block = two_models(2.0, 0.2)
    peaked, flat = block.z
    raw = scores_of(blend(Voice("probability"), 0.5, 0.5), block)
    assert overlap(raw, peaked) > 0.9
    assert overlap(raw, flat) < 0.2
    matched = scores_of(blend(Voice("probability", (0.5, 0.5)), 0.5, 0.5), block)
    assert abs(overlap(matched, peaked) - overlap(matched, flat)) < 0.1
    assert overlap(matched, flat) > 0.35


def test_a_weighted_mean_of_softmaxes_still_adds_up_to_one():
    """A model that counts double takes its weight from the others: the total stays 1, not 4/3."""
    block = two_models()
    three = BlockScores(*(np.concatenate([part, part[:1]]) for part in (block.z, block.deviation, block.user_speaks, block.item_speaks)))
    scores = scores_of(blend(Voice("probability", (1.0, 1.0, 2.0)), 0.5, 0.25, 0.25), three)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)


def test_what_is_masked_holds_no_mass():
    """Shares are taken among what a user may be shown and a model knows."""
    block = two_models()
    block.item_speaks[1, :100] = False
    allowed = rng.random((N_USERS, N_ITEMS)) < 0.5
    terms = Voice("probability", (1.0, 1.0)).of(block, allowed).z
    assert not terms[0][~allowed].any()
    assert not terms[1][:, :100].any()
    np.testing.assert_allclose(terms.sum(axis=2), 1, rtol=1e-5)


def test_who_may_be_shown_nothing_gets_no_mass_and_no_nan():
    terms = Voice("probability", (1.0, 1.0)).of(two_models(), np.zeros((N_USERS, N_ITEMS), np.bool_)).z
    assert not terms.any()


def test_a_product_of_experts_ranks_like_the_sum_of_scores_over_temperatures():
    """Log shares differ from scores over temperatures by a constant per user and model, which ranks nothing."""
    block = two_models()
    found = scores_of(blend(Voice("log_probability", (0.5, 2.0)), 0.5, 0.5), block)
    expected = block.z[0] / 0.5 + block.z[1] / 2.0
    assert overlap(found, expected.astype(np.float32)) == 1


def test_ranks_are_added_up_as_reciprocals():
    """The best of both lists comes first with 1 / 61 from each; an item outside a model's list gets nothing from it."""
    block = two_models()
    block.z[:, 0, 7] = 99
    found = scores_of(blend(Voice("reciprocal_rank"), 0.5, 0.5), block)
    assert found[0].argmax() == 7
    assert found[0, 7] == pytest.approx(1 / (RANK_OFFSET + 1), rel=1e-5)
    last_everywhere = (np.argsort(np.argsort(-block.z[:, 0], axis=1), axis=1) >= 200).all(axis=0)
    assert last_everywhere.any()
    assert not found[0, last_everywhere].any()


@given(scale=st.sampled_from(["standardised", "probability", "log_probability", "reciprocal_rank"]), share=st.floats(0.05, 0.95))
def test_contributions_add_up_to_the_score_in_every_voice(scale: Scale, share: float):
    voice = Voice(scale, (0.7, 1.3) if "probability" in scale else None)
    block, mean = two_models(), blend(voice, share, 1 - share)
    block.item_speaks[0, 50:90] = False
    block.z[0, :, 50:90] = 0
    heard = mean.heard(block, EVERYTHING)
    items = np.tile(np.arange(40, 100, dtype=np.int32), (N_USERS, 1))
    parts = mean.contributions(heard, NOBODY_APART, items)
    np.testing.assert_allclose(np.nansum(parts, axis=0), mean.scores(heard, NOBODY_APART)[:, 40:100], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scale", ["probability", "log_probability", "reciprocal_rank"])
def test_nobodys_terms_depend_on_who_else_is_in_the_block(scale: Scale):
    block, voice = two_models(), Voice(scale, (0.7, 1.3) if "probability" in scale else None)
    said_to_one = BlockScores(block.z[:, 4:5], block.deviation[:, 4:5], block.user_speaks[:, 4:5], block.item_speaks)
    alone = voice.of(said_to_one, EVERYTHING[:1]).z[:, 0]
    np.testing.assert_array_equal(alone, voice.of(block, EVERYTHING).z[:, 4])


def test_a_voice_is_saved_with_its_blend():
    mean = blend(Voice("probability", (0.7, 1.3)), 0.5, 0.5)
    assert Blend.from_json(mean.to_json()).voice == mean.voice
    with pytest.raises(ValueError, match="temperature"):
        blend(Voice("probability", (0.7,)), 0.5, 0.5)
