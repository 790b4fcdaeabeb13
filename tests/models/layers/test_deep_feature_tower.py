from __future__ import annotations

import keras
import numpy as np
import pytest

from models.layers import DeepFeatureTower

FEATURES = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)


def by_hand(tower: DeepFeatureTower, rows: np.ndarray) -> np.ndarray:
    """Linear, layer norm, ReLU for every hidden layer, then linear, then unit length: written from the definition."""
    *hidden, kernel, bias = tower.get_weights()
    for at in range(0, len(hidden), 4):
        rows = rows @ hidden[at] + hidden[at + 1]
        rows = (rows - rows.mean(axis=-1, keepdims=True)) / np.sqrt(rows.var(axis=-1, keepdims=True) + 1e-3)
        rows = np.maximum(rows * hidden[at + 2] + hidden[at + 3], 0)
    rows = rows @ kernel + bias
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True) if tower.unit_norm else rows


@pytest.mark.parametrize("unit_norm", [True, False])
def test_it_computes_what_its_definition_says(unit_norm):
    tower = DeepFeatureTower(3, (8, 5), unit_norm=unit_norm)
    tower(FEATURES)
    tower.set_weights([np.random.default_rng(1).normal(size=weight.shape) for weight in tower.weights])
    np.testing.assert_allclose(tower(FEATURES), by_hand(tower, FEATURES), rtol=1e-3, atol=1e-5)


def test_flattened_candidates_get_the_vectors_they_get_in_their_lists():
    tower = DeepFeatureTower(3)
    np.testing.assert_allclose(np.reshape(tower(FEATURES), (-1, 3)), tower(FEATURES.reshape(-1, 4)), rtol=1e-5, atol=1e-6)


def test_a_number_of_hidden_layers_means_that_many_of_the_towers_width_and_a_sequence_means_its_widths():
    for hidden, expected in ((2, [32, 32]), (0, []), ((64, 16), [64, 16])):
        tower = DeepFeatureTower(32, hidden)
        tower(FEATURES)
        kernels = [weight.shape[1] for weight in tower.get_weights() if weight.ndim == 2]
        assert kernels == [*expected, 32]


def test_vectors_point_anywhere_and_dropout_never_cuts_them():
    """A last layer with ReLU would leave one corner of the space, one with dropout would zero parts of the vectors themselves."""
    tower = DeepFeatureTower(16, 0, dropout_rate=0.9)
    vectors = np.asarray(tower(FEATURES, training=True))
    assert (vectors < 0).mean() > 0.2
    assert (vectors != 0).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, rtol=1e-5)


def test_dropout_acts_while_training_alone():
    tower = DeepFeatureTower(16, 1, dropout_rate=0.5)
    np.testing.assert_array_equal(tower(FEATURES), tower(FEATURES, training=False))
    assert not np.allclose(tower(FEATURES), tower(FEATURES, training=True))


def test_l2_weighs_the_squares_of_all_kernels():
    tower = DeepFeatureTower(3, 1, l2_reg=0.1)
    tower(FEATURES)
    expected = 0.1 * sum(np.square(weight).sum() for weight in tower.get_weights() if weight.ndim == 2)
    np.testing.assert_allclose(sum(tower.losses), expected, rtol=1e-5)


def test_every_weight_is_made_when_the_layer_is_built():
    tower = DeepFeatureTower(3, 2)
    tower.build((None, 4))
    assert all(layer.built for layer in tower._flatten_layers())


@pytest.mark.parametrize(
    "wrong",
    [{"units": 0}, {"hidden_layers": -1}, {"hidden_layers": (3, 0)}, {"dropout_rate": 1.0}, {"l2_reg": -1}, {"activation": "rellu"}],
)
def test_arguments_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must|Could not interpret"):
        DeepFeatureTower(**wrong)


def test_features_of_an_unknown_number_are_refused():
    with pytest.raises(ValueError, match="known number"):
        DeepFeatureTower(3)(keras.Input((None,)))
