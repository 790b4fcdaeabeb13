"""The weights of a blend as a small network that learns to rank; importing this module loads TensorFlow.

Two losses in turn. The listwise softmax finds the region of good weights, but minds the hundredth place as much as the first. A smooth
stand-in for NDCG minds the first places alone; far from good weights it is flat, near them it ends at the better ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.blend_training import BlendConfig, Candidates
from models.divergence import finite

OUT_OF_LIST = -1e9
"""Stands instead of a score where a list has no candidate."""

RANK_SHARPNESS = 3.0
"""Per z-score, how sharply smooth ranks tell two candidates apart at the start."""


class Learned(NamedTuple):
    """What a blend is made of: weights (segments, models), and the share that a model silent of an item leaves to the others."""

    weights: NDArray[np.float64]
    redistributed: float


def learned_weights(candidates: Candidates, n_segments: int, config: BlendConfig) -> list[Learned]:
    """Return what the softmax loss ends at, and where smooth NDCG leads from there; all users at once, so nothing is drawn."""
    network = BlendNetwork(candidates, n_segments)
    by_softmax = network.train(network.softmax_loss, config)
    network.log_sharpness.assign(np.log(RANK_SHARPNESS))
    return [by_softmax, network.train(network.ndcg_loss, config)]


class BlendNetwork:
    """Logits of the models for everybody, and what each segment adds to them; their softmax is the segment's weights.

    What is known of the lists becomes constants (users, candidates, models) and (users, candidates); every user needs a target.
    """

    def __init__(self, candidates: Candidates, n_segments: int) -> None:
        self.everybody = tf.Variable(tf.zeros(len(candidates.z)))
        self.deviation = tf.Variable(tf.zeros((n_segments, len(candidates.z))))
        self.log_sharpness = tf.Variable(0.0)
        self.redistribution = tf.Variable(0.0)
        self.in_segment = tf.one_hot(candidates.segment, n_segments)
        self.z, self.speaks = (tf.constant(np.moveaxis(lists, 0, -1), tf.float32) for lists in (candidates.z, candidates.speaks))
        self.speaks_to = tf.reduce_max(self.speaks, axis=1)
        self.absent = tf.constant(np.where(candidates.valid, 0, OUT_OF_LIST), tf.float32)
        n_targets = candidates.target.sum(axis=1)
        self.target_share = tf.constant(candidates.target / n_targets[:, None], tf.float32)
        self.target_user, place = np.nonzero(candidates.target)
        self.target_cell = np.stack([self.target_user, place], axis=1)
        ideal = np.cumsum(1 / np.log2(np.arange(2, n_targets.max() + 2)))
        self.target_worth = tf.constant(1 / ideal[n_targets - 1][self.target_user] / len(n_targets), tf.float32)

    def train(self, loss: Callable[[], tf.Tensor], config: BlendConfig) -> Learned:
        """Minimise a loss from where the network stands; deviations of segments cost their squares."""
        variables = [self.everybody, self.deviation, self.log_sharpness, self.redistribution]
        optimizer = keras.optimizers.Adam(config.learning_rate)
        optimizer.build(variables)

        @tf.function
        def step() -> tf.Tensor:
            with tf.GradientTape() as tape:
                total = loss() + config.shrinkage * tf.reduce_sum(tf.square(self.deviation))
            optimizer.apply(tape.gradient(total, variables), variables)
            return total

        for number in range(config.steps):
            finite(float(step()), "blend", number)
        return Learned(self.weights().numpy().astype(np.float64), float(tf.sigmoid(self.redistribution)))

    def weights(self) -> tf.Tensor:
        """Return the weights of the segments; (segments, models)."""
        return tf.nn.softmax(self.everybody + self.deviation)

    def sharpened_scores(self) -> tf.Tensor:
        """Blend as `Blend.scores` does, times the learned sharpness; (users, candidates)."""
        of_user = tf.matmul(self.in_segment, self.weights()) * self.speaks_to
        heard = tf.linalg.matvec(self.speaks, of_user)
        silence = tf.reduce_sum(of_user, axis=1, keepdims=True) - heard
        counted = heard + (1 - tf.sigmoid(self.redistribution)) * silence
        return tf.exp(self.log_sharpness) * tf.linalg.matvec(self.z, of_user) / (counted + 1e-9) + self.absent

    def softmax_loss(self) -> tf.Tensor:
        """Return how surprising each user's targets are among the candidates, a mean over users."""
        return -tf.reduce_mean(tf.reduce_sum(self.target_share * tf.nn.log_softmax(self.sharpened_scores()), axis=1))

    def ndcg_loss(self) -> tf.Tensor:
        """Return minus NDCG with smooth ranks: a candidate counts by how likely it is ahead (ApproxNDCG, Qin, Liu and Li 2010)."""
        scores = self.sharpened_scores()
        ahead = tf.gather(scores, self.target_user) - tf.gather_nd(scores, self.target_cell)[:, None]
        # The target itself is among the candidates and counts one half.
        rank = tf.reduce_sum(tf.sigmoid(ahead), axis=1) + 0.5
        return -tf.reduce_sum(self.target_worth * np.log(2) / tf.math.log1p(rank))
