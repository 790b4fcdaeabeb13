"""When to stop learning: once what is watched has not become better for a while."""

from __future__ import annotations

import math
from typing import Generic, TypeVar

State = TypeVar("State")


class EarlyStopping(Generic[State]):
    """Keep the best state seen, and say when `patience` epochs have passed without one better by `min_delta`.

    An epoch that is better by less is no better.
    """

    def __init__(self, start: State, min_delta: float, patience: int) -> None:
        self.best, self.best_epoch = start, 0
        self._lowest, self._min_delta, self._patience, self._epoch = math.inf, min_delta, patience, 0

    def saw(self, loss: float, state: State) -> bool:
        """Take in an epoch's loss and state; return whether to stop."""
        self._epoch += 1
        if loss < self._lowest - self._min_delta:
            self._lowest, self.best, self.best_epoch = loss, state, self._epoch
        return self._epoch - self.best_epoch >= self._patience
