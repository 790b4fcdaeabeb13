"""Claims about `models.candidates`, beyond how they are gathered."""

from __future__ import annotations

import numpy as np
import pytest

from models.candidates import SHARPNESS, Candidates

SPEAKS = np.array([[[1, 0], [1, 1], [0, 0], [1, 1]], [[1, 0], [0, 1], [0, 0], [1, 0]]], np.bool_)
TARGET = np.array([[0, 1], [0, 1], [1, 1], [1, 0]], np.bool_)


def candidates(newcomer: list[bool]) -> Candidates:
    """Return two candidates of each of four users as two models see them; the user's number is the segment."""
    return Candidates(
        SPEAKS.astype(np.float32), SPEAKS, TARGET, np.arange(4, dtype=np.int16), np.zeros((2, 4, len(SHARPNESS))), np.array(newcomer)
    )


def test_a_like_that_no_model_speaks_of_teaches_nothing() -> None:
    """Of four users two have a like within reach; so many are drawn, or fewer where fewer are asked for, in their order."""
    lists = candidates([False] * 4)
    np.testing.assert_array_equal(lists.within_reach, [[0, 0], [0, 1], [0, 0], [1, 0]])
    np.testing.assert_array_equal(lists.useful, [0, 1, 0, 1])
    assert lists.drawn(2, np.random.default_rng(0)).segment.tolist() == [1, 3]
    assert {lists.drawn(1, np.random.default_rng(seed)).segment.item() for seed in range(9)} == {1, 3}


@pytest.mark.parametrize("everybody", [True, False])
def test_users_of_one_kind_are_not_told_apart(everybody: bool) -> None:
    """There are newcomers and others only where there are both."""
    assert candidates([everybody] * 4).of_newcomers_and_others() is None
    new, others = candidates([False, True, True, False]).of_newcomers_and_others() or ()
    assert (new.segment.tolist(), others.segment.tolist()) == ([1, 2], [0, 3])
