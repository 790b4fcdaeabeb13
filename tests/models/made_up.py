"""Models made up of given numbers, to try what is done with the scores of models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.scorer import Family, UserBlock

Matrix = NDArray[np.float32]


class Multiplied:
    """A model that is a product of the vectors it is given; row n of them belongs to user n of every block."""

    def __init__(self, family: Family, users: Matrix, items: Matrix, knows_item: NDArray[np.bool_], knows_user: NDArray[np.bool_]) -> None:
        self.name, self.family = family, family
        self.knows_item, self._knows_user = knows_item, knows_user
        self._users, self.item_factors = users * knows_user[:, None], items * knows_item[:, None]

    def knows_user(self, _users: UserBlock) -> NDArray[np.bool_]:
        return self._knows_user

    def user_factors(self, _users: UserBlock) -> Matrix:
        return self._users

    def score(self, users: UserBlock) -> Matrix:
        return np.vecdot(self.user_factors(users)[:, None], self.item_factors)

    def __getattr__(self, name: str) -> Any:
        if name in {"fit", "similarity", "curves", "save", "load"}:  # part of the contract, and of no interest here
            return None
        raise AttributeError(name)


class Told(Multiplied):
    """The same scores from a model that does not tell its vectors."""

    item_factors = None  # type: ignore[assignment]

    def __init__(self, *args: Any) -> None:
        self.__dict__["inner"] = inner = Multiplied(*args)
        self.name, self.family, self.knows_item, self._knows_user = inner.name, inner.family, inner.knows_item, inner._knows_user

    def score(self, users: UserBlock) -> Matrix:
        return self.inner.score(users)

    user_factors = None  # type: ignore[assignment]
