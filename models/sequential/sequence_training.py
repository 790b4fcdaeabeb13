"""How sequence networks learn what follows; importing this module loads TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.divergence import finite
from models.scorer import Progress
from models.sequential.stretches import Sequences
from models.sequential.training_config import TrainingConfig

Weights = dict[str, NDArray[np.float32]]
Hide = Callable[[tf.Tensor], tf.Tensor]
Encode = Callable[[Mapping[str, tf.Tensor], tf.Tensor, tf.Tensor, Hide], tf.Tensor]
"""Turns weights, vectors of likes (batch, length, size), which of them are likes (batch, length) and a dropout into a state after each
like, (batch, length, size), that knows nothing of later likes."""

NOTHING = -1e9
"""The logarithm of no chance at all."""

ITEMS = "items"
"""The weights every network has: a vector for each item and, in the last column, how often it follows whatever came before."""

POPULAR_DRAWN = 0.75
"""Power of an item's likes that its chance of being drawn as a negative goes with (Mikolov et al. 2013)."""

FIRST_MOMENT, SECOND_MOMENT, TINY = 0.9, 0.99, 1e-7
"""Adam's memory of direction and of steepness, of which the usual 0.999 outlasts a training of some hundred steps, and its least root."""

NEVER = 1e-30
"""Chance of what is never drawn, so that its logarithm is a number."""

WARM_UP = 30
"""Steps until the learning rate is reached, while Adam does not know yet how steep things are."""


class Moments(NamedTuple):
    """What a step changes: the weights, and Adam's running means of their gradients and of the squares of these."""

    weights: Mapping[str, tf.Tensor]
    means: Mapping[str, tf.Tensor]
    squares: Mapping[str, tf.Tensor]


def train(
    encode: Encode, start: Weights, sequences: Sequences, length: int, config: TrainingConfig, seed: int, model: str, progress: Progress
) -> tuple[Weights, list[float]]:
    """Let a network learn from every like of every sequence which likes follow; return its weights and the mean loss of each epoch."""
    rng = np.random.default_rng(seed)
    learn, log_chance = training_step(encode, length, config.of_a_step()), tf.constant(log_chances(sequences.likes_of_items))
    nothing = {name: tf.zeros_like(values) for name, values in start.items()}
    now = Moments({name: tf.constant(values) for name, values in start.items()}, nothing, nothing)
    losses: list[float] = []
    step = 0
    for epoch in range(config.epochs if len(sequences) else 0):
        batches = epoch_batches(sequences, length, config, rng)
        surprises = []
        for at, batch in enumerate(batches):
            done = (epoch + at / len(batches)) / config.epochs
            rate = config.learning_rate * 0.5 * (1 + math.cos(math.pi * done)) * min(1.0, (step + 1) / WARM_UP)
            now, loss = learn(now, tf.constant(batch), tf.constant(rate), tf.constant(step), tf.constant(seed), log_chance)
            surprises.append(finite(float(loss), model, step))
            step += 1
        losses.append(float(np.mean(surprises)))
        progress(f"{model}: epoch {epoch + 1} of {config.epochs}, loss {losses[-1]:.4f}")
    return {name: values.numpy() for name, values in now.weights.items()}, losses


def epoch_batches(sequences: Sequences, length: int, config: TrainingConfig, rng: np.random.Generator) -> list[NDArray[np.int32]]:
    """Cut the sequences anew into batches, as many of them as an epoch may have; empty stretches fill the last one."""
    most = max(1, config.max_steps // config.epochs)
    stretches = sequences.stretches(length, config.ahead, rng, at_most=most * config.batch_size)
    n_batches = min(-(-len(stretches) // config.batch_size), most)
    missing = max(0, n_batches * config.batch_size - len(stretches))
    filled = np.pad(stretches, ((0, missing), (0, 0)), constant_values=sequences.n_items)
    return np.split(filled[: n_batches * config.batch_size], n_batches)


def log_chances(likes_of_items: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the logarithm of each item's chance to be drawn as a negative; (items,)."""
    chance = likes_of_items.astype(np.float64) ** POPULAR_DRAWN * (likes_of_items > 0)
    return np.log(np.maximum(chance / max(chance.sum(), 1.0), NEVER)).astype(np.float32)


@lru_cache(maxsize=8)
def training_step(encode: Encode, length: int, config: TrainingConfig) -> Callable[..., tuple[Moments, tf.Tensor]]:
    """Compile one step of Adam: moments, stretches, learning rate, number of the step, seed and log chances -> new moments and loss.

    Weights go in and come out as plain tensors, so that networks of one shape share one compiled step.
    """
    band = band_ahead(length, config)

    def loss_of(weights: Mapping[str, tf.Tensor], stretches: tf.Tensor, seeds: Iterator[tf.Tensor], log_chance: tf.Tensor) -> tf.Tensor:
        items = weights[ITEMS]
        # One row of zeros for what is no like; its detour through `concat` makes one dense gradient of the rows read and the softmax.
        rows = tf.gather(tf.concat([items, tf.zeros((1, items.shape[1]))], axis=0), stretches)
        is_like = stretches < items.shape[0]
        likes = is_like[:, :length]
        states = encode(weights, _hide(rows[:, :length, :-1], config, seeds), likes, lambda values: _hide(values, config, seeds))
        states = tf.concat([states, tf.ones_like(states[..., :1])], axis=-1)
        share = shares_ahead(band, is_like)
        if items.shape[0] <= config.full_softmax_items:
            surprise = full_softmax(states, rows, share, items)
        else:
            drawn = draw(log_chance, config.negatives, next(seeds))
            log_expected = tf.gather(log_chance, drawn) + math.log(config.negatives)
            surprise = sampled_softmax(states, rows, share, tf.gather(items, drawn), log_expected)
        counts = tf.cast(likes & (tf.reduce_sum(share, axis=-1) > 0), tf.float32)
        return tf.reduce_sum(surprise * counts) / tf.maximum(tf.reduce_sum(counts), 1)

    @tf.function(autograph=False)
    def learn(
        before: Moments, stretches: tf.Tensor, rate: tf.Tensor, step: tf.Tensor, seed: tf.Tensor, log_chance: tf.Tensor
    ) -> tuple[Moments, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(before.weights)
            loss = loss_of(before.weights, stretches, _seeds(tf.stack([seed, step])), log_chance)
        slopes = {name: tf.convert_to_tensor(slope) for name, slope in tape.gradient(loss, before.weights).items()}
        return adam(before, slopes, rate, tf.cast(step + 1, tf.float32)), loss

    return learn


def draw(log_chance: tf.Tensor, n_draws: int, seed: tf.Tensor) -> tf.Tensor:
    """Draw items by their chances, with replacement; (items,) -> (draws,).

    By looking uniform numbers up among the sums of the chances: `stateless_categorical` draws a number for every item and draw.
    """
    reached = tf.cumsum(tf.exp(tf.cast(log_chance, tf.float64)))
    wanted = tf.random.stateless_uniform([n_draws], seed, dtype=tf.float64) * reached[-1]
    return tf.minimum(tf.searchsorted(reached, wanted, side="right"), tf.shape(log_chance)[0] - 1)


def adam(before: Moments, slopes: Mapping[str, tf.Tensor], rate: tf.Tensor, n_steps: tf.Tensor) -> Moments:
    """Move weights against their slopes, each as far as it is sure of the direction (Kingma and Ba 2015)."""
    means = {name: FIRST_MOMENT * before.means[name] + (1 - FIRST_MOMENT) * slope for name, slope in slopes.items()}
    squares = {name: SECOND_MOMENT * before.squares[name] + (1 - SECOND_MOMENT) * slope * slope for name, slope in slopes.items()}
    reach = rate * tf.sqrt(1 - SECOND_MOMENT**n_steps) / (1 - FIRST_MOMENT**n_steps)
    moved = {name: values - reach * means[name] / (tf.sqrt(squares[name]) + TINY) for name, values in before.weights.items()}
    return Moments(moved, means, squares)


def band_ahead(length: int, config: TrainingConfig) -> NDArray[np.float32]:
    """Say how much each like of a stretch is to foresee each like in and behind it, whoever they are; (length, length + ahead)."""
    steps = np.arange(length + config.ahead)[None, :] - np.arange(length)[:, None]
    return np.where((steps >= 1) & (steps <= config.ahead), config.ahead_decay ** (steps - 1.0), 0).astype(np.float32)


def shares_ahead(band: tf.Tensor, is_like: tf.Tensor) -> tf.Tensor:
    """Share one like to foresee among those that do follow: is_like (batch, length + ahead) -> (batch, length, length + ahead).

    Rows sum to one, or to nothing where nothing follows.
    """
    shares = band[None] * tf.cast(is_like, tf.float32)[:, None, :]
    total = tf.reduce_sum(shares, axis=-1, keepdims=True)
    return tf.math.divide_no_nan(shares, total)


def full_softmax(states: tf.Tensor, rows: tf.Tensor, share: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
    """Return how surprising what follows is among the whole catalogue; (batch, length).

    `states` (batch, length, width), `rows` (batch, length + ahead, width) those of the likes, `share` as from `shares_ahead`, `items`
    (items, width). The mean score of what follows is the score of its mean.
    """
    expected = tf.reduce_sum(states * tf.matmul(share, rows), axis=-1)
    flat = tf.reshape(states, (-1, states.shape[-1]))
    total = tf.reduce_logsumexp(tf.matmul(flat, items, transpose_b=True), axis=-1)
    return tf.reshape(total, tf.shape(expected)) - expected


def sampled_softmax(states: tf.Tensor, rows: tf.Tensor, share: tf.Tensor, drawn: tf.Tensor, log_expected: tf.Tensor) -> tf.Tensor:
    """Return the same among some drawn items, `drawn` (negatives, width), and what follows itself; (batch, length).

    Taking off the logarithm of how often each item is expected among the drawn, (negatives,), makes their sum an unbiased estimate of the
    one over the catalogue (Bengio and Senecal 2008); what follows joins it, so that no score can grow unopposed.
    """
    following = tf.matmul(states, rows, transpose_b=True)
    expected = tf.reduce_sum(share * following, axis=-1)
    weighed = tf.where(share > 0, following + tf.math.log(tf.maximum(share, NEVER)), NOTHING)
    flat = tf.reshape(states, (-1, states.shape[-1]))
    total = tf.reduce_logsumexp(tf.matmul(flat, drawn, transpose_b=True) - log_expected, axis=-1)
    total = tf.reshape(total, tf.shape(expected))
    own = tf.reduce_logsumexp(weighed, axis=-1)
    return tf.maximum(total, own) + tf.math.softplus(-tf.abs(total - own)) - expected


def _seeds(seed: tf.Tensor) -> Iterator[tf.Tensor]:
    """Derive one seed after the other from that of a step."""
    number = 0
    while True:
        yield tf.random.experimental.stateless_fold_in(seed, number)
        number += 1


def _hide(values: tf.Tensor, config: TrainingConfig, seeds: Iterator[tf.Tensor]) -> tf.Tensor:
    return tf.nn.experimental.stateless_dropout(values, config.dropout, next(seeds)) if config.dropout else values
