"""The two whole recommenders, in worlds where it is known who ought to get what."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from models.layers import CollaborativeUserItemEmbedding
from models.layers.candidate_softmax import CandidateSoftmax
from models.layers.pipelines import Pipeline, collaborative_pipeline, hybrid_pipeline
from tests.worlds import checkerboard

Inputs = dict[str, NDArray[Any]]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Start each test from the same weights."""
    keras.utils.set_random_seed(0)


def trained(made: Pipeline, inputs: Inputs, targets: NDArray[Any], steps: int, learning_rate: float = 0.3) -> Pipeline:
    # SGD, since Keras takes three times as long to trace Adam as to trace all of the model; one epoch of equal steps, since its work
    # between epochs takes longer than a step.
    made.scorer.compile(keras.optimizers.SGD(learning_rate, momentum=0.9), CandidateSoftmax(0.2), jit_compile=False)
    samples = tf.data.Dataset.from_tensors((inputs, targets.astype(np.float32))).repeat(steps)
    made.scorer.fit(samples, shuffle=False, verbose=0)
    return made


def test_of_ids_alone_the_withheld_item_of_a_users_colour_comes_first():
    """Everybody likes all items of their colour but one: with those they have masked, that one heads their ten of all items."""
    world = checkerboard()
    n_users, n_items = len(world.user_group), len(world.item_group)
    likes = np.zeros((n_users, n_items), bool)
    likes[world.data.interactions.user, world.data.interactions.item] = True
    everything = {
        "user_id": np.arange(n_users)[:, None],
        "item_id": np.tile(np.random.default_rng(0).permutation(n_items), (n_users, 1)),
    }
    liked = np.take_along_axis(likes, everything["item_id"], axis=1)
    withheld = everything["item_id"] == world.withheld[:, None]
    made = collaborative_pipeline(n_users, n_items, n_items, embedding_dim=4, l2_reg=1e-3)
    trained(made, {**everything, "item_mask": ~withheld}, liked, steps=60, learning_rate=1.0)
    items, scores = made.recommender.predict({**everything, "item_mask": ~liked}, verbose=0)
    assert items.shape == scores.shape == (n_users, 10)
    np.testing.assert_array_equal(items[:, 0], world.withheld)
    np.testing.assert_array_equal((items >= 0).sum(axis=1), np.minimum((~liked).sum(axis=1), 10))
    assert all(len({*row}) == len(row) and not likes[user, row].any() for user, row in enumerate(r[r >= 0] for r in items))


def world_of_tastes(n_users: int, n_items: int, n_candidates: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[Any]]:
    """Draw users and candidates of three tastes, told by their features beside noise; users like what has their own taste."""
    user_taste, item_taste = np.arange(n_users) % 3, np.arange(n_items) % 3
    item_id = np.stack([rng.permutation(n_items)[:n_candidates] for _ in range(n_users)])
    features = np.eye(3, 4, dtype=np.float32)
    inputs = {
        "user_id": np.arange(n_users)[:, None],
        "item_id": item_id,
        "item_mask": np.ones(item_id.shape, bool),
        "user_features": features[user_taste] + rng.normal(0, 0.1, (n_users, 4)).astype(np.float32),
        "item_features": (features[item_taste] + rng.normal(0, 0.1, (n_items, 4)).astype(np.float32))[item_id],
    }
    return inputs, item_taste[item_id] == user_taste[:, None]


def test_the_hybrid_puts_items_first_that_nobody_has_met():
    """Trained on the first half of the catalogue, it ranks the other half by taste, which ids alone cannot know."""
    rng = np.random.default_rng(0)
    inputs, liked = world_of_tastes(60, 40, 20, rng)
    made = hybrid_pipeline(60, 80, 20, 4, 4, embedding_dim=16, k=5)
    trained(made, inputs, liked, steps=40)
    new = {**inputs, "item_id": inputs["item_id"] + 40}
    items, _ = made.recommender.predict(new, verbose=0)
    taste = (items - 40) % 3
    assert (taste == np.arange(60)[:, None] % 3).mean() > 0.95
    by_ids = keras.Model(made.scorer.inputs, made.scorer.get_layer("collaborative").output)
    best_by_ids = np.argmax(by_ids(new), axis=1)
    assert np.take_along_axis(liked, best_by_ids[:, None], axis=1).mean() < 0.6


@pytest.mark.slow
def test_where_people_like_what_is_near_the_third_score_gets_the_largest_share():
    """Ids and features tell nothing; the blend finds that out, and recommends what is nearest."""
    rng = np.random.default_rng(0)
    inputs, _ = world_of_tastes(60, 40, 20, rng)
    inputs["user_place"] = rng.uniform(-1, 1, (60, 2)).astype(np.float32)
    inputs["item_place"] = rng.uniform(-1, 1, (60, 20, 2)).astype(np.float32)
    distance = np.linalg.norm(inputs["item_place"] - inputs["user_place"][:, None], axis=2)
    nearest = distance == distance.min(axis=1, keepdims=True)
    made = hybrid_pipeline(60, 40, 20, 4, 4, third="nearby", length_km=50, embedding_dim=8, k=1)
    trained(made, inputs, nearest, steps=40)
    shares = np.asarray(made.scorer.get_layer("blend").shares())
    assert shares.argmax() == 2
    items, _ = made.recommender.predict(inputs, verbose=0)
    assert (items[:, 0] == inputs["item_id"][nearest]).mean() > 0.9


def asked() -> Inputs:
    """Return twelve users with nine candidates each, some of them masked."""
    inputs, _ = world_of_tastes(12, 30, 9, np.random.default_rng(1))
    return {**inputs, "item_mask": np.random.default_rng(2).random((12, 9)) < 0.7}


@pytest.fixture(scope="module")
def hybrid() -> tuple[Pipeline, Inputs]:
    """Return an untrained hybrid and something to ask it; nobody changes either."""
    keras.utils.set_random_seed(1)
    return hybrid_pipeline(12, 30, 9, 4, 4, embedding_dim=8, k=9), asked()


def test_masked_items_are_never_recommended_even_when_every_score_is_negative():
    """The lists hold each allowed candidate once and then nothing: a mask of 0 would outrank the negative ones."""
    inputs = {name: values for name, values in asked().items() if not name.endswith("features")}
    made = collaborative_pipeline(12, 30, 9, embedding_dim=2, k=9)
    (embedding,) = (layer for layer in made.scorer.layers if isinstance(layer, CollaborativeUserItemEmbedding))
    embedding.set_user_vectors(range(12), np.ones((12, 2)))
    embedding.set_item_vectors(range(30), -np.random.default_rng(0).random((30, 2)))
    items, scores = made.recommender(inputs)
    for row, best, candidates, allowed in zip(items.numpy(), scores.numpy(), inputs["item_id"], inputs["item_mask"], strict=True):
        assert sorted(row[: allowed.sum()]) == sorted(candidates[allowed])
        assert (best[: allowed.sum()] < 0).all()
        assert (row[allowed.sum() :] == -1).all()


def test_a_users_list_depends_neither_on_batch_mates_nor_on_the_order_of_candidates_nor_on_padding(hybrid):
    made, inputs = hybrid
    items, scores = (lists.numpy() for lists in made.recommender(inputs))
    for users in ([0], [5], [11, 3]):
        part_items, part_scores = made.recommender({name: values[users] for name, values in inputs.items()})
        np.testing.assert_array_equal(part_items, items[users])
        np.testing.assert_allclose(part_scores, scores[users], rtol=1e-4, atol=1e-5)
    reversed_candidates = {name: values[:, ::-1] if name.startswith("item") else values for name, values in inputs.items()}
    np.testing.assert_array_equal(made.recommender(reversed_candidates)[0], items)
    padded = {name: values.copy() for name, values in inputs.items()}
    for name in ("item_id", "item_features"):
        padded[name][~padded["item_mask"]] = 0
    np.testing.assert_array_equal(made.recommender(padded)[0], items)


def test_saved_and_loaded_the_recommender_gives_identical_lists(hybrid, tmp_path):
    made, inputs = hybrid
    made.recommender.save(tmp_path / "recommender.keras")
    loaded = keras.models.load_model(tmp_path / "recommender.keras")
    for before, after in zip(made.recommender(inputs), loaded(inputs), strict=True):
        np.testing.assert_array_equal(before, after)


def test_training_learns_every_part_and_the_recommender_shares_it(hybrid):
    """Every weight has a gradient that is finite and not all zero; both models hold the same weights."""
    made, inputs = hybrid
    targets = np.eye(9, dtype=np.float32)[inputs["item_mask"].argmax(axis=1)]
    with tf.GradientTape() as tape:
        loss = CandidateSoftmax(0.2)(targets, made.scorer(inputs, training=True)) + tf.add_n(made.scorer.losses)
    gradients = tape.gradient(loss, made.scorer.trainable_variables)
    for weight, gradient in zip(made.scorer.trainable_variables, gradients, strict=True):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), weight.path
        assert np.any(tf.convert_to_tensor(gradient)), weight.path
    assert [id(weight) for weight in made.scorer.weights] == [id(weight) for weight in made.recommender.weights]


def test_the_same_seed_trains_the_same_model():
    """Made and asked twice, the hybrid has the same weights, drops the same numbers and learns the same from them, to the bit.

    Whatever else draws random numbers in the process meanwhile: Keras' own seeds come from Python's global generator, which the threads
    of a scheduler use as well.
    """
    inputs, liked = world_of_tastes(12, 30, 9, np.random.default_rng(1))
    steps = []
    for others in range(2):
        keras.utils.set_random_seed(others)
        scorer = hybrid_pipeline(12, 30, 9, 4, 4, embedding_dim=4, seed=3).scorer
        with tf.GradientTape() as tape:
            loss = CandidateSoftmax(0.2)(liked, scorer(inputs, training=True))
        gradients = tape.gradient(loss, scorer.trainable_variables)
        steps.append([loss.numpy(), *scorer.get_weights(), *(tf.convert_to_tensor(gradient).numpy() for gradient in gradients)])
    for one, other in zip(*steps, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("name", "wrong"), [("user_id", 12), ("user_id", -1), ("item_id", 30), ("item_id", -1)])
def test_ids_nobody_has_stop_training_and_serving(hybrid, name, wrong):
    """Also where the item is masked: padding carries an id that exists."""
    made, inputs = hybrid
    with pytest.raises(tf.errors.InvalidArgumentError, match="ids must be in"):
        made.recommender.predict({**inputs, name: np.full_like(inputs[name], wrong)}, verbose=0)


def test_a_third_score_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="'deep' or 'nearby'"):
        hybrid_pipeline(2, 2, 2, 2, 2, third="astrology")
