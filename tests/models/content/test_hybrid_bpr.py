"""Claims about `models.content.hybrid_bpr` and the network it learns by, beyond the contract of all scorers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.content.hybrid_bpr import HybridBpr, HybridBprConfig
from models.content.hybrid_vectors import mean_of_rows
from models.content.pair_network import PairNetworkConfig
from models.content.previous_likes import previous_likes
from models.divergence import DivergedError
from models.negatives import Negatives
from models.scorer import UserBlock
from tests.worlds import Newcomers, World, interactions, training_data

TINY = HybridBprConfig(embedding_size=8, negatives=4, chunk_size=8, batch_size=16, epochs=20, metadata_learning_rate=0.05)


@pytest.fixture(scope="module")
def hybrid(newcomers: Newcomers) -> HybridBpr:
    """Return the towers fitted to the world with newcomers."""
    return HybridBpr(TINY).fit(newcomers.data, seed=3)


def test_a_new_item_suits_those_whose_taste_it_is(hybrid: HybridBpr, newcomers: Newcomers) -> None:
    """An item nobody has touched, known by its metadata alone, scores higher with everyone of its taste than with anyone else."""
    new = hybrid.score(newcomers.everybody)[:, newcomers.new_item]
    assert new[newcomers.user_group == 0].min() > new[newcomers.user_group == 1].max()


def test_a_new_user_is_served_by_their_metadata(hybrid: HybridBpr, newcomers: Newcomers) -> None:
    """A user without any history, of whom the taste is known, gets items of that taste before the others, on the average."""
    scores, group = hybrid.score(newcomers.everybody)[newcomers.new_user], newcomers.item_group
    assert scores[group == 0].mean() > scores[group == 1].mean()


def with_recent(users: UserBlock, recent: np.ndarray) -> UserBlock:
    """Let a block's users have liked these items last, one row for all."""
    return replace(users, recent=np.broadcast_to(np.pad(recent, (0, 50 - len(recent)), constant_values=-1), users.recent.shape))


def test_another_history_gives_other_scores(hybrid: HybridBpr, newcomers: Newcomers) -> None:
    """What was liked last is connected: the same likes in another order are scored otherwise, up to the last that count."""
    users = newcomers.everybody
    one, other = (hybrid.score(with_recent(users, np.array(recent))) for recent in ([0, 1, 2, 3, 4], [12, 13, 14, 15, 16]))
    liking = np.diff(users.history.indptr) > 0
    assert (np.abs(one - other)[liking].max(axis=1) > 0.01).all()
    beyond = hybrid.score(with_recent(users, np.array([0, 1, 2, 3, 4, 20, 21])))
    np.testing.assert_array_equal(beyond, one)


def test_padding_changes_nothing() -> None:
    """The mean is over what is there: rows behind the end count neither above nor below the line, and of nothing the mean is zero."""
    table = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    rows = np.array([[4, 1, -1, -1], [2, 2, 5, 0], [-1, -1, -1, -1]])
    found = mean_of_rows(table, rows, rows >= 0)
    np.testing.assert_allclose(found, [table[[4, 1]].mean(axis=0), table[[2, 2, 5, 0]].mean(axis=0), np.zeros(3)], rtol=1e-6)


def test_what_happens_last_is_learned() -> None:
    """Where every item is followed by its successor, the item before is what tells users with the same likes apart."""
    n_items, n_users = 12, 240
    start = np.arange(n_users) % n_items
    length = 8
    user = np.repeat(np.arange(n_users), length)
    place = np.tile(np.arange(length), n_users)
    happened = interactions(user, (np.repeat(start, length) + place) % n_items, (n_users, n_items), age_days=length - place)
    data = training_data(happened)
    scorer = HybridBpr(TINY.model_copy(update={"last": 1, "batch_size": 64})).fit(data, seed=1)
    users = data.block(slice(0, n_items), happened.histories())
    unseen = np.where(users.history.toarray() > 0, -np.inf, scorer.score(users))
    np.testing.assert_array_equal(unseen.argmax(axis=1), (start[:n_items] + length) % n_items)


def test_batches_hold_each_like_with_what_came_before_it(two_tastes: World) -> None:
    """Beside a chunk stand items its user does not like; before a like stands what previous likes say, and padding is marked as such."""
    from models.content.hybrid_network import HybridSamples, batches

    happened, rng = two_tastes.data.interactions, np.random.default_rng(0)
    likes = happened.positives()
    previous = previous_likes(happened, likes, TINY.last, rng)
    samples = HybridSamples(
        likes, previous, np.zeros((likes.shape[1], 1), np.float32), np.arange(likes.shape[0], dtype=np.float32)[:, None]
    )
    n_shown = 0
    for batch in batches(samples, Negatives(likes), TINY, rng):
        items, recent = batch.items.rows[batch.items.place], batch.recent.rows[batch.recent.place]
        for row, slot in zip(*np.nonzero(batch.present), strict=True):
            user, item = int(batch.inputs[row, 0]), items[row, slot]
            before = previous[likes.indptr[user] + np.flatnonzero(likes[user].indices == item)[0]]
            np.testing.assert_array_equal(np.where(batch.counted[row, slot] > 0, recent[row, slot], -1), before)
            assert not set(items[row, TINY.chunk_size :]) & set(likes[user].indices)
            n_shown += 1
    assert n_shown == likes.nnz


def test_a_reranked_list_is_the_same_items_in_another_order(two_tastes: World, tmp_path: Path) -> None:
    """The best few of the towers trade places; all other scores stay, none passes them, and a saved model gives the same."""
    rerank = PairNetworkConfig(candidates=6, hidden=8, negatives=2, batch_size=32, max_steps=60, learning_rate=0.02)
    users = two_tastes.everybody
    towers = HybridBpr(TINY).fit(two_tastes.data, seed=3).score(users)
    scorer = HybridBpr(TINY.model_copy(update={"rerank": rerank})).fit(two_tastes.data, seed=3)
    scores, seen = scorer.score(users), users.history.toarray() > 0
    first = [np.where(seen, -np.inf, of).argsort(axis=1)[:, ::-1] for of in (scores, towers)]
    np.testing.assert_array_equal(np.sort(scores, axis=1), np.sort(towers, axis=1))
    np.testing.assert_array_equal(np.sort(first[0][:, :6], axis=1), np.sort(first[1][:, :6], axis=1))
    assert (first[0][:, :6] != first[1][:, :6]).any()
    changed = scores != towers
    assert not changed[seen].any()
    scorer.save(tmp_path)
    np.testing.assert_array_equal(HybridBpr.load(tmp_path).score(users), scores)


def test_metadata_of_no_kind_are_no_hindrance(two_tastes: World) -> None:
    """Where neither items nor users have a single column, ids and history are left, and suffice."""
    scorer = HybridBpr(TINY).fit(training_data(two_tastes.data.interactions), seed=3)
    own = two_tastes.user_group[:, None] == two_tastes.item_group
    scores = scorer.score(training_data(two_tastes.data.interactions).block(slice(None), two_tastes.data.interactions.histories()))
    assert scores[own].mean() > scores[~own].mean()


def test_a_loss_that_is_no_number_ends_training(two_tastes: World) -> None:
    """A step size beyond all reason does not end in a model that ranks by nothing."""
    with pytest.raises(DivergedError, match=r"hybrid_bpr: the loss became (nan|inf)"):
        HybridBpr(TINY.model_copy(update={"learning_rate": 1e30})).fit(two_tastes.data, seed=3)
