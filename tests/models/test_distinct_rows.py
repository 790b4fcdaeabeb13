"""Claims about `models.distinct_rows`."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.distinct_rows import distinct_rows


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30))
def test_every_number_finds_its_row_and_every_row_stands_once(numbers: list[int]) -> None:
    """Reading the rows at the places gives the numbers back; only the padding row fills what is left, in a size that only shapes decide."""
    rows, place = distinct_rows(np.array(numbers)[:, None], n_rows=12)
    np.testing.assert_array_equal(rows[place][:, 0], numbers)
    assert len(rows) == min(len(numbers), 13)
    kept = rows[rows != 12]
    assert len(np.unique(kept)) == len(kept)
    assert set(rows.tolist()) <= {*numbers, 12}
