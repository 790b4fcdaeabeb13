"""Judge one model alone in windows of time, each as a night of its own would."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from models.block_scores import Panel
from models.bootstrap import BootstrapConfig, Interval, mean_interval
from models.compute import ComputeConfig, limited_threads
from models.divergence import DivergedError
from models.fused_blend import each_alone
from models.holdout import HoldoutConfig, user_half
from models.metrics import ranking_metrics
from models.rolling_windows import among, rolling_windows
from models.scorer import Scorer
from models.top_k import ScoreError
from tasks.judging import Audience, JudgingConfig, best_lists, even_lots, judged_sample
from tasks.prepare.training_set import TrainingSet
from tasks.tune.study import UnfitError

log = logging.getLogger("nightly")

PATIENCE = 2.0
"""Seconds without news after which the next line of a training is passed on."""


@dataclass(frozen=True)
class Ground:
    """One window, ready to be judged in: what a model learns from, on whom it is judged, and by what.

    users (judged,) are user numbers, targets (judged, items) what they went on to like; `confirms` (judged,) marks those who have no say
    in the choice of the best trial, and show afterwards whether it is better.
    """

    sentence: str
    audience: Audience
    users: NDArray[np.intp]
    targets: sp.csr_matrix
    confirms: NDArray[np.bool_]


def grounds(
    known: TrainingSet, n_windows: int, min_users: int, seed: int, holdout: HoldoutConfig, judging: JudgingConfig
) -> tuple[Ground, ...]:
    """Lay out the windows of a training set, newest first; see `models.rolling_windows`.

    What is known of items and users is tonight's in all of them: attributes have no history.
    """
    laid_out = []
    for window in rolling_windows(known.events, n_windows, seed, holdout, min_users):
        then = replace(
            known,
            events=among(known.events, window.known),
            weight=known.weight[window.known],
            value=known.value[window.known],
            fit=window.split.fit,
            holdout=window.split.holdout,
        )
        users = judged_sample(then, judging)
        ids = known.users["user_id"].take(users).to_pylist()
        laid_out.append(
            Ground(
                window.split.sentence,
                Audience(then.training_data("fit"), known.recommendable),
                users,
                then.targets()[users],
                user_half(ids) == 1,
            )
        )
    return tuple(laid_out)


def fitted(scorer: Scorer, ground: Ground, seed: int, compute: ComputeConfig, told: str) -> Scorer:
    """Let a model learn from a window; raises UnfitError where it cannot."""
    spoken = time.monotonic()

    def progress(line: str) -> None:
        nonlocal spoken
        if time.monotonic() - spoken > PATIENCE:
            log.info("tune: %s: %s", told, line)
            spoken = time.monotonic()

    try:
        with limited_threads(compute):
            return scorer.fit(ground.audience.data, seed, progress)
    except (DivergedError, LinAlgError) as error:
        raise UnfitError(str(error)) from error


def ndcg(scorer: Scorer, ground: Ground, k: int, users_at_once: int, compute: ComputeConfig) -> NDArray[np.float64]:
    """Rank the whole catalogue for each judged user by one model alone, and return NDCG@k of each; (judged,)."""
    audience = ground.audience
    (ranker,) = each_alone(Panel.of([scorer]), audience.data.segments, audience.recommendable)
    try:
        with limited_threads(compute):
            lists = best_lists(audience, ranker, even_lots(ground.users, users_at_once), k)
    except ScoreError as error:
        raise UnfitError(str(error)) from error
    return ranking_metrics(lists, ground.targets, k)["ndcg"]


def worth(values: list[NDArray[np.float64]], grounds: tuple[Ground, ...]) -> float:
    """Average over the users who choose, then over the windows; values hold one (judged,) per window."""
    return float(np.mean([part[~ground.confirms].mean() for part, ground in zip(values, grounds, strict=True)]))


def confirmed(
    ours: list[NDArray[np.float64]], theirs: list[NDArray[np.float64]], grounds: tuple[Ground, ...], seed: int, config: BootstrapConfig
) -> Interval:
    """Return ours minus theirs on the users who had no say, averaged over them, then over the windows, with its interval.

    Users are drawn with all their windows: what they do in one says something about the next.
    """
    user = np.concatenate([ground.users[ground.confirms] for ground in grounds])
    counts = [np.count_nonzero(ground.confirms) for ground in grounds]
    shares = np.concatenate([np.full(n, 1 / (n * len(grounds))) for n in counts])
    differences = np.concatenate([(a - b)[ground.confirms] for a, b, ground in zip(ours, theirs, grounds, strict=True)])
    numbers, place = np.unique(user, return_inverse=True)
    per_user = np.bincount(place, differences * shares, minlength=len(numbers)).astype(np.float64, copy=False) * len(numbers)
    return mean_interval(per_user, seed, config)
