"""What the weights of a blend are learned by: two losses over each user's candidates, with their gradients.

The listwise softmax finds the region of good weights, but minds the hundredth place as much as the first. A smooth stand-in for NDCG minds
the first places alone; far from good weights it is flat, near them it ends at the better ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.candidates import Candidates

Array = NDArray[np.float64]
Cells = NDArray[np.float32]
"""One value per user and candidate: many, so in float32; what is added up over users is float64."""

ListLoss = Callable[["Lists", Cells, Array], tuple[float, Cells]]
"""Takes lists, the scores of their candidates (users, candidates) and the weight of each user; returns the loss and its gradient."""


@dataclass(frozen=True)
class Lists:
    """What is known of each user's candidates: z and speaks (users, models, candidates), valid and target_share (users, candidates).

    `target_user` and `target_place` say where targets stand, `target_worth` what each adds to its user's NDCG at the first place.
    """

    z: NDArray[np.float32]
    speaks: NDArray[np.float32]
    speaks_to: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    target_share: Cells
    target_user: NDArray[np.intp]
    target_place: NDArray[np.intp]
    target_worth: Array

    @classmethod
    def of(cls, candidates: Candidates) -> Lists:
        """Lay candidates out user by user; every user needs a target."""
        z, speaks = (np.ascontiguousarray(np.moveaxis(lists, 0, 1), np.float32) for lists in (candidates.z, candidates.speaks))
        n_targets = candidates.target.sum(axis=1)
        user, place = np.nonzero(candidates.target)
        ideal = np.cumsum(1 / np.log2(np.arange(2, n_targets.max() + 2)))
        worth = 1 / ideal[n_targets - 1][user]
        share = (candidates.target / n_targets[:, None]).astype(np.float32)
        return cls(z, speaks, candidates.speaks_to, candidates.valid, share, user, place, worth)


def softmax_loss(lists: Lists, scores: Cells, user_weight: Array) -> tuple[float, Cells]:
    """Return how surprising each user's targets are among the candidates, a weighted sum over users."""
    shifted = np.where(lists.valid, scores, np.float32(-np.inf))
    shifted -= shifted.max(axis=1, keepdims=True)
    share = np.exp(shifted)
    total = share.sum(axis=1, keepdims=True)
    user, place = lists.target_user, lists.target_place
    surprise = lists.target_share[user, place] * (np.log(total[user, 0]) - shifted[user, place])
    share /= total
    share -= lists.target_share
    share *= user_weight[:, None].astype(np.float32)
    return float(user_weight[user] @ surprise.astype(np.float64)), share


def ndcg_loss(lists: Lists, scores: Cells, user_weight: Array) -> tuple[float, Cells]:
    """Return minus NDCG with smooth ranks: a candidate counts by how likely it is ahead (ApproxNDCG, Qin, Liu and Li 2010)."""
    user, place = lists.target_user, lists.target_place
    ahead = expit(scores[user] - scores[user, place][:, None]) * lists.valid[user]
    # The target itself is among the candidates and counts one half.
    rank = ahead.sum(axis=1, dtype=np.float64) + 0.5
    worth = lists.target_worth * user_weight[user] * np.log(2)
    slope = worth / ((1 + rank) * np.log1p(rank) ** 2)
    steepness = ahead * (1 - ahead) * slope[:, None].astype(np.float32)
    pulled = steepness.sum(axis=1)
    gradient = np.zeros_like(scores)
    # Targets stand user by user, and every user has some.
    gradient[:] = np.add.reduceat(steepness, np.flatnonzero(np.diff(user, prepend=-1)), axis=0)
    gradient[user, place] -= pulled
    return -float((worth / np.log1p(rank)).sum()), gradient
