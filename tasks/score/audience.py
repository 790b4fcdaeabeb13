"""The other way round: whom an item suits most, of those among whose best candidates it is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.left_out import LISTED, Candidates
from models.policies.limits import Cause, Reason
from models.ragged import place_in_row
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.tables import TABLES
from tasks.tables.writing import write_table

MAY_BE_SHOWN: tuple[Cause, ...] = ("rank", "below_minimum", "capped", "diversified", "displaced")
"""Why candidates are missing that could have been shown: something else took their place."""

HELD_AT_ONCE = 1 << 22
"""Pairs of an item and a user that stand in memory before all but the best of each item are dropped."""


class BestUsers:
    """Keeps the `k` users of each item whom it scored highest for, as candidates come, users ascending."""

    def __init__(self, k: int, reasons: tuple[Reason, ...]) -> None:
        self.k = k
        self._counts = np.array([reason.cause in MAY_BE_SHOWN for reason in reasons])
        self._held = _Pairs.none()
        self._waiting: list[_Pairs] = []

    def add(self, found: Candidates) -> None:
        """Take in the candidates of a block of users."""
        counts = (found.code == LISTED) | self._counts[found.code]
        self._waiting.append(_Pairs(found.item[counts], found.user[counts].astype(np.int32), found.score[counts]))
        if sum(len(pairs.item) for pairs in self._waiting) > HELD_AT_ONCE:
            self._keep_the_best()

    def _keep_the_best(self) -> None:
        self._held = _Pairs.together([self._held, *self._waiting]).best(self.k)
        self._waiting = []

    def write(self, night: Night, known: TrainingSet, id_types: dict[str, str]) -> None:
        """Write the table."""
        self._keep_the_best()
        pairs = self._held
        arrays = {
            "item_id": known.items["item_id"].take(pairs.item),
            "rank": (place_in_row(np.unique(pairs.item, return_counts=True)[1]) + 1).astype(np.int16),
            "user_id": known.users["user_id"].take(pairs.user),
            "score": pairs.score.astype(np.float64),
        }
        schema = TABLES["item_audience"].schema(id_types, {"run_id": night.run_id})
        content = pa.table([arrays[field.name] for field in schema], names=schema.names)
        write_table(night.staged_table("item_audience"), content, schema)


class _Pairs:
    """Items, users and scores, pair by pair."""

    def __init__(self, item: NDArray[np.int32], user: NDArray[np.int32], score: NDArray[np.float32]) -> None:
        self.item, self.user, self.score = item, user, score

    @classmethod
    def none(cls) -> _Pairs:
        """Return no pairs."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))

    @classmethod
    def together(cls, parts: list[_Pairs]) -> _Pairs:
        """Join pairs."""
        columns = ((part.item, part.user, part.score) for part in parts)
        return cls(*(np.concatenate(column) for column in zip(*columns, strict=True)))

    def best(self, k: int) -> _Pairs:
        """Return the k pairs of each item that score highest, ties to the lower user; sorted by item, best first."""
        order = np.lexsort((self.user, -self.score, self.item))
        item = self.item[order]
        kept = order[place_in_row(np.unique(item, return_counts=True)[1]) < k]
        return _Pairs(self.item[kept], self.user[kept], self.score[kept])
