"""Claims about `models.sequential.stretches`."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sequential.stretches import Sequences
from tests.worlds import interactions


def one_after_the_other(lengths: list[int]) -> Sequences:
    """Let each user like as many items as said, numbered on from user to user, in the order of their numbers."""
    user = np.repeat(np.arange(len(lengths)), lengths)
    n_items = int(sum(lengths))
    return Sequences.of(interactions(user, np.arange(n_items), (len(lengths), n_items), age_days=n_items - np.arange(n_items)))


@given(st.lists(st.integers(2, 30), min_size=1, max_size=6), st.integers(1, 9), st.integers(1, 5), st.integers(0, 99))
def test_every_like_is_learned_from_once_and_sees_what_follows(lengths: list[int], length: int, ahead: int, seed: int) -> None:
    """The first parts of all stretches hold each like once, and behind each stand the next likes of the same user, then nothing."""
    sequences = one_after_the_other(lengths)
    stretches = sequences.stretches(length, ahead, np.random.default_rng(seed))
    nothing = sequences.n_items
    front = stretches[:, :length]
    assert sorted(front[front < nothing]) == list(range(nothing))
    ends = set(np.cumsum(lengths) - 1)
    for stretch in stretches:
        for here, following in pairwise(stretch):
            if here < nothing:
                assert following == (nothing if here in ends else here + 1)


def test_a_single_like_is_no_sequence() -> None:
    """Who liked one thing only is left out, and so is the item that nobody else liked."""
    sequences = one_after_the_other([3, 1, 2])
    assert sequences.n_likes.tolist() == [3, 2]
    assert sequences.likes_of_items.tolist() == [1, 1, 1, 0, 1, 1]


def test_there_are_no_sequences_without_times() -> None:
    """Likes of one instant tell no order."""
    sequences = Sequences.of(interactions([0, 0, 0], [0, 1, 2], (1, 3)))
    assert len(sequences) == 0
    assert sequences.stretches(4, 2, np.random.default_rng(0)).shape == (0, 6)


@pytest.mark.parametrize("length", [3, 10])
def test_cuts_fall_elsewhere_each_time(length: int) -> None:
    """What a like can look back on changes from one cutting to the next, so that no place in a sequence is always the first."""
    sequences, rng = one_after_the_other([60]), np.random.default_rng(1)
    firsts = {int(min(stretch[0] for stretch in sequences.stretches(length, 1, rng) if stretch[0] < 60)) for _ in range(20)}
    assert len(firsts) > 1
