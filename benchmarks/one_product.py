"""One model that is given as vectors, ranked by the engine that ranks every night."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.blend import Blend
from models.block_scores import Panel
from models.chosen import Chosen, best_of
from models.compute import ComputeConfig, in_order, limited_threads
from models.fused_blend import TILED_AT_ONCE, FusedBlend
from models.scorer import RECENT, Described, UserBlock


class Given:
    """A model that is a product of given vectors; it finds the users of a block in the features they are described by."""

    name, family = "given", "collaborative"

    def __init__(self, users: NDArray[np.float32], items: NDArray[np.float32]) -> None:
        self.users, self.item_factors = users, items
        self.knows_item = np.ones(len(items), np.bool_)

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark everybody; (block,)."""
        return np.ones(len(users), np.bool_)

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Look the users of the block up by number; (block, width)."""
        return self.users[users.recent[:, 0]]

    def __getattr__(self, name: str) -> Any:
        """Stand in for the parts of the contract that ranking does not ask for."""
        if name in {"fit", "score", "similarity", "curves", "save", "load"}:
            return None
        raise AttributeError(name)


def best_lists(users: NDArray[np.float32], items: NDArray[np.float32], seen: sp.csr_matrix, k: int) -> NDArray[np.int32]:
    """Return everybody's k best unseen items, as a night with this one model would; (users, k)."""
    blend = Blend(("given",), ("collaborative",), ("all",), np.ones((1, 1)))
    engine = FusedBlend(Panel.of([Given(users, items)]), blend, np.ones(len(items), np.bool_))  # type: ignore[list-item]

    def best(start: int) -> Chosen:
        rows = np.arange(start, min(start + TILED_AT_ONCE, len(users)))
        return best_of(engine, numbered(rows, len(items)), seen[rows[0] : rows[-1] + 1], k)

    with limited_threads(ComputeConfig()):
        return np.concatenate([chosen.items for chosen in in_order(best, range(0, len(users), TILED_AT_ONCE))])


def numbered(rows: NDArray[np.intp], n_items: int) -> UserBlock:
    """Return users of whom nothing is known but their number."""
    n = len(rows)
    nothing = sp.csr_matrix((n, n_items), dtype=np.float32)
    recent = np.repeat(rows[:, None], RECENT, axis=1).astype(np.int32)
    described = Described.by(sp.csr_matrix((n, 0), dtype=np.float32))
    return UserBlock(nothing, nothing, recent, np.zeros((n, RECENT), np.float32), described, np.zeros(n, np.int16))
