"""Put numbers in order and leave equals as they come, in a few passes instead of comparing them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 16
"""What NumPy sorts stably in one pass over the numbers, without comparing any."""


def stable_order(numbers: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return the places of numbers, none of them negative, from the smallest to the largest; equals by place."""
    largest = int(numbers.max(initial=0))
    order = np.argsort(numbers.astype(np.uint16), kind="stable")
    shift = BITS
    while largest >> shift:
        order = order[np.argsort((numbers[order] >> shift).astype(np.uint16), kind="stable")]
        shift += BITS
    return order
