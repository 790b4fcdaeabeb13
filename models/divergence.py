"""A loss that is no number ends training: what such a model scores would rank everything or nothing first."""

from __future__ import annotations

import math


class DivergedError(RuntimeError):
    """Training produced a loss that is NaN or infinite."""


def finite(loss: float, model: str, step: int) -> float:
    """Return the loss of a training step, or raise `DivergedError` naming the model and the step."""
    if not math.isfinite(loss):
        raise DivergedError(
            f"{model}: the loss became {loss} at step {step}; a smaller learning_rate usually helps, else look for extreme features"
        )
    return loss
