import importlib

import numpy as np
import pytest

from benchmarks.loops import LOOPS
from benchmarks.sparse_world import SparseWorldConfig
from benchmarks.training_loops import made_up, measured, one_hot

SMALL = SparseWorldConfig(n_users=300, n_items=200, n_pairs=6000, n_places=4, n_topics=20)


def test_a_made_up_world_is_in_the_order_models_expect():
    """Pairs are sorted by user, then item; the newest is 0 days old; every item is of one place, one topic and one brand."""
    data = made_up(SMALL)
    happened = data.interactions
    pair = happened.user.astype(np.int64) * happened.n_items + happened.item
    assert (np.diff(pair) > 0).all()
    assert happened.age_days.min() == 0
    assert happened.ordered
    assert (data.items.features.sum(axis=1) == 3).all()


def test_one_column_per_value():
    assert one_hot(np.array(["b", "a", "b"])).toarray().tolist() == [[0, 1], [1, 0], [0, 1]]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", LOOPS)
def test_a_twin_learns_and_both_sides_are_timed(name):
    """The loss of the twin falls under `fit`, so it is the network that it stands for and not an empty one."""
    data = made_up(SMALL)
    loop = importlib.import_module(f"benchmarks.loops.{name}").loop(data)
    found = measured(name, loop, data)
    assert found["ours"] > 0
    assert found["keras"] > 0
    losses = loop.twin.history.history["loss"]
    assert losses[-1] < losses[0]
