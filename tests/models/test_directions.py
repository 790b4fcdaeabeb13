"""Claims about `models.directions`."""

from __future__ import annotations

import numpy as np

from models.directions import cosines, unit_rows


def test_rows_keep_their_direction_and_lose_their_length() -> None:
    """Each is cut to length one; a row of zeros points nowhere and stays what it is."""
    np.testing.assert_allclose(unit_rows(np.array([[3, 4], [0, 0], [-2, 0]], np.float32)), [[0.6, 0.8], [0, 0], [-1, 0]])


def test_a_cosine_knows_no_lengths() -> None:
    """The same way is one, across is zero, back is minus one, and nowhere is zero to everything."""
    found = cosines(np.array([[5, 0], [0, 0]], np.float32), np.array([[0.1, 0], [0, 7], [-3, 0], [2, 2]], np.float32))
    np.testing.assert_allclose(found, [[1, 0, -1, np.sqrt(0.5)], [0, 0, 0, 0]], rtol=1e-6)
