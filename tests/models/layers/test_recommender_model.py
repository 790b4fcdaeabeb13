from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from models.layers import CollaborativeUserItemEmbedding
from models.layers.recommender_model import RecommenderModel


def model() -> Any:
    inputs = {"user_id": keras.Input((1,), dtype="int64", name="user_id"), "item_id": keras.Input((2,), dtype="int64", name="item_id")}
    users, items = CollaborativeUserItemEmbedding(5, 7, 3)([inputs["user_id"], inputs["item_id"]])
    return RecommenderModel(inputs, keras.ops.sum(users[:, None] * items, axis=-1))


IDS = {"user_id": np.array([[1], [4]]), "item_id": np.array([[1, 2], [6, 0]])}


@pytest.mark.parametrize("name", ["user_id", "item_id"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("way", ["call", "predict", "fit"])
def test_float_ids_are_refused_where_keras_would_cut_their_fraction_off(name, kind, way):
    ids, made = {**IDS, name: IDS[name].astype(kind) + kind(0.9)}, model()
    made.compile("sgd", "mse")
    with pytest.raises(TypeError, match=f"{name} must be integers"):
        made.fit(ids, np.zeros((2, 2)), verbose=0) if way == "fit" else made.predict(ids, verbose=0) if way == "predict" else made(ids)


def test_a_model_loaded_from_its_file_refuses_them_too(tmp_path):
    model().save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded(IDS).shape == (2, 2)
    with pytest.raises(TypeError, match="user_id must be integers"):
        loaded({**IDS, "user_id": IDS["user_id"] + 0.5})
