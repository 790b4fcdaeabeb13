"""Claims about the two networks that foresee what follows: `models.sequential.next_item` and `models.sequential.attention`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.scorer import RECENT, Scorer, TrainingData, UserBlock
from models.sequential.attention import Attention, AttentionConfig
from models.sequential.item_vectors import vectors_by_nearness
from models.sequential.next_item import NextItem, NextItemConfig
from models.sequential.training_config import TrainingConfig
from tests.worlds import Checkerboard, World, interactions, training_data

N_ITEMS = 12

ONE_AHEAD = TrainingConfig(ahead=1, epochs=25, batch_size=12, learning_rate=0.02, dropout=0.1)
SAMPLED = ONE_AHEAD.model_copy(update={"full_softmax_items": 0, "negatives": 40})

NETWORKS: dict[str, Callable[[TrainingConfig], Scorer]] = {
    "next_item": lambda training: NextItem(NextItemConfig(embedding_size=16, hidden=(24,), stretch=8, training=training)),
    "attention": lambda training: Attention(AttentionConfig(embedding_size=16, hidden=24, last=8, training=training)),
}


def around_the_clock() -> TrainingData:
    """Let everybody walk a stretch of a circle on which each item is followed by the next number, some of them twice as many steps."""
    starts, n_steps = np.arange(2 * N_ITEMS) % N_ITEMS, np.repeat([5, 8], N_ITEMS)
    user = np.repeat(np.arange(2 * N_ITEMS), n_steps)
    step = np.concatenate([np.arange(steps) for steps in n_steps])
    return training_data(interactions(user, (starts[user] + step) % N_ITEMS, (2 * N_ITEMS, N_ITEMS), age_days=20 - step))


def who_liked(*sequences: list[int]) -> UserBlock:
    """Return users of whom nothing is known but what they liked latest, in this order."""
    user, item = np.repeat(np.arange(len(sequences)), [len(items) for items in sequences]), np.concatenate(sequences)
    age = 1 + np.concatenate([np.arange(len(items))[::-1] for items in sequences])
    happened = interactions(user, item, (len(sequences), N_ITEMS), age_days=age)
    return training_data(happened).block(slice(None), happened.histories())


@pytest.fixture(scope="module", params=[("next_item", ONE_AHEAD), ("next_item", SAMPLED), ("attention", ONE_AHEAD)],
                ids=["next_item", "next_item, sampled", "attention"])  # fmt: skip
def walked(request: pytest.FixtureRequest) -> Scorer:
    """Return each network, trained around the clock, and one also with the sampled softmax."""
    name, training = request.param
    return NETWORKS[name](training).fit(around_the_clock(), seed=1)


def test_the_item_that_always_follows_comes_first(walked: Scorer) -> None:
    """Where item n is always followed by n + 1, whoever walked to n is recommended n + 1, by the full and the sampled softmax."""
    histories = [[(n - 2) % N_ITEMS, (n - 1) % N_ITEMS, n] for n in range(N_ITEMS)]
    np.testing.assert_array_equal(walked.score(who_liked(*histories)).argmax(axis=1), (np.arange(N_ITEMS) + 1) % N_ITEMS)


def test_order_matters(walked: Scorer) -> None:
    """The same likes in another order lead elsewhere: on from where they ended."""
    scores = walked.score(who_liked([1, 2, 7, 8], [7, 8, 1, 2]))
    assert scores[0, 9] > scores[0, 3]
    assert scores[1, 3] > scores[1, 9]


def test_training_lowers_the_loss(walked: Scorer) -> None:
    """There is one value an epoch, and the last epochs surprise less than the first."""
    losses = walked.curves()["loss"]
    assert len(losses) == ONE_AHEAD.epochs
    assert losses[-1] < losses[0]


def test_the_length_of_the_padding_changes_nothing(walked: Scorer) -> None:
    """A history is scored the same whether much or little room stands behind it."""
    users = who_liked([3, 4, 5])
    wide = UserBlock(users.history, users.ratings, users.recent, users.gap_days, users.described, users.segment)
    narrow = UserBlock(users.history, users.ratings, users.recent[:, :3], users.gap_days[:, :3], users.described, users.segment)
    assert users.recent.shape[1] == RECENT
    np.testing.assert_allclose(walked.score(narrow), walked.score(wide), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_without_times_nobody_is_known(name: str, two_tastes: World) -> None:
    """Interactions of one instant have no order: the network learns from them that it knows nothing."""
    happened = two_tastes.data.interactions
    timeless = training_data(interactions(happened.user, happened.item, (happened.n_users, happened.n_items), happened.positive))
    scorer = NETWORKS[name](ONE_AHEAD).fit(timeless, seed=0)
    everybody = timeless.block(slice(None), timeless.interactions.histories())
    assert not scorer.knows_user(everybody).any()
    assert not scorer.knows_item.any()
    assert not scorer.score(everybody).any()
    assert scorer.curves() == {"loss": []}


def test_heads_need_equal_shares_of_the_vectors() -> None:
    """A size that cannot be shared out is refused with both numbers."""
    with pytest.raises(ValueError, match=r"embedding_size \(10\) must be a multiple of heads \(4\)"):
        AttentionConfig(embedding_size=10, heads=4)


def test_items_start_beside_those_they_are_liked_with(checkerboard: Checkerboard) -> None:
    """Before any training, the vectors of items of one colour point one way, those of two colours do not."""
    vectors = vectors_by_nearness(checkerboard.data.interactions, 6, seed=2)
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    same = checkerboard.item_group[:, None] == checkerboard.item_group[None, :]
    cosine = directions @ directions.T
    assert cosine[same].min() > cosine[~same].max()
