"""Claims about `models.content.feature_inputs`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp

from models.content.feature_inputs import RARE_SHARE, FeatureInputs


def words(n_rows: int = 300, n_columns: int = 60, n_topics: int = 6, seed: int = 0) -> sp.csr_matrix:
    """Describe rows by the words of their topic, with chance; the last row has no words."""
    rng = np.random.default_rng(seed)
    of_topic = np.arange(n_columns) % n_topics == (np.arange(n_rows) % n_topics)[:, None]
    used = rng.random((n_rows, n_columns)) < np.where(of_topic, 0.5, 0.02)
    used[-1] = False
    return sp.csr_matrix(used, dtype=np.float32)


def test_few_columns_are_kept_and_weighed_alike() -> None:
    """A number of any unit and a category of any frequency come to columns of about one."""
    rng = np.random.default_rng(1)
    price, has_cover = rng.normal(0, 250, 1000), rng.random(1000) < 0.2
    features = sp.csr_matrix(np.stack([price, has_cover], axis=1), dtype=np.float32)
    inputs = FeatureInputs.fit(features, size=8, seed=0)(features)
    assert inputs.shape == (1000, 2)
    np.testing.assert_allclose(np.sqrt(np.square(inputs).mean(axis=0)), 1, rtol=0.05)


def test_many_columns_keep_the_directions_in_which_rows_differ_most() -> None:
    """As many orthonormal directions as wanted hold, within a thousandth, as much as the best that exact decomposition can find."""
    features = words()[:-1]
    scaled = features.toarray() / np.sqrt(np.square(features.toarray()).mean(axis=0) + RARE_SHARE)
    rows = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    inputs = FeatureInputs.fit(features, size=6, seed=0)
    np.testing.assert_allclose(inputs.directions.T @ inputs.directions, np.eye(6), atol=1e-5)
    best = np.square(np.linalg.svd(rows, compute_uv=False)[:6]).sum()
    assert np.square(rows @ inputs.directions).sum() > 0.999 * best


def test_rows_without_features_become_zeros_and_all_others_one_length() -> None:
    """How many words describe an item says nothing about it; nothing said about it stays nothing."""
    features = words()
    inputs = FeatureInputs.fit(features[:-1], size=6, seed=0)(features)
    assert not inputs[-1].any()
    np.testing.assert_allclose(np.linalg.norm(inputs[:-1], axis=1), np.sqrt(6), rtol=1e-5)


def test_where_nothing_is_known_of_anything_one_empty_column_stands_for_it() -> None:
    """No columns, or none ever used, are no reason to fail."""
    for n_columns in (0, 500):
        nothing = sp.csr_matrix((7, n_columns), dtype=np.float32)
        inputs = FeatureInputs.fit(nothing, size=6, seed=0)(nothing)
        assert inputs.shape == (7, 1)
        assert not inputs.any()


def test_inputs_read_back_write_the_same_rows(tmp_path: Path) -> None:
    """Saved and loaded, features are written to the same bits, whether columns were reduced or kept."""
    features = words()
    for size in (6, 100):
        inputs = FeatureInputs.fit(features, size, seed=0)
        inputs.save(tmp_path / "inputs.npz")
        np.testing.assert_array_equal(FeatureInputs.load(tmp_path / "inputs.npz")(features), inputs(features))
