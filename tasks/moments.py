"""How a moment stands in our small files: in UTC, with a Z; in memory it has no zone."""

from __future__ import annotations

from datetime import datetime


def written(at: datetime, timespec: str = "seconds") -> str:
    """Write a moment in UTC for a manifest, a note or a line of a record."""
    return at.isoformat(timespec=timespec) + "Z"


def moment(told: str) -> datetime:
    """Read a moment as it was written; raises ValueError where it is none."""
    return datetime.fromisoformat(told.removesuffix("Z"))
