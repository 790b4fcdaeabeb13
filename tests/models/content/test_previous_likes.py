"""Claims about `models.content.previous_likes`."""

from __future__ import annotations

import numpy as np

from models.content.previous_likes import previous_likes
from tests.worlds import World, interactions


def test_what_came_before_is_newest_first() -> None:
    """User 0 liked 3, 1, 2 in this order, user 1 liked 2, then 0; nobody's history reaches into another's."""
    happened = interactions([0, 0, 0, 1, 1], [3, 1, 2, 2, 0], (2, 4), age_days=[9, 8, 7, 6, 5])
    likes = happened.positives()
    found = previous_likes(happened, likes, 2, np.random.default_rng(0))
    by_pair = {pair: row.tolist() for pair, row in zip(zip(*likes.nonzero(), strict=True), found, strict=True)}
    assert by_pair == {(0, 3): [-1, -1], (0, 1): [3, -1], (0, 2): [1, 3], (1, 2): [-1, -1], (1, 0): [2, -1]}


def test_without_times_the_others_are_drawn_alike() -> None:
    """No like is drawn beside itself, each other one as often, and who likes one item has no others."""
    happened = interactions([0, 0, 0, 1], [0, 1, 2, 1], (2, 3))
    found = previous_likes(happened, happened.positives(), 4000, np.random.default_rng(0))
    shares = np.stack([np.bincount(row, minlength=3) / 4000 for row in found[:3]])
    np.testing.assert_allclose(shares, (1 - np.eye(3)) / 2, atol=0.04)
    assert (found[3] == -1).all()


def test_the_newest_like_was_preceded_by_what_histories_call_recent(two_tastes: World) -> None:
    """Training and scoring agree on what came last."""
    happened = two_tastes.data.interactions
    user, item, _ = happened.sequences()
    newest = np.flatnonzero(np.append(user[1:] != user[:-1], True))
    likes = happened.positives()
    entry = [int(np.flatnonzero(likes.indices[likes.indptr[u] : likes.indptr[u + 1]] == i)[0] + likes.indptr[u])
             for u, i in zip(user[newest], item[newest], strict=True)]  # fmt: skip
    found = previous_likes(happened, likes, 5, np.random.default_rng(0))[entry]
    np.testing.assert_array_equal(found, happened.histories().recent[user[newest], 1:6])
