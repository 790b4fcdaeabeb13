"""Claims about `models.content.tower_network` and `models.content.tower`, its twin without TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from models.content.tower import Tower
from models.content.tower_samples import Samples
from models.content.towers import TowersConfig
from models.divergence import DivergedError
from models.scorer import silent

TINY = TowersConfig(embedding_size=5, hidden=(8, 6), batch_size=32, epochs=4, learning_rate=0.01)


def samples() -> Samples:
    """Return likes of items that share an input with those who like them."""
    rng = np.random.default_rng(4)
    likes = sp.csr_matrix(rng.random((40, 30)) < np.where(np.arange(40)[:, None] % 2 == np.arange(30) % 2, 0.6, 0.05), dtype=np.float32)
    inputs = np.stack([np.arange(30) % 2, *rng.normal(size=(3, 30))], axis=1).astype(np.float32)
    return Samples(likes, inputs, np.zeros((40, 1), np.float32))


def test_a_tower_without_tensorflow_is_the_tower_that_was_trained(tmp_path: Path) -> None:
    """Plain arrays give the vectors Keras gives, of unit length, also when saved and read back."""
    import keras

    from models.content.tower_network import tower_network

    network = tower_network(4, TINY, seed=1)
    rng = np.random.default_rng(5)
    network.set_weights([rng.normal(size=weights.shape) for weights in network.get_weights()])
    tower, inputs = Tower(network.get_weights()), rng.normal(size=(50, 4)).astype(np.float32)
    expected = keras.ops.convert_to_numpy(network(inputs, training=False))
    np.testing.assert_allclose(tower(inputs), expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(tower(inputs), axis=1), 1, rtol=1e-5)
    tower.save(tmp_path / "tower.npz")
    np.testing.assert_array_equal(Tower.load(tmp_path / "tower.npz", len(TINY.hidden))(inputs), tower(inputs))


def test_the_loss_is_a_softmax_without_popularity_and_without_what_the_user_likes_as_well() -> None:
    """Written down user by user, it is minus the log of the like's share among the true negatives, each divided by its chance."""
    from models.content.tower_network import softmax_loss

    rng = np.random.default_rng(6)
    logits, log_chance = rng.normal(size=(9, 12)).astype(np.float32), np.log(rng.dirichlet(np.ones(12))).astype(np.float32)
    target = rng.permutation(12)[:9].astype(np.int32)
    excluded = (rng.random((9, 12)) < 0.3) & (target[:, None] != np.arange(12))
    surprise = []
    for row in range(9):
        odds = np.exp(logits[row]) / np.exp(log_chance) * ~excluded[row]
        surprise.append(-np.log(odds[target[row]] / odds.sum()))
    assert float(softmax_loss(logits, target, log_chance, excluded)) == pytest.approx(np.mean(surprise), rel=1e-5)


def test_training_lowers_the_loss_epoch_by_epoch() -> None:
    """There is one value an epoch, and the last is the lowest."""
    from models.content.tower_network import train_towers

    losses = train_towers(samples(), TINY, seed=1, progress=silent).losses
    assert len(losses) == TINY.epochs
    assert losses[-1] == min(losses)


def test_training_ends_when_two_epochs_bring_nothing() -> None:
    """Where they had to halve the loss, the third is the last."""
    from models.content.tower_network import train_towers

    losses = train_towers(samples(), TINY.model_copy(update={"min_improvement": 0.5}), seed=1, progress=silent).losses
    assert len(losses) == 3


def test_a_loss_that_is_no_number_ends_training_with_the_step_and_a_hint() -> None:
    """Features that are no numbers do not end in a model that is none."""
    from models.content.tower_network import train_towers

    broken = samples()
    broken.taste[3] = np.nan
    with pytest.raises(DivergedError, match=r"towers: the loss became nan at step 0; a smaller learning_rate"):
        train_towers(broken, TINY, seed=1, progress=silent)


FITTED_ELSEWHERE = """
import hashlib
from models.compute import ComputeConfig, configure_tensorflow, limited_threads
from models.content.towers import Towers, TowersConfig
from tests.worlds import newcomers
configure_tensorflow(ComputeConfig(threads=2), 3)
with limited_threads(ComputeConfig(threads=2)):
    towers = Towers(TowersConfig(batch_size=64)).fit(newcomers().data, seed=3)
    print(hashlib.sha256(towers.score(newcomers().everybody).tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_another_process_learns_the_same_bytes() -> None:
    """The same data, seed and threads give the same scores in two processes."""
    runs = [subprocess.run([sys.executable, "-c", FITTED_ELSEWHERE], check=True, capture_output=True, text=True) for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout != ""
