"""Claims about cells: what lies close together is in one, and they depend on vectors and seed alone."""

from __future__ import annotations

import numpy as np

from models.blend import Blend
from models.cells import Cells, cells_of_catalogue
from tests.models.made_up import Multiplied, Told

EVERYBODY = np.ones(1, np.bool_)


def clusters(rng: np.random.Generator, n_clusters: int, size: int) -> np.ndarray:
    """Put items into clusters that lie far from each other; item n is of cluster n modulo their number."""
    middles = 100 * rng.normal(size=(n_clusters, 8))
    return (np.tile(middles, (size, 1)) + rng.normal(size=(n_clusters * size, 8))).astype(np.float32)


def test_no_cell_mixes_what_lies_far_apart() -> None:
    """Of clusters far apart, with about as many cells as there are of them, hardly an item shares its cell with one from elsewhere."""
    vectors = clusters(np.random.default_rng(1), 40, 10)
    cells = Cells.of(vectors, seed=3)
    of_cluster = np.arange(400) % 40
    pure = [len(set(of_cluster[items])) == 1 for items in cells.members() if len(items)]
    assert np.mean(pure) > 0.7
    np.testing.assert_array_equal(np.sort(np.concatenate(cells.members())), np.arange(400))


def test_every_item_is_in_the_cell_whose_middle_is_nearest() -> None:
    vectors = np.random.default_rng(2).normal(size=(5000, 6)).astype(np.float32)
    cells = Cells.of(vectors, seed=3)
    distance = np.linalg.norm(vectors[:, None] - cells.middles[None], axis=2)
    np.testing.assert_allclose(distance[np.arange(5000), cells.of_item], distance.min(axis=1), rtol=1e-4)


def test_items_without_a_vector_are_in_no_cell() -> None:
    vectors = clusters(np.random.default_rng(1), 5, 10)
    vectors[7:20] = 0
    cells = Cells.of(vectors, seed=3)
    np.testing.assert_array_equal(np.flatnonzero(cells.of_item < 0), np.arange(7, 20))
    assert not np.isin(np.arange(7, 20), np.concatenate(cells.members())).any()
    assert len(Cells.of(np.zeros((4, 3), np.float32), seed=3).middles) == 0


def test_the_same_seed_makes_the_same_cells() -> None:
    vectors = np.random.default_rng(2).normal(size=(3000, 6)).astype(np.float32)
    first, again, other = (Cells.of(vectors, seed).of_item for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_nearest_cells_begin_with_itself() -> None:
    middles = np.array([[0.0], [10], [1], [-2]], np.float32)
    np.testing.assert_array_equal(Cells(np.zeros(0, np.intp), middles).around(0, 3), [0, 2, 3])


def test_models_that_are_no_products_make_no_cells_and_silent_ones_none_of_theirs() -> None:
    """Cells follow the model that has all the weight; a model that tells no vectors has no say in them."""
    rng = np.random.default_rng(5)
    one, other = clusters(rng, 10, 20), rng.permutation(clusters(rng, 10, 20))
    knows = np.ones(200, np.bool_)
    user = np.ones((1, 8), np.float32)
    loud, quiet = (Multiplied("collaborative", user, items, knows, EVERYBODY) for items in (one, other))
    told = Told("content", user, other, knows, EVERYBODY)
    blend = Blend(("loud", "quiet", "told"), ("collaborative", "collaborative", "content"), ("all",), np.array([[0.8, 0, 0.2]]))
    with_others = cells_of_catalogue([loud, quiet, told], blend, 1)
    alone = cells_of_catalogue([loud], Blend(("loud",), ("collaborative",), ("all",), np.ones((1, 1))), 1)
    assert with_others is not None
    assert alone is not None
    np.testing.assert_array_equal(with_others.of_item, alone.of_item)
    assert cells_of_catalogue([told], Blend(("told",), ("content",), ("all",), np.ones((1, 1))), 1) is None
