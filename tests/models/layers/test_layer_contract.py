"""What every layer promises, whatever it computes."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from models import layers

USERS, CANDIDATES, SIZE = 6, 5, 4
rng = np.random.default_rng(0)


def normal(*shape: int) -> NDArray[np.float32]:
    return rng.normal(size=shape).astype(np.float32)


def masked_scores() -> NDArray[np.float32]:
    scores = normal(USERS, CANDIDATES)
    scores[1, 2] = scores[3, 0] = -np.inf
    return scores


class Case(NamedTuple):
    """A way to make a layer, what it is called with, and which inputs have an axis of candidates (and with what they are padded)."""

    make: Callable[..., Any]
    inputs: list[NDArray[Any]]
    padding: dict[int, Any]


users, items = normal(USERS, SIZE), normal(USERS, CANDIDATES, SIZE)
places = [np.array([[lat, 3 * lat] for lat in range(USERS)], np.float32), rng.uniform(-80, 80, (USERS, CANDIDATES, 2)).astype(np.float32)]
ids = [np.array([[0], [6], [3], [3], [1], [2]]), rng.integers(0, 9, (USERS, CANDIDATES))]
TWO_TABLES, MASKED_PADDING = [masked_scores(), masked_scores()], {0: -np.inf, 1: -np.inf}
CASES = {
    "CollaborativeUserItemEmbedding": Case(lambda **more: layers.CollaborativeUserItemEmbedding(7, 9, 4, 1e-3, **more), ids, {1: 0}),
    "NormalizedDotProductSimilarity": Case(lambda **more: layers.NormalizedDotProductSimilarity("scaled", **more), [users, items], {1: 0}),
    "TopKRecommendationSelector": Case(lambda **more: layers.TopKRecommendationSelector(3, **more), [masked_scores()], {0: -np.inf}),
    "DeepFeatureTower": Case(lambda **more: layers.DeepFeatureTower(3, (5, 4), 0.0, activation="gelu", **more), [items], {0: 0}),
    "DeepFeatureRanking": Case(lambda **more: layers.DeepFeatureRanking(6, 1e-3, 0.0, 2, **more), [users, items], {1: 0}),
    "LearnableWeightedCombination": Case(
        lambda **more: layers.LearnableWeightedCombination(2, 0.5, 0.1, 0.2, **more), TWO_TABLES, MASKED_PADDING
    ),
    "CosineSimilarityExplainer": Case(lambda **more: layers.CosineSimilarityExplainer(True, **more), [items[:, :2], items], {1: 0}),
    "YsMean": Case(lambda **more: layers.YsMean([2, 1], [0.5, 3], True, **more), TWO_TABLES, MASKED_PADDING),
    "GreatCircleProximity": Case(lambda **more: layers.GreatCircleProximity(500, **more), places, {1: 0}),
}


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    """Return each layer's case in turn."""
    return CASES[request.param]


def outputs(layer: Any, inputs: list[NDArray[Any]], **options: Any) -> list[NDArray[Any]]:
    """Call a layer and return what it gives as a list of arrays."""
    return [np.asarray(output) for output in tf.nest.flatten(layer(inputs if len(inputs) > 1 else inputs[0], **options))]


def with_random_weights(layer: Any, inputs: list[NDArray[Any]]) -> Any:
    outputs(layer, inputs)
    layer.set_weights([np.random.default_rng(1).normal(size=weight.shape) for weight in layer.weights])
    return layer


def model_of(case: Case) -> keras.Model:
    made = [keras.Input(array.shape[1:], dtype=array.dtype.name) for array in case.inputs]
    return keras.Model(made, case.make()(made if len(made) > 1 else made[0]))


def test_every_layer_of_the_package_is_held_to_the_contract():
    assert sorted(CASES) == sorted(layers.HOMES)


def test_the_package_imports_no_tensorflow_until_a_layer_is_asked_for():
    code = "import sys, models.layers; print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    with pytest.raises(AttributeError, match="LearnedWeightedCombination"):
        _ = layers.LearnedWeightedCombination


@pytest.mark.parametrize("word", ["embeding_dim", "units_", "weight"])
def test_an_unknown_keyword_is_refused_by_its_name(case, word):
    """A misspelt argument would otherwise leave the default in place, unnoticed."""
    with pytest.raises(ValueError, match=word):
        case.make(**{word: 3})


def test_the_configuration_holds_every_argument_no_weights_and_makes_an_equal_layer(case):
    layer = with_random_weights(case.make(name="named"), case.inputs)
    config = layer.get_config()
    arguments = set(inspect.signature(type(layer).__init__).parameters) - {"self", "kwargs"}
    assert arguments <= set(config)
    assert len(json.dumps(config)) < 500
    assert type(layer).from_config(config).get_config() == config


def test_saved_and_loaded_it_answers_to_the_bit(case, tmp_path):
    model = model_of(case)
    model.set_weights([np.random.default_rng(1).normal(size=weight.shape) for weight in model.weights])
    model.save(tmp_path / "model.keras")
    before, after = (m(case.inputs) for m in (model, keras.models.load_model(tmp_path / "model.keras")))
    for old, new in zip(tf.nest.flatten(before), tf.nest.flatten(after), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("training", [False, True])
def test_batch_mates_change_nothing(case, training):
    """A row alone, or in another order among others, is scored as in the whole batch; while training too."""
    layer = with_random_weights(case.make(), case.inputs)
    options = {"training": training} if "training" in inspect.signature(type(layer).call).parameters else {}
    whole = outputs(layer, case.inputs, **options)
    for rows in ([3], [5, 1, 0]):
        for part, output in zip(outputs(layer, [array[rows] for array in case.inputs], **options), whole, strict=True):
            np.testing.assert_allclose(part, output[rows], rtol=1e-4, atol=1e-6)


def test_candidates_that_are_padding_change_nothing_for_the_others(case):
    layer = with_random_weights(case.make(), case.inputs)
    widened = [
        np.concatenate([array, np.full_like(array[:, :2], case.padding[at])], axis=1) if at in case.padding else array
        for at, array in enumerate(case.inputs)
    ]
    for longer, output in zip(outputs(layer, widened), outputs(layer, case.inputs), strict=True):
        cut = longer[:, : output.shape[1]] if output.ndim > 1 else longer
        np.testing.assert_allclose(cut, output, rtol=1e-4, atol=1e-6)


def test_a_graph_computes_what_eager_mode_computes(case):
    layer = with_random_weights(case.make(), case.inputs)
    in_graph = tf.function(layer)(case.inputs if len(case.inputs) > 1 else case.inputs[0])
    for graph, eager in zip(tf.nest.flatten(in_graph), outputs(layer, case.inputs), strict=True):
        np.testing.assert_allclose(graph, eager, rtol=1e-4, atol=1e-6)


def test_a_saved_configuration_does_not_grow_with_the_tables(tmp_path: Path):
    """A configuration with weights in it is read by nobody and grows with the catalogue."""
    sizes = []
    for n_items in (100, 10_000):
        made = [keras.Input((1,), dtype="int64"), keras.Input((5,), dtype="int64")]
        model = keras.Model(made, layers.CollaborativeUserItemEmbedding(10, n_items, 8)(made))
        model.save(tmp_path / "model.keras")
        with zipfile.ZipFile(tmp_path / "model.keras") as saved:
            sizes.append(saved.getinfo("config.json").file_size)
    assert sizes[1] - sizes[0] < 50
