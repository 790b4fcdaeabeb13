from __future__ import annotations

import keras
import numpy as np
import pytest

from models.layers import DeepFeatureRanking

rng = np.random.default_rng(0)
USERS, ITEMS = rng.normal(size=(6, 3)).astype(np.float32), rng.normal(size=(6, 5, 4)).astype(np.float32)
PAIRS = np.concatenate([np.repeat(USERS[:, None], 5, axis=1), ITEMS], axis=2)


def test_both_forms_of_the_input_compute_the_same_scores():
    """The kernel over pairs, cut into the user's rows and the item's rows, gives (6, 5) scores without the rows of pairs."""
    pairs, separate = DeepFeatureRanking(8, hidden_layers=2), DeepFeatureRanking(8, hidden_layers=2)
    expected = pairs(PAIRS)
    separate([USERS, ITEMS])
    named = {weight.path.split("/", 1)[1]: weight for weight in pairs.weights}
    kernel, *others = (named[path].numpy() for path in named)
    by_shape = [kernel[3:], others[0], kernel[:3], *others[1:]]
    separate.set_weights(sorted_like(by_shape, separate))
    np.testing.assert_allclose(separate([USERS, ITEMS]), expected, rtol=1e-4, atol=1e-5)
    assert expected.shape == (6, 5)


def sorted_like(arrays: list[np.ndarray], layer: DeepFeatureRanking) -> list[np.ndarray]:
    """Bring the arrays of the item part, the user part and the rest into the order of a layer's weights."""
    wanted = [*layer.item_part.weights, *layer.user_part.weights, *(weight for each in layer.stack for weight in each.weights)]
    found = {id(weight): array for weight, array in zip(wanted, arrays, strict=True)}
    return [found[id(weight)] for weight in layer.weights]


def test_scores_have_either_sign():
    """A ReLU at the end would make all bad items alike."""
    scores = np.asarray(DeepFeatureRanking(16)(PAIRS))
    assert scores.min() < 0 < scores.max()


def test_it_learns_that_near_features_belong_together():
    """Trained to tell pairs of one sign from pairs of two, it puts the former first among pairs it has never seen."""
    keras.utils.set_random_seed(0)
    user, item = (np.random.default_rng(seed).choice([-1.0, 1.0], (256, size)).astype(np.float32) for seed, size in ((1, 1), (2, 1)))
    alike = (user == item).astype(np.float32)
    inputs = [keras.Input((1,)), keras.Input((1, 1))]
    model = keras.Model(inputs, DeepFeatureRanking(16, dropout_rate=0.0)(inputs))
    model.compile(keras.optimizers.Adam(0.03), keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False)
    model.fit([user, item[:, None]], alike, batch_size=64, epochs=12, verbose=0)
    scores = model([np.array([[1.0], [-1.0]]), np.array([[[1.0]], [[1.0]]])]).numpy()[:, 0]
    assert scores[0] > 1 > -1 > scores[1]


@pytest.mark.parametrize("wrong", [{"hidden_dim": 0}, {"hidden_layers": 0}, {"dropout_rate": 1.0}, {"l2_reg": -1}])
def test_arguments_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DeepFeatureRanking(**wrong)


@pytest.mark.parametrize("inputs", [USERS, [USERS, USERS], [PAIRS, ITEMS], [USERS[:2], ITEMS]], ids=["row", "rows", "pairs", "batch"])
def test_shapes_that_do_not_belong_together_are_refused(inputs):
    with pytest.raises(ValueError, match="needed"):
        DeepFeatureRanking()(inputs)
