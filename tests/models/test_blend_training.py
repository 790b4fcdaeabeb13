"""Claims about `models.blend_training` and the network behind it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from models.blend import Blend
from models.blend_losses import ListLoss, ndcg_loss, softmax_loss
from models.blend_training import BlendConfig, Models, cross_fit, fit_blends
from models.blend_weights import WeightProblem
from models.block_scores import BlockScores, Panel
from models.candidates import Candidates, collect, collect_best
from models.chosen import allowed_items
from models.divergence import DivergedError
from models.fused_blend import each_alone
from tests.models.made_up import Multiplied, Told
from tests.worlds import strangers

N_USERS, N_ITEMS = 200, 60
SEGMENTS = ("few", "many", "never seen")
MODELS = Models(("ease", "towers", "popularity"), ("collaborative", "content", "knowledge"), SEGMENTS)
CONFIG = BlendConfig(candidates=10, steps=60)


def noise(seed: int, n_models: int = 3) -> BlockScores:
    """Return models that all guess."""
    z = np.random.default_rng(seed).normal(size=(n_models, N_USERS, N_ITEMS)).astype(np.float32)
    return said(z)


def said(z: NDArray[np.float32]) -> BlockScores:
    """Let models say this to everybody of everything; (models, users, items)."""
    n_models = len(z)
    return BlockScores(
        z, np.ones((n_models, N_USERS), np.float32), np.ones((n_models, N_USERS), np.bool_), np.ones((n_models, N_ITEMS), np.bool_)
    )


def liked(scores: NDArray[np.float32]) -> sp.csr_matrix:
    """Let each user like the two items with the highest of these scores; (users, items)."""
    return sp.csr_matrix(scores >= np.sort(scores, axis=1)[:, -2:-1], dtype=np.float32)


def gathered(block: BlockScores, targets: sp.csr_matrix, segment: Any = 0, config: BlendConfig = CONFIG) -> Candidates:
    """Collect the candidates of everybody, all items allowed."""
    segments = np.broadcast_to(np.asarray(segment, np.int16), N_USERS).copy()
    return collect(block, segments, np.ones((N_USERS, N_ITEMS), np.bool_), targets, config.candidates, config.max_targets)


def learned(candidates: Candidates, config: BlendConfig = CONFIG) -> Blend:
    """Learn a blend of the three models for the three segments."""
    return fit_blends(candidates, MODELS, ("learned",), config, seed=1)["learned"]


def test_candidates_are_every_models_best_and_what_the_user_went_on_to_like() -> None:
    """Collected at once or user by user, they are the same; what is not allowed or what no model speaks of is none."""
    rng, block = np.random.default_rng(2), noise(2)
    block.user_speaks[1, :50] = block.item_speaks[2, 30:] = block.item_speaks[:, 7] = False
    block.z[~(block.user_speaks[:, :, None] & block.item_speaks[:, None, :])] = 0
    allowed, targets = rng.random((N_USERS, N_ITEMS)) < 0.7, sp.csr_matrix(rng.random((N_USERS, N_ITEMS)) < 0.05, dtype=np.float32)
    found = collect(block, np.zeros(N_USERS, np.int16), allowed, targets, CONFIG.candidates, CONFIG.max_targets)
    for user in range(N_USERS):
        speaks = block.user_speaks[:, user, None] & block.item_speaks & allowed[user]
        wanted = {item for item in targets[user].indices if speaks[:, item].any()}
        for model in range(3):
            spoken = np.flatnonzero(speaks[model])
            wanted |= set(spoken[np.argsort(-block.z[model, user, spoken])][: CONFIG.candidates].tolist())
        items = sorted(wanted)
        valid = found.valid[user]
        np.testing.assert_array_equal(found.z[:, user, valid], block.z[:, user, items])
        np.testing.assert_array_equal(found.speaks[:, user, valid], speaks[:, items])
        np.testing.assert_array_equal(found.target[user, valid], [item in targets[user].indices for item in items])


def test_candidates_found_by_rankers_are_those_of_the_whole_catalogue() -> None:
    """With everything every model says in memory, or with its best alone: the same candidates."""
    rng, knows_item, knows_user = np.random.default_rng(30), np.arange(N_ITEMS) >= 5, np.arange(N_USERS) % 7 > 0
    vectors = [(rng.normal(size=(N_USERS, 4)).astype(np.float32), rng.normal(size=(N_ITEMS, 4)).astype(np.float32)) for _ in range(2)]
    panel = Panel.of(
        [
            Multiplied("collaborative", *vectors[0], np.ones(N_ITEMS, np.bool_), knows_user),
            Told("content", *vectors[1], knows_item, np.ones(N_USERS, np.bool_)),
        ]
    )
    seen, targets = (sp.csr_matrix(rng.random((N_USERS, N_ITEMS)) < share, dtype=np.float32) for share in (0.2, 0.05))
    heard, recommendable = panel.hear(strangers(seen)), np.arange(N_ITEMS) != 20
    whole = collect(heard.scores, heard.users.segment, allowed_items(seen, recommendable), targets, 10, 3, newcomers=True)
    rankers = each_alone(panel, ("all",), recommendable)
    found = collect_best(heard, rankers, seen, recommendable, targets, 10, 3, newcomers=True)
    np.testing.assert_array_equal(found.speaks, whole.speaks)
    np.testing.assert_array_equal(found.target, whole.target)
    np.testing.assert_allclose(found.z, whole.z, atol=1e-4)
    assert whole.speaks.any(axis=(0, 2)).all()
    assert np.isnan(found.log_mass).all()
    assert found.newcomer.all()


def test_blocks_of_users_join_to_what_they_are_together() -> None:
    """Shorter lists are filled up with places that hold no candidate."""
    block = noise(3)
    whole = gathered(block, liked(block.z[0]))
    parts = [whole.of(np.arange(80)), whole.of(np.arange(80, N_USERS))]
    parts[0] = replace(parts[0], z=parts[0].z[:, :, :15], speaks=parts[0].speaks[:, :, :15], target=parts[0].target[:, :15])
    joined = Candidates.together(parts)
    np.testing.assert_array_equal(joined.z[:, 80:], whole.z[:, 80:])
    np.testing.assert_array_equal(joined.z[:, :80, :15], whole.z[:, :80, :15])
    assert not joined.valid[:80, 15:].any()
    np.testing.assert_array_equal(joined.target[80:], whole.target[80:])


def test_each_segment_trusts_the_model_that_tells_it_the_truth() -> None:
    """Where one model foresees what some users like and another what the others like, weights are learned apart."""
    block, segment = noise(4), np.arange(N_USERS) % 2
    truth = np.where((segment == 0)[:, None], block.z[0], block.z[1])
    weights = learned(gathered(block, liked(truth), segment)).weights
    assert weights[0, 0] > 0.6 > 0.4 > weights[0, 1:].max()
    assert weights[1, 1] > 0.6 > 0.4 > weights[1, [0, 2]].max()


def test_a_segment_without_holdout_gets_everybodys_weights() -> None:
    """What all others trust is trusted by those who have not been heard yet."""
    block, segment = noise(5), np.arange(N_USERS) % 2
    weights = learned(gathered(block, liked(block.z[1]), segment)).weights
    np.testing.assert_array_equal(weights.argmax(axis=1), [1, 1, 1])
    np.testing.assert_allclose(weights[2], weights[:2].mean(axis=0), atol=0.05)


def test_two_half_truths_make_a_whole() -> None:
    """Where two models each see half of what matters, both are heard, and the one that guesses is not."""
    block = noise(6)
    weights = learned(gathered(block, liked(block.z[0] + block.z[1]))).weights[0]
    assert weights[:2].min() > 0.3
    assert weights[2] < 0.1


def test_a_blend_that_gains_nothing_is_the_best_single_model() -> None:
    """Beside a model that knows all, others have nothing to add, and are not let in by chance."""
    block = noise(7)
    block.z[0] = np.sort(block.z[0], axis=1)
    block.z[1:] *= 0.1
    weights = learned(gathered(block, liked(block.z[0]))).weights
    assert weights[:, 0].min() > 0.999


def test_the_order_of_models_permutes_their_weights() -> None:
    """The same models in another order get the same weights."""
    block = noise(8)
    targets = liked(block.z[0] + 0.5 * block.z[2])
    turned = said(block.z[::-1])
    np.testing.assert_allclose(learned(gathered(turned, targets)).weights[:, ::-1], learned(gathered(block, targets)).weights, atol=0.01)


def test_no_model_is_silenced_for_good() -> None:
    """The weight of a model is never zero: it may be the only one to know a user who joins tomorrow."""
    block = noise(9)
    assert learned(gathered(block, liked(block.z[0]))).weights.min() > 0


@pytest.mark.parametrize(("they_like_news", "expected"), [(True, "more"), (False, "less")])
def test_the_holdout_says_how_far_items_unknown_to_others_may_rise(they_like_news: bool, expected: str) -> None:
    """Items that one model alone knows rank by what it says where users go on to like them, and near the middle where they do not."""
    block = noise(10)
    block.item_speaks[[0, 2], 40:] = False
    block.z[[0, 2], :, 40:] = 0
    truth = block.z[0] + block.z[1]
    truth[:, 40:] = block.z[1, :, 40:] + 1 if they_like_news else -9
    share = learned(gathered(block, liked(truth))).redistributed
    assert share > 0.6 if expected == "more" else share < 0.4


def test_nothing_to_learn_from_gives_equal_weights_and_one_model_all_of_it() -> None:
    """Without holdout likes no model is better than another; a model alone needs no learning."""
    nothing = sp.csr_matrix((N_USERS, N_ITEMS), dtype=np.float32)
    np.testing.assert_allclose(learned(gathered(noise(11), nothing)).weights, 1 / 3)
    block = noise(11, n_models=1)
    only = Models(("ease",), ("collaborative",), SEGMENTS)
    alone = fit_blends(gathered(block, liked(block.z[0])), only, ("learned",), CONFIG, seed=1)["learned"]
    np.testing.assert_array_equal(alone.weights, 1)


def test_each_half_is_judged_by_what_the_other_half_taught() -> None:
    """Users who trust one model are judged by a blend that trusts the other, which only the other half does."""
    block, half = noise(12), (np.arange(N_USERS) % 2).astype(np.int8)
    truth = np.where((half == 0)[:, None], block.z[0], block.z[1])
    fitted = cross_fit(gathered(block, liked(truth)), MODELS, half, ("learned",), CONFIG, seed=1)
    published, for_first, for_second = fitted["learned"]
    assert for_first.weights[0].argmax() == 1
    assert for_second.weights[0].argmax() == 0
    assert published.weights[0, :2].min() > 0.2


def test_learning_twice_gives_the_same_bytes() -> None:
    """The same candidates and seed give the same blend, to the last bit, also where users are drawn."""
    block = noise(13)
    candidates, config = gathered(block, liked(block.z[0] + block.z[1])), CONFIG.model_copy(update={"max_users": 150})
    first, second = learned(candidates, config), learned(candidates, config)
    assert first.to_json() == second.to_json()
    assert json.loads(first.to_json())["models"] == list(MODELS.names)


def test_a_loss_that_is_no_number_ends_the_learning() -> None:
    """Candidates that hold a NaN end in an error that names the blend, never in weights."""
    from models.blend_weights import learned_weights

    block = noise(14)
    candidates = gathered(block, liked(block.z[0]))
    candidates.z[1, 3, 2] = np.nan
    with pytest.raises(DivergedError, match="blend"):
        learned_weights(candidates, len(SEGMENTS), CONFIG)


@pytest.mark.parametrize("loss", [softmax_loss, ndcg_loss])
def test_gradients_are_those_of_small_steps(loss: ListLoss) -> None:
    """Where models are silent, targets several, and weights penalised, the gradient still is what differences say."""
    block = noise(15)
    block.user_speaks[1, :50] = block.item_speaks[2, 30:] = False
    block.z[~(block.user_speaks[:, :, None] & block.item_speaks[:, None, :])] = 0
    candidates = gathered(block, liked(block.z[0] + block.z[1]), np.arange(N_USERS) % 3)
    problem = WeightProblem(candidates, len(SEGMENTS), CONFIG.model_copy(update={"prior_users": 60.0, "temperature": 1.7}))
    point = np.random.default_rng(1).normal(size=len(problem.start)) * 0.5
    found = problem.value(point, loss)[1]
    steps = np.eye(len(point)) * 1e-3
    expected = [(problem.value(point + step, loss)[0] - problem.value(point - step, loss)[0]) / 2e-3 for step in steps]
    np.testing.assert_allclose(found, expected, rtol=2e-2, atol=2e-4)


def test_where_one_model_alone_is_heard_it_has_all_the_weight() -> None:
    """Also where what it says never finds a like: the silent ones rank no better."""
    cold = said(noise(19).z)
    cold.user_speaks[:2] = False
    cold.z[:2] = 0
    candidates = gathered(cold, liked(-cold.z[2]))
    for method in ("learned", "mixture"):
        weights = fit_blends(candidates, MODELS, (method,), CONFIG, seed=1)[method].weights
        np.testing.assert_allclose(weights[0], [0, 0, 1], atol=1e-5)


def test_newcomers_get_weights_of_their_own() -> None:
    """The model that knows nobody without a history says nothing to them; between the other two they trust the one that foresees."""
    block, warm_truth = noise(16), noise(17)
    cold = said(noise(18).z)
    cold.user_speaks[0] = False
    cold.z[0] = 0
    everything, config = np.ones((N_USERS, N_ITEMS), np.bool_), CONFIG
    warm_lists = collect(block, np.ones(N_USERS, np.int16), everything, liked(block.z[0] + 0.1 * warm_truth.z[0]), 10, 20)
    cold_lists = collect(cold, np.zeros(N_USERS, np.int16), everything, liked(cold.z[1]), 10, 20, newcomers=True)
    for method in ("learned", "mixture"):
        weights = fit_blends(Candidates.together([warm_lists, cold_lists]), MODELS, (method,), config, seed=1)[method].weights
        assert weights[1, 0] > 0.6, method
        assert weights[0, 1] > 5 * weights[0, 2], method
    assert learned(Candidates.together([warm_lists, cold_lists])).weights[0, 0] < 0.001
