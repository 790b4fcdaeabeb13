"""The clock: read once, at the top of a run, and handed down from there."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Read the clock, as UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)
