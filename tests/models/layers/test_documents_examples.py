"""What the blend document and the embedding document show, at their sizes, with the import changed and their errors corrected."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from models.layers import (
    CollaborativeUserItemEmbedding,
    DeepFeatureTower,
    LearnableWeightedCombination,
    NormalizedDotProductSimilarity,
    TopKRecommendationSelector,
)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Draw the same numbers each time."""
    keras.utils.set_random_seed(0)


def drawn_ids(batch: int, candidates: int, n_users: int, n_items: int) -> list[keras.KerasTensor]:
    return [keras.random.randint((batch,), 0, n_users), keras.random.randint((batch, candidates), 0, n_items)]


# --- the blend document -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(32, 100), (16, 50), (8, 100)])
def test_three_scores_become_one_of_the_documented_shape(shape):
    """Rows 000-02 and 000-17; what was printed gave (batch, 1, items)."""
    tables = [keras.random.normal(shape) for _ in range(3)]
    assert LearnableWeightedCombination(num_scores=3)(tables).shape == shape


def test_the_raw_weights_softmax_to_shares_that_sum_to_one():
    """Row 000-06."""
    combiner = LearnableWeightedCombination(num_scores=3)
    combiner([keras.random.normal((8, 100)) for _ in range(3)])
    np.testing.assert_allclose(keras.ops.softmax(combiner.combination_weights).numpy(), [1 / 3] * 3, rtol=1e-6)


def test_the_ten_best_of_a_thousand_blended_items():
    """Rows 000-14 and 000-16."""
    tables = [keras.random.normal((32, 1000)) for _ in range(3)]
    positions, scores = TopKRecommendationSelector(k=10)(LearnableWeightedCombination(num_scores=3)(tables))
    blended = np.mean(tables, axis=0)
    np.testing.assert_array_equal(positions, np.argsort(-blended, axis=1)[:, :10])
    np.testing.assert_allclose(scores, -np.sort(-blended, axis=1)[:, :10], rtol=1e-4)


def hybrid_inputs() -> list[keras.KerasTensor]:
    return [
        keras.Input((1,), dtype="int32"),
        keras.Input((20,), dtype="float32"),
        keras.Input((100,), dtype="int32"),
        keras.Input((100, 15), dtype="float32"),
    ]


def asked(batch: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    item_ids = np.stack([rng.permutation(5000)[:100] for _ in range(batch)])
    features = [rng.normal(size=shape).astype(np.float32) for shape in ((batch, 20), (batch, 100, 15))]
    return [rng.integers(0, 1000, (batch, 1)), features[0], item_ids, features[1]]


def test_the_hybrid_graph_blends_ids_and_features_and_lists_ten_items():
    """Rows 000-08 to 000-14, with the reshape to (-1, 100, 32): of the traced batch size nothing is known while the graph is made."""
    user_id, user_features, item_id, item_features = inputs = hybrid_inputs()
    user_vectors, item_vectors = CollaborativeUserItemEmbedding(1000, 5000, 32)([user_id, item_id])
    by_ids = NormalizedDotProductSimilarity()([keras.ops.expand_dims(user_vectors, 1), item_vectors])
    user_tower, item_tower = DeepFeatureTower(units=32, hidden_layers=2), DeepFeatureTower(units=32, hidden_layers=2)
    flat = item_tower(keras.ops.reshape(item_features, (-1, 15)))
    item_content = keras.ops.reshape(flat, (-1, 100, 32))
    by_features = NormalizedDotProductSimilarity()([keras.ops.expand_dims(user_tower(user_features), 1), item_content])
    blended = LearnableWeightedCombination(num_scores=2)([by_ids, by_features])
    model = keras.Model(inputs, [blended, *TopKRecommendationSelector(k=10)(blended, item_ids=item_id)])
    for batch in (1, 7):
        inputs_now = asked(batch)
        scores, items, best = model.predict(inputs_now, verbose=0)
        assert (scores.shape, items.shape) == ((batch, 100), (batch, 10))
        order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        np.testing.assert_array_equal(items, np.take_along_axis(inputs_now[2], order, axis=1))
        np.testing.assert_array_equal(best, np.take_along_axis(scores, order, axis=1))


# --- the embedding document ---------------------------------------------------------------------------------------------


def test_ids_become_vectors_of_the_documented_shapes():
    """Row 001-02: 32 users and 100 candidates each."""
    layer = CollaborativeUserItemEmbedding(num_users=1000, num_items=5000, embedding_dim=32)
    users, items = layer(drawn_ids(32, 100, 1000, 5000))
    assert (users.shape, items.shape) == ((32, 32), (32, 100, 32))


@pytest.mark.parametrize("k", [5, 10])
def test_the_whole_model_selects_among_candidates_not_among_the_vectors_numbers(k):
    """Row 001-08; what was printed gave (batch, 1, 100, 10), the best ten of each vector's 32 numbers."""
    user_id, item_id = keras.Input((1,), dtype="int32", name="user_id"), keras.Input((100,), dtype="int32", name="item_id")
    layer = CollaborativeUserItemEmbedding(num_users=1000, num_items=5000, embedding_dim=32, l2_reg=1e-4)
    users, items = layer([user_id, item_id])
    scores = NormalizedDotProductSimilarity()([keras.ops.expand_dims(users, axis=1), items])
    model = keras.Model([user_id, item_id], list(TopKRecommendationSelector(k=k)(scores, item_ids=item_id)))
    user_ids, _, item_ids, _ = asked(16)
    listed, best = model.predict([user_ids, item_ids], verbose=0)
    user_table, item_table = layer.get_weights()
    vectors = [table / np.linalg.norm(table, axis=1, keepdims=True) for table in (user_table, item_table)]
    expected = np.einsum("bd,bnd->bn", vectors[0][user_ids[:, 0]], vectors[1][item_ids])
    np.testing.assert_array_equal(listed, np.take_along_axis(item_ids, np.argsort(-expected, axis=1)[:, :k], axis=1))
    np.testing.assert_allclose(best, -np.sort(-expected, axis=1)[:, :k], rtol=1e-3)


def test_the_small_example_without_a_model():
    """Row 001-12: 16 users, 20 candidates, the best 5."""
    users, items = CollaborativeUserItemEmbedding(100, 500, 32)(drawn_ids(16, 20, 100, 500))
    scores = NormalizedDotProductSimilarity()([keras.ops.expand_dims(users, 1), items])
    positions, best = TopKRecommendationSelector(k=5)(scores)
    assert positions.shape == (16, 5)
    np.testing.assert_array_equal(best, np.take_along_axis(np.asarray(scores), np.asarray(positions), axis=1))


def test_strengths_of_regularisation_can_be_compared_by_norm():
    """Row 001-13; at the start only the penalty differs, in proportion to its strength."""
    ids, penalties = drawn_ids(8, 10, 1000, 5000), []
    for strength in (0.0, 1e-4, 1e-3, 1e-2):
        keras.utils.set_random_seed(1)
        layer = CollaborativeUserItemEmbedding(1000, 5000, embedding_dim=32, l2_reg=strength)
        users, _ = layer(ids)
        assert 1 < float(f"{keras.ops.norm(users):.4f}") < 5
        penalties.append(float(sum(layer.losses)))
    np.testing.assert_allclose(penalties, penalties[-1] * np.array([0, 0.01, 0.1, 1]), rtol=1e-4)


@pytest.mark.slow
def test_a_million_users_and_ten_million_items_of_64_numbers():
    """Row 001-14; 2.8 GB of tables, and a batch of 512 x 100 whose gradient has 51,200 rows, not ten million."""
    import tensorflow as tf

    layer = CollaborativeUserItemEmbedding(num_users=1_000_000, num_items=10_000_000, embedding_dim=64, l2_reg=1e-3)
    with tf.GradientTape() as tape:
        users, items = layer(drawn_ids(512, 100, 1_000_000, 10_000_000))
        loss = tf.reduce_sum(users[:, None] * items) + sum(layer.losses)
    assert (users.shape, items.shape) == ((512, 64), (512, 100, 64))
    assert tape.gradient(loss, layer.item_embeddings.value).values.shape == (51_200, 64)
