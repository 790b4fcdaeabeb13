"""Claims about `models.content.recency`."""

from __future__ import annotations

import numpy as np
import pytest

from models.content.recency import recency_weighted
from models.scorer import RECENT
from tests.worlds import interactions, strangers, training_data


def test_every_half_life_of_likes_halves_the_weight() -> None:
    """The newest like weighs 1, the one `half_life` likes before it half, whatever the numbers of the items; what is not liked nothing."""
    happened = interactions([0] * 5, [3, 1, 4, 0, 2], (1, 6), age_days=[9, 8, 7, 6, 5], positive=[True, True, True, True, False])
    users = training_data(happened).block(slice(None), happened.histories())
    weights = recency_weighted(users, half_life=2.0).toarray()[0]
    np.testing.assert_allclose(weights, [1, 0.5, 0, 0.5**1.5, 0.5**0.5, 0], rtol=1e-6)


def test_likes_beyond_the_remembered_ones_weigh_alike_and_least() -> None:
    """Nobody's order is known for ever: what lies further back than is remembered weighs as the next like would."""
    n_likes = RECENT + 10
    happened = interactions([0] * n_likes, np.arange(n_likes), (1, n_likes), age_days=np.arange(n_likes))
    users = training_data(happened).block(slice(None), happened.histories())
    weights = recency_weighted(users, half_life=20.0).toarray()[0]
    np.testing.assert_allclose(weights, 0.5 ** (np.minimum(np.arange(n_likes), RECENT) / 20), rtol=1e-5)


@pytest.mark.parametrize(("age_days", "half_life"), [(0, 3.0), ([1, 2, 3], None)])
def test_without_order_or_half_life_all_likes_weigh_alike(age_days: int | list[int], half_life: float | None) -> None:
    """Where nothing is known to be recent, or recency is not asked for, every like weighs 1."""
    happened = interactions([0, 0, 1], [0, 1, 1], (2, 2), age_days=age_days)
    users = training_data(happened).block(slice(None), happened.histories())
    np.testing.assert_array_equal(recency_weighted(users, half_life).toarray(), [[1, 1], [0, 1]])
    without_order = strangers(happened.positives())
    np.testing.assert_array_equal(recency_weighted(without_order, half_life).toarray(), [[1, 1], [0, 1]])
