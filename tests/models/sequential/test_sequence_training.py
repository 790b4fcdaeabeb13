"""Claims about `models.sequential.sequence_training`, and about the networks in arrays and in TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from models.divergence import DivergedError
from models.scorer import silent
from models.sequential import attention, next_item
from models.sequential.attention import AttentionConfig
from models.sequential.next_item import NextItemConfig
from models.sequential.stretches import Sequences
from models.sequential.training_config import TrainingConfig
from tests.worlds import World, interactions

LENGTH, SIZE, N_ITEMS = 6, 4, 9
Weights = dict[str, NDArray[np.float32]]


def shaken(weights: Weights) -> Weights:
    """Return weights of the same shapes, none of them zero."""
    rng = np.random.default_rng(3)
    return {name: rng.normal(0, 0.7, values.shape).astype(np.float32) for name, values in weights.items()}


def small_networks() -> dict[str, Weights]:
    """Return weights of both networks for nine items, as if trained."""
    items = np.zeros((N_ITEMS, SIZE + 1), np.float32)
    return {
        "next_item": shaken(next_item.first_weights(items, NextItemConfig(last=3, embedding_size=SIZE, hidden=(5, 7)), seed=0)),
        "attention": shaken(attention.first_weights(items, AttentionConfig(last=LENGTH, embedding_size=SIZE, hidden=5), seed=0)),
    }


def liked(n_users: int = 5) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Draw vectors of likes, oldest first, for users with ever fewer of them; zeros in front."""
    known = np.arange(LENGTH) >= np.arange(n_users)[:, None]
    return np.random.default_rng(4).normal(size=(n_users, LENGTH, SIZE)).astype(np.float32) * known[:, :, None], known


@pytest.mark.parametrize("model", ["next_item", "attention"])
def test_the_network_without_tensorflow_is_the_network_that_was_trained(model: str) -> None:
    """After the latest like, plain arrays reach the state that TensorFlow reaches, however long the history."""
    from models.sequential import attention_network, next_item_network

    weights = small_networks()[model]
    encode, module = {"next_item": (next_item_network.encode, next_item), "attention": (attention_network.encode, attention)}[model]
    vectors, known = liked()
    expected = encode(weights, vectors, known, lambda values: values).numpy()[:, -1]
    last = weights["places"].shape[-1]
    newest_first = vectors[:, ::-1][:, :last], known[:, ::-1][:, :last]
    np.testing.assert_allclose(module.state(weights, *newest_first), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", ["next_item", "attention"])
def test_no_state_knows_the_future_or_its_batch_mates(model: str) -> None:
    """Other likes after a like, or in another row, change nothing about the state after it."""
    from models.sequential import attention_network, next_item_network

    weights = small_networks()[model]
    encode = {"next_item": next_item_network.encode, "attention": attention_network.encode}[model]
    vectors, known = liked()
    states = encode(weights, vectors, known, lambda values: values).numpy()
    changed = vectors.copy()
    changed[:, 4:] *= np.float32([1, 2, -1, 3])
    changed[1:] *= np.float32([2, 1, 1, -1])
    again = encode(weights, changed, known, lambda values: values).numpy()
    np.testing.assert_allclose(again[0, :4], states[0, :4], rtol=1e-5, atol=1e-6)
    assert not np.allclose(again[0, 4:], states[0, 4:])


def random_losses() -> tuple[NDArray[np.float32], ...]:
    """Draw states, rows, shares and items as the losses take them."""
    rng = np.random.default_rng(5)
    items, stretch = rng.normal(size=(N_ITEMS, SIZE)).astype(np.float32), rng.integers(0, N_ITEMS, (2, 5))
    share = np.triu(rng.random((3, 5)), 1).astype(np.float32)
    share = np.broadcast_to(share / share.sum(axis=1, keepdims=True), (2, 3, 5))
    return rng.normal(size=(2, 3, SIZE)).astype(np.float32), items[stretch], share, items


def test_the_full_loss_is_cross_entropy_with_all_that_follows() -> None:
    """Written down like by like, it is the shared out minus log of the softmax over the catalogue."""
    from models.sequential.sequence_training import full_softmax

    states, rows, share, items = random_losses()
    odds = np.exp(states @ items.T)
    scores = np.einsum("bls,bks->blk", states, rows)
    expected = -(share * (scores - np.log(odds.sum(axis=-1))[:, :, None])).sum(axis=-1)
    np.testing.assert_allclose(full_softmax(states, rows, share, items).numpy(), expected, rtol=1e-4)


def test_the_sampled_loss_tends_to_the_full_one() -> None:
    """With many drawn items, drawn by whatever chances, the corrected loss is the loss over the catalogue; without correction it is not."""
    from models.sequential.sequence_training import full_softmax, sampled_softmax

    states, rows, share, items = random_losses()
    chance = np.random.default_rng(6).dirichlet(np.ones(N_ITEMS))
    n_drawn = 200_000
    drawn = np.random.default_rng(7).choice(N_ITEMS, n_drawn, p=chance)
    log_expected = np.log(chance[drawn] * n_drawn).astype(np.float32)
    full = full_softmax(states, rows, share, items).numpy()
    # What follows joins the drawn with its own weight: a bias that the drawn outnumber, here 1 to 9.
    own = np.log1p((share * np.exp(np.einsum("bls,bks->blk", states, rows))).sum(axis=-1) / np.exp(states @ items.T).sum(axis=-1))
    sampled = sampled_softmax(states, rows, share, items[drawn], log_expected).numpy()
    np.testing.assert_allclose(sampled, full + own, atol=0.02)
    uncorrected = sampled_softmax(states, rows, share, items[drawn], np.full_like(log_expected, np.log(n_drawn / N_ITEMS))).numpy()
    assert np.abs(uncorrected - full - own).max() > 0.2


def test_shares_ahead_fall_with_distance_and_sum_to_one() -> None:
    """Each like shares one among the likes that follow it within reach; the last has nothing to foresee."""
    from models.sequential.sequence_training import band_ahead, shares_ahead

    config = TrainingConfig(ahead=2, ahead_decay=0.5)
    shares = shares_ahead(band_ahead(3, config), np.array([[True, True, True, True, False]])).numpy()[0]
    np.testing.assert_allclose(shares, [[0, 2 / 3, 1 / 3, 0, 0], [0, 0, 2 / 3, 1 / 3, 0], [0, 0, 0, 1, 0]], rtol=1e-6)
    assert not shares_ahead(band_ahead(1, config), np.array([[True, False, False]])).numpy().any()


def test_adam_is_adam() -> None:
    """Three steps along given slopes are what the optimiser of Keras does with them."""
    import keras
    import tensorflow as tf

    from models.sequential.sequence_training import FIRST_MOMENT, SECOND_MOMENT, TINY, Moments, adam

    start = np.array([1.0, -2.0, 0.5], np.float32)
    theirs = tf.Variable(start)
    optimizer = keras.optimizers.Adam(0.1, beta_1=FIRST_MOMENT, beta_2=SECOND_MOMENT, epsilon=TINY)
    ours = Moments({"w": start}, {"w": np.zeros_like(start)}, {"w": np.zeros_like(start)})
    for step, slope in enumerate(([1.0, 0.1, -3.0], [-1.0, 0.2, 0.0], [0.5, 0.3, 2.0]), start=1):
        optimizer.apply([tf.constant(slope)], [theirs])
        ours = adam(ours, {"w": np.array(slope, np.float32)}, np.float32(0.1), np.float32(step))
    np.testing.assert_allclose(ours.weights["w"], theirs.numpy(), rtol=1e-4)


def test_an_epoch_is_cut_to_the_steps_it_may_have() -> None:
    """Where likes are many, `max_steps` bounds what an epoch shows; where they are few, empty stretches fill the batch."""
    from models.sequential.sequence_training import epoch_batches

    sequences = Sequences.of(interactions(np.repeat(np.arange(30), 4), np.arange(120), (30, 120), age_days=1 + np.arange(120)))
    capped = epoch_batches(sequences, 4, TrainingConfig(ahead=1, batch_size=4, epochs=3, max_steps=7), np.random.default_rng(0))
    assert [batch.shape for batch in capped] == [(4, 5)] * 2
    (whole,) = epoch_batches(sequences, 4, TrainingConfig(ahead=1, batch_size=100), np.random.default_rng(0))
    assert whole.shape == (100, 5)
    assert (whole[:, :4] < 120).sum() == 120


def test_a_loss_that_is_no_number_ends_training(two_tastes: World) -> None:
    """Weights that are no numbers do not end in a model that is none."""
    from models.sequential.next_item_network import encode
    from models.sequential.sequence_training import train

    sequences = Sequences.of(two_tastes.data.interactions)
    broken = next_item.first_weights(np.full((sequences.n_items, SIZE + 1), np.nan, np.float32), NextItemConfig(embedding_size=SIZE), 0)
    with pytest.raises(DivergedError, match=r"next_item: the loss became nan at step 0"):
        train(encode, broken, sequences, LENGTH, TrainingConfig(), 0, "next_item", silent)


FITTED_ELSEWHERE = """
import hashlib
from models.compute import ComputeConfig, configure_tensorflow, limited_threads
from tests.models.scorers import SCORERS
from tests.worlds import newcomers
configure_tensorflow(ComputeConfig(threads=2), 3)
with limited_threads(ComputeConfig(threads=2)):
    for name in ("next_item", "attention"):
        scores = SCORERS[name]().fit(newcomers().data, seed=3).score(newcomers().everybody)
        print(hashlib.sha256(scores.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_another_process_learns_the_same_bytes() -> None:
    """The same data, seed and threads give the same scores in two processes."""
    runs = [subprocess.run([sys.executable, "-c", FITTED_ELSEWHERE], check=True, capture_output=True, text=True) for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout != ""
