"""Claims about `models.stable_order`."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.stable_order import stable_order


@given(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 2**62)), max_size=50))
def test_numbers_come_in_order_and_equals_stay_as_they_came(numbers: list[int]) -> None:
    order = stable_order(np.array(numbers, np.int64))
    assert order.tolist() == sorted(range(len(numbers)), key=lambda place: numbers[place])
