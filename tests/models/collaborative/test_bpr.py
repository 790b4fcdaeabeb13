"""Claims about `models.collaborative.bpr` and the network it learns by, beyond the contract of all scorers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from models.collaborative.bpr import Bpr, BprConfig
from models.divergence import DivergedError
from models.negatives import Negatives
from tests.worlds import World

TINY = BprConfig(embedding_size=4, negatives=4, chunk_size=8, batch_size=16)


def plain_loss(scorer: Bpr, likes: np.ndarray, others: np.ndarray) -> float:
    """Compare, one by one, each like of a user with each of some items, seen from the user's other likes."""
    vectors, bias, surprise = scorer._vectors.astype(float), scorer._bias, []
    for liked in likes:
        for item in liked:
            rest = [other for other in liked if other != item]
            user = vectors[rest].sum(axis=0) / max(len(rest), 1) ** scorer.config.exponent
            margins = [user @ vectors[item] + bias[item] - user @ vectors[other] - bias[other] for other in others]
            weights = np.exp([scorer.config.hardness * (user @ vectors[other] + bias[other]) for other in others])
            surprise.append(np.log1p(np.exp(-np.array(margins))) @ weights / weights.sum())
    return float(np.mean(surprise))


def test_the_loss_is_that_of_a_slow_loop(two_tastes: World) -> None:
    """A like is left out of the user it is predicted for, hard negatives weigh more, and what pads a chunk counts nowhere."""
    from models.collaborative.bpr_network import learn
    from models.distinct_rows import distinct_rows
    from models.row_wise import Table

    scorer = Bpr(TINY).fit(two_tastes.data, seed=3)
    likes, others, n_items = [[0, 3, 5], [2, 4]], [7, 8, 9, 10], len(scorer._bias)
    items = np.array([[*liked, *[n_items] * (4 - len(liked)), *others] for liked in likes])
    present = (items[:, :4] < n_items).astype(np.float32)
    tables = Table.of(scorer._vectors), Table.of(scorer._bias[:, None])
    loss = learn(*tables, distinct_rows(items, n_items), present, np.float32(0), "softplus", TINY.hardness, TINY.exponent, 0.0)
    assert float(loss) == pytest.approx(plain_loss(scorer, likes, others), rel=1e-4)
    np.testing.assert_array_equal(tables[0].learned(), scorer._vectors)


def test_batches_hold_every_like_once_and_never_one_as_a_negative(two_tastes: World) -> None:
    """An epoch shows each like, all batches have one shape, and beside a user's chunk stands only what they do not like."""
    from models.collaborative.bpr_network import batches

    likes = two_tastes.data.interactions.positives()
    liked = [set(likes[user].indices.tolist()) for user in range(likes.shape[0])]
    shown = []
    for items, present in batches(likes, Negatives(likes), TINY, np.random.default_rng(0)):
        held = items.rows[items.place]
        assert (held.shape, present.shape) == ((16, 12), (16, 8))
        for row, there in zip(held, present > 0, strict=True):
            chunk, others = set(row[:8][there].tolist()), set(row[8:].tolist())
            shown.extend(chunk)
            assert not chunk or any(chunk <= of_user and not others & of_user for of_user in liked)
    np.testing.assert_array_equal(np.bincount(shown, minlength=likes.shape[1]), likes.getnnz(axis=0))


def test_large_sets_are_learned_from_in_a_bounded_number_of_steps(two_tastes: World) -> None:
    """With four steps for two epochs, each shows two batches."""
    from models.collaborative.bpr_network import batches

    likes = two_tastes.data.interactions.positives()
    config = TINY.model_copy(update={"epochs": 2, "max_steps": 4, "batch_size": 5})
    assert len(list(batches(likes, Negatives(likes), config, np.random.default_rng(0)))) == 2


def test_the_loss_of_the_document_can_be_chosen(two_tastes: World) -> None:
    """Both losses tell the tastes apart; they do not end at the same vectors."""
    scores = [Bpr(TINY.model_copy(update={"loss": loss})).fit(two_tastes.data, seed=3).score(two_tastes.everybody)
              for loss in ("softplus", "one_minus_sigmoid")]  # fmt: skip
    assert not np.allclose(*scores)
    own = two_tastes.user_group[:, None] == two_tastes.item_group
    assert all(score[own].mean() > score[~own].mean() for score in scores)


def test_training_lowers_the_loss(two_tastes: World) -> None:
    """The curve has a value an epoch, and ends lower than it began; progress tells each one."""
    told: list[str] = []
    loss = Bpr(TINY).fit(two_tastes.data, seed=3, progress=told.append).curves()["loss"]
    assert len(loss) == len(told) == TINY.epochs
    assert loss[-1] < 0.9 * loss[0]


def test_a_loss_that_is_no_number_ends_training(two_tastes: World) -> None:
    """A step size beyond all reason does not end in a model that ranks by nothing."""
    with pytest.raises(DivergedError, match=r"bpr: the loss became (nan|inf)"):
        Bpr(TINY.model_copy(update={"learning_rate": 1e30})).fit(two_tastes.data, seed=3)


def test_who_likes_everything_teaches_nothing(two_tastes: World) -> None:
    """There is nothing to compare for them, alone or among others."""
    happened = two_tastes.data.interactions.where(two_tastes.data.interactions.user == 0)
    scorer = Bpr(TINY).fit(replace(two_tastes.data, interactions=replace(happened, positive=np.ones(len(happened), np.bool_))), seed=3)
    assert scorer.curves() == {"loss": []}


FITTED_ELSEWHERE = """
import hashlib
from models.collaborative.bpr import Bpr, BprConfig
from models.collaborative.matrix_factorization import MatrixFactorization, MatrixFactorizationConfig
from models.compute import ComputeConfig, configure_tensorflow, limited_threads
from models.content.hybrid_bpr import HybridBpr, HybridBprConfig
from tests.worlds import newcomers
configure_tensorflow(ComputeConfig(threads=2), 3)
with limited_threads(ComputeConfig(threads=2)):
    for scorer in Bpr(BprConfig(epochs=3)), HybridBpr(HybridBprConfig(epochs=3)), MatrixFactorization(MatrixFactorizationConfig(epochs=3)):
        print(hashlib.sha256(scorer.fit(newcomers().data, seed=3).score(newcomers().everybody).tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_another_process_learns_the_same_bytes() -> None:
    """The same data, seed and threads give the same scores in two processes, whatever learns by gradient here."""
    runs = [subprocess.run([sys.executable, "-c", FITTED_ELSEWHERE], check=True, capture_output=True, text=True) for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout != ""
