"""Choose the same users every night where all of them would be too many."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def sampled(user_ids: Iterable[object], at_most: int) -> NDArray[np.intp]:
    """Return the places of the users to keep, ascending: all, or those whose ids have the smallest hashes.

    By its id alone, read as text, a user comes earlier than another or later, whoever else there is: one account more changes one place,
    and a smaller sample is part of a larger one. The hash is none that `user_half` goes by: the smallest would all be of one half.
    """
    hashes = np.array([blake2b(str(user_id).encode(), digest_size=8).digest() for user_id in user_ids], "S8").view(">u8")
    return np.sort(np.argsort(hashes, kind="stable")[:at_most])
