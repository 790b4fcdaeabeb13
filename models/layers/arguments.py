"""What the constructors of layers accept: a number that makes no sense is refused where it is written, by its name."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from numbers import Integral, Real


def positive_integer(name: str, value: object) -> int:
    """Return a whole number of at least one; anything else raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    return int(value)


def number(name: str, value: object) -> float:
    """Return a finite number; anything else raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return float(value)


def not_negative(name: str, value: object) -> float:
    """Return a finite number of at least zero; anything else raises ValueError."""
    if (accepted := number(name, value)) < 0:
        raise ValueError(f"{name} must not be negative, got {value!r}")
    return accepted


def positive(name: str, value: object) -> float:
    """Return a finite number above zero; anything else raises ValueError."""
    if (accepted := number(name, value)) <= 0:
        raise ValueError(f"{name} must be above 0, got {value!r}")
    return accepted


def share_below_one(name: str, value: object) -> float:
    """Return a number from zero up to, but not including, one; anything else raises ValueError."""
    if (accepted := not_negative(name, value)) >= 1:
        raise ValueError(f"{name} must be below 1, got {value!r}")
    return accepted


def widths(name: str, value: object, width: int) -> tuple[int, ...]:
    """Return the widths of hidden layers: so many of `width`, or those of a sequence; anything else raises ValueError."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(positive_integer(name, each) for each in value)
    if value == 0 and not isinstance(value, bool):
        return ()
    return (width,) * positive_integer(name, value)
