"""Claims about `models.calibration`."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.calibration import cutoff


def test_a_hand_calculated_cutoff() -> None:
    """Of 5, 4, 4, 3, 2 the first, one of the fours and the three are liked: from 3 on three of four are, from 4 on two of three."""
    predicted, liked = np.array([4, 5, 2, 4, 3], np.float32), np.array([True, True, False, False, True])
    assert [cutoff(predicted, liked, precision) for precision in (0.6, 0.75, 0.8, 1.0)] == [2.0, 3.0, 5.0, 5.0]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=20), st.floats(0.05, 1))
def test_the_cutoff_is_the_lowest_that_keeps_its_promise(pairs: list[tuple[int, bool]], precision: float) -> None:
    """Tried value by value, no lower one has enough likes above it; where none has, nothing is let pass."""
    predicted, liked = np.array([value for value, _ in pairs], np.float32), np.array([like for _, like in pairs], np.bool_)
    good = [value for value in set(predicted.tolist()) if liked[predicted >= value].sum() / (predicted >= value).sum() >= precision]
    assert cutoff(predicted, liked, precision) == min(good, default=np.inf)
