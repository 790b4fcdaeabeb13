"""Claims about `models.epochs`."""

from __future__ import annotations

import numpy as np
import pytest

from models.divergence import DivergedError
from models.epochs import learn_epochs
from models.scorer import silent


def test_every_epoch_learns_from_fresh_batches_at_a_smaller_rate() -> None:
    """Two batches in each of four epochs: the rate falls from one by quarters, losses are the means of the epochs, and each is told."""
    drawn, told = iter(range(8)), list[str]()
    seen: list[tuple[int, float]] = []

    def step(batch: int, left: float) -> np.float32:
        seen.append((batch, left))
        return np.float32(batch)

    losses = learn_epochs("bpr", 4, lambda: (next(drawn) for _ in range(2)), step, told.append)
    assert seen == list(zip(range(8), np.repeat([1, 0.75, 0.5, 0.25], 2).tolist(), strict=True))
    assert losses == [0.5, 2.5, 4.5, 6.5]
    assert told[1] == "bpr: epoch 2 of 4, loss 2.5000"
    assert len(told) == 4


def test_without_batches_there_is_no_loss() -> None:
    """Where there is nothing to learn from, no epoch is counted."""
    assert learn_epochs("bpr", 3, tuple[int, ...], lambda _, left: left, silent) == []


def test_a_loss_that_is_no_number_is_named_with_its_step() -> None:
    """Steps are counted over all epochs."""
    losses = iter([1.0, 1.0, 1.0, np.inf])
    with pytest.raises(DivergedError, match="bpr: the loss became inf at step 3"):
        learn_epochs("bpr", 2, lambda: range(2), lambda _, __: next(losses), silent)
