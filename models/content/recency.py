"""What a user liked lately says more of what they like next than what they liked long ago."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from models.scorer import RECENT, UserBlock


def recency_weighted(users: UserBlock, half_life: float | None) -> sp.csr_matrix:
    """Weigh the likes of users, halved every `half_life` likes back from the newest; (block, items), float32.

    Likes older than the remembered ones weigh as little as the next after them would. Where no order is known, or without a half-life,
    every like weighs 1.
    """
    in_order = users.recent[:, 0] >= 0
    if half_life is None or not in_order.any():
        return users.history
    oldest = np.float32(0.5 ** (RECENT / half_life))
    history = sp.csr_matrix(users.history, copy=True)
    history.data *= np.repeat(np.where(in_order, oldest, np.float32(1)), np.diff(history.indptr))
    row, place = np.nonzero(users.recent >= 0)
    more = np.power(0.5, place / half_life).astype(np.float32) - oldest
    remembered = sp.csr_matrix((more, (row, users.recent[row, place])), shape=history.shape)
    return (history + remembered.multiply(users.history)).tocsr()
