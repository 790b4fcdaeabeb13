from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.layers import CollaborativeUserItemEmbedding


def built(l2_reg: float = 0.0, **options: object) -> CollaborativeUserItemEmbedding:
    layer = CollaborativeUserItemEmbedding(5, 7, 3, l2_reg, **options)
    layer([np.array([0]), np.array([[0]])])
    layer.set_user_vectors(range(5), np.arange(15).reshape(5, 3))
    layer.set_item_vectors(range(7), -np.arange(21).reshape(7, 3))
    return layer


@pytest.mark.parametrize("user_ids", [[4, 0], [[4], [0]]])
@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8])
def test_ids_of_either_shape_and_any_integer_kind_find_their_rows(user_ids, kind):
    """The first and the last row are found too; a column of users gives one vector a user, never a square of users."""
    users, items = built()([np.array(user_ids, kind), np.array([[0, 6], [3, 3]], kind)])
    np.testing.assert_array_equal(users, [[12, 13, 14], [0, 1, 2]])
    np.testing.assert_array_equal(items, -np.array([[[0, 1, 2], [18, 19, 20]], [[9, 10, 11], [9, 10, 11]]]))


def test_one_item_a_user_is_a_list_of_one_candidate():
    assert built()([np.array([4, 0]), np.array([1, 2])])[1].shape == (2, 1, 3)


@pytest.mark.parametrize(
    ("user_ids", "item_ids"), [([0, 1], [[0]]), ([[0, 1]], [[0]]), ([0], [[[0]]])], ids=["users differ", "two users a row", "three axes"]
)
def test_shapes_that_do_not_belong_together_are_refused(user_ids, item_ids):
    with pytest.raises(ValueError, match="are needed"):
        built()([np.array(user_ids), np.array(item_ids)])


OUT_OF_RANGE = [([5], [[0]], "user"), ([-1], [[0]], "user"), ([0], [[1, 7]], "item"), ([0], [[-1, 1]], "item")]


@pytest.mark.parametrize(("user_ids", "item_ids", "whose"), OUT_OF_RANGE)
def test_ids_out_of_range_raise_at_once_and_in_a_graph(user_ids, item_ids, whose):
    """Neither -1 nor the number of rows reads some other row."""
    layer, ids = built(), [np.array(user_ids), np.array(item_ids)]
    with pytest.raises(ValueError, match=f"{whose} ids must be in"):
        layer(ids)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{whose} ids must be in"):
        tf.function(layer)(ids)


def test_under_xla_ids_out_of_range_give_nan_and_leave_the_others_alone():
    """XLA drops assertions and reads the last row instead; NaN cannot pass for a score."""
    users, items = tf.function(built(), jit_compile=True)([tf.constant([5, -1, 4]), tf.constant([[0, 7], [-1, 6], [1, 1]])])
    np.testing.assert_array_equal(np.isnan(users).any(axis=1), [True, True, False])
    np.testing.assert_array_equal(np.isnan(items).any(axis=2), [[False, True], [True, False], [False, False]])


def test_keras_does_not_choose_xla_for_a_model_with_ids():
    """`fit` compiles with XLA where it can; with this layer a bad id must still stop it."""
    made = [keras.Input((1,), dtype="int64"), keras.Input((2,), dtype="int64")]
    users, items = CollaborativeUserItemEmbedding(5, 7, 3)(made)
    model = keras.Model(made, keras.ops.sum(users[:, None] * items, axis=-1))
    model.compile("sgd", "mse")
    with pytest.raises(tf.errors.InvalidArgumentError, match="item ids must be in"):
        model.fit([np.array([[0]]), np.array([[1, 7]])], np.zeros((1, 2)), verbose=0)


@pytest.mark.parametrize("at", [0, 1])
def test_ids_that_are_not_integers_are_refused(at):
    """The fraction of 1.9 would be lost."""
    ids = [np.array([1]), np.array([[1]])]
    ids[at] = ids[at] + 0.9
    with pytest.raises(TypeError, match="must be integers"):
        built()(ids)


def test_the_gradient_touches_only_the_rows_of_the_batch():
    """A penalty on whole tables would make it as large as the tables; here each lookup leaves one row, regularised or not."""
    layer = built(l2_reg=0.1)
    variables = [layer.user_embeddings.value, layer.item_embeddings.value]
    with tf.GradientTape() as tape:
        users, items = layer([np.array([1, 3]), np.array([[0, 6], [2, 2]])])
        loss = tf.reduce_sum(users[:, None] * items) + tf.add_n(layer.losses)
    user_gradient, item_gradient = tape.gradient(loss, variables)
    assert isinstance(user_gradient, tf.IndexedSlices)
    assert isinstance(item_gradient, tf.IndexedSlices)
    np.testing.assert_array_equal(user_gradient.indices, [1, 3])
    np.testing.assert_array_equal(item_gradient.indices, [0, 6, 2, 2])


def test_the_gradient_is_sparse_under_mixed_precision_too():
    layer = built(l2_reg=0.1, dtype="mixed_float16")
    with tf.GradientTape() as tape:
        users, items = layer([np.array([1]), np.array([[0, 6]])])
        loss = tf.reduce_sum(users[:, None] * items)
    assert users.dtype == items.dtype == tf.float16
    assert isinstance(tape.gradient(loss, layer.item_embeddings.value), tf.IndexedSlices)


def test_the_penalty_is_the_mean_squared_length_of_what_the_batch_looks_up():
    """Users 0 (0, 1, 2) and 1 (3, 4, 5), items 1 (3, 4, 5) and 2 (6, 7, 8), item 0 masked: 0.1 x (55 / 2 + 199 / 2)."""
    layer = built(l2_reg=0.1)
    ids = [np.array([0, 1]), np.array([[1, 0], [2, 0]])]
    layer(ids, item_mask=np.array([[True, False], [True, False]]))
    np.testing.assert_allclose(layer.losses, [0.1 * (55 / 2 + 199 / 2)])
    longer = [ids[0], np.concatenate([ids[1], [[6, 6], [6, 6]]], axis=1)]
    layer(longer, item_mask=np.array([[True, False, False, False], [True, False, False, False]]))
    np.testing.assert_allclose(layer.losses, [0.1 * (55 / 2 + 199 / 2)])


def test_without_l2_there_is_no_penalty():
    layer = built(l2_reg=0.0)
    layer([np.array([0]), np.array([[1]])])
    assert layer.losses == []


def test_more_l2_makes_shorter_vectors():
    """Trained towards large products, vectors stay shorter the more their length costs."""
    lengths = []
    for l2_reg in (0.0, 1.0, 10.0):
        layer = CollaborativeUserItemEmbedding(5, 7, 3, l2_reg)
        layer([np.array([0]), np.array([[0]])])
        layer.set_user_vectors(range(5), np.full((5, 3), 0.1))
        layer.set_item_vectors(range(7), np.full((7, 3), 0.1))
        optimizer = keras.optimizers.SGD(0.1)
        for _ in range(15):
            with tf.GradientTape() as tape:
                users, items = layer([np.arange(5), np.array([[0, 1, 2, 3, 4, 5, 6]] * 5)])
                loss = tf.reduce_mean(tf.square(tf.linalg.matvec(items, users) - 4)) + sum(layer.losses)
            optimizer.apply(tape.gradient(loss, layer.trainable_variables), layer.trainable_variables)
        lengths.append(float(tf.norm(layer.user_embeddings.value)))
    assert lengths[0] > 1.1 * lengths[1] > 1.1 * lengths[2]


def test_given_vectors_replace_their_rows_alone():
    """New items start from vectors of another model."""
    layer = built()
    layer.set_item_vectors([6, 2], [[1, 1, 1], [2, 2, 2]])
    expected = -np.arange(21).reshape(7, 3)
    expected[6], expected[2] = 1, 2
    np.testing.assert_array_equal(layer.item_embeddings.value, expected)


@pytest.mark.parametrize(
    ("ids", "vectors"), [([7], [[0, 0, 0]]), ([-1], [[0, 0, 0]]), ([1.5], [[0, 0, 0]]), ([1], [[0, 0]]), ([1], [[0, 0, np.nan]])]
)
def test_given_vectors_that_do_not_fit_are_refused(ids, vectors):
    with pytest.raises(ValueError, match="must be"):
        built().set_item_vectors(ids, vectors)


@pytest.mark.parametrize("wrong", [{"num_users": 0}, {"num_items": 2.5}, {"embedding_dim": True}, {"l2_reg": -1e-4}, {"l2_reg": np.nan}])
def test_sizes_that_make_no_sense_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CollaborativeUserItemEmbedding(**{"num_users": 5, "num_items": 7, **wrong})


def test_the_documented_defaults_hold():
    layer = CollaborativeUserItemEmbedding(5, 7)
    assert (layer.embedding_dim, layer.l2_reg) == (32, 1e-4)
