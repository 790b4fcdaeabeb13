"""Lists of score tables, one (batch, items) a component, as blending layers take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def check_shapes(layer: str, shapes: Any, count: int) -> None:
    """Raise ValueError unless there are `count` shapes (batch, items) that agree; None agrees with every number.

    Nothing is broadcast: one column beside many would silently turn a user's score into a score of every item.
    """
    several = isinstance(shapes, Sequence) and all(isinstance(shape, Sequence) for shape in shapes)
    if not several or len(shapes) != count:
        found = f"{len(shapes)} of them" if several else f"one tensor of shape {shapes}"
        raise ValueError(f"{layer} takes a list of {count} score tables, got {found}")
    for axis, name in enumerate(("users", "items")):
        if any(len(shape) != 2 for shape in shapes) or len({shape[axis] for shape in shapes} - {None}) > 1:
            raise ValueError(f"{layer}: score tables must all be (batch, items) with the same {name}, got {[tuple(s) for s in shapes]}")
