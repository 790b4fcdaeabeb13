"""Seeds for the parts of a layer, and for the layers of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

MOST = 2**31
"""Seeds are below this."""


def seeds(seed: int | None) -> Iterator[int | None]:
    """Yield seeds without end, all of them drawn from one; without one, None each time.

    Where Keras is given no seed it draws one from Python's global generator, which any thread of the process may draw from meanwhile.
    """
    rng = None if seed is None else np.random.default_rng(seed)
    while True:
        yield None if rng is None else int(rng.integers(MOST))
