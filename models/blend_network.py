"""The weights of a blend as a trainable network; importing this module loads TensorFlow.

Two losses in turn. A listwise softmax finds the right region, but it cares as much about the hundredth place as about the first; from
there a smooth stand-in for NDCG, which is flat far away from good weights, does the rest.
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
"""What stands instead of the score of a place without a candidate."""

SHARPNESS = 3.0
"""How much closer than one z-score two candidates have to be for the smooth ranks to call them level, at the start."""


class Learned(NamedTuple):
    """Weights, (segments, models), and the share that silent models pass on."""

    weights: NDArray[np.float64]
    redistributed: float


def train_weights(candidates: Candidates, n_segments: int, config: BlendConfig) -> tuple[Learned, Learned]:
    """Return what the softmax loss ends at, and what the smooth NDCG makes of it; full batches, so nothing is drawn."""
    network = BlendNetwork(candidates, n_segments)
    by_softmax = network.train(network.softmax_loss, config)
    network.log_sharpness.assign(np.log(SHARPNESS))
    return by_softmax, network.train(network.ndcg_loss, config)


class BlendNetwork:
    """Logits of the models for everybody, and what each segment adds to them: softmaxed, they are its weights.

    The arrays of `candidates` become constants of shapes (users, candidates, models) and (users, candidates).
    """

    def __init__(self, candidates: Candidates, n_segments: int) -> None:
        n_models = len(candidates.z)
        self.everybody, self.deviation = tf.Variable(tf.zeros(n_models)), tf.Variable(tf.zeros((n_segments, n_models)))
        self.log_sharpness, self.redistribution = tf.Variable(0.0), tf.Variable(0.0)
        self.z, self.speaks = (tf.constant(np.moveaxis(of, 0, -1), tf.float32) for of in (candidates.z, candidates.speaks))
        self.speaks_to = tf.reduce_max(self.speaks, axis=1)
        self.absent = tf.constant(np.where(candidates.valid, 0, OUT_OF_LIST), tf.float32)
        self.in_segment = tf.one_hot(candidates.segment, n_segments)
        n_targets = candidates.target.sum(axis=1)
        self.target_share = tf.constant(candidates.target / n_targets[:, None], tf.float32)
        self.target_user, self.target_place = np.nonzero(candidates.target)
        ideal = np.cumsum(1 / np.log2(np.arange(2, candidates.target.shape[1] + 2)))
        self.target_worth = tf.constant(1 / (ideal[n_targets - 1][self.target_user] * len(n_targets)), tf.float32)
