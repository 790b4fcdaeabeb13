"""Learning in epochs whose steps become smaller and smaller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import SupportsFloat, TypeVar

import numpy as np

from models.divergence import finite
from models.scorer import Progress

Batch = TypeVar("Batch")


def learn_epochs(
    model: str,
    epochs: int,
    batches: Callable[[], Iterable[Batch]],
    step: Callable[[Batch, float], SupportsFloat],
    progress: Progress,
) -> list[float]:
    """Learn from the batches of every epoch and return the mean loss of each; without batches there is none.

    `step` takes a batch and how much of the learning rate is left, from one down towards zero, and returns its loss, which is read only
    at the end of the epoch: steps need not wait for each other. Raises DivergedError on a loss that is no number.
    """
    losses: list[float] = []
    for epoch in range(epochs):
        left = 1 - epoch / epochs
        found = [step(batch, left) for batch in batches()]
        if not found:
            break
        done = epoch * len(found)
        losses.append(float(np.mean([finite(float(loss), model, done + at) for at, loss in enumerate(found)])))
        progress(f"{model}: epoch {epoch + 1} of {epochs}, loss {losses[-1]:.4f}")
    return losses
