"""What the tables of recommendations hold."""

from __future__ import annotations

from pydantic import BaseModel, Field


class ScoreConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What the tables hold, and how much memory scoring may take."""

    k: int = Field(20, ge=1, le=1000)
    """Rows per user, and per item in similar_items."""

    popular: int = Field(100, ge=1)
    """Rows per segment in popular_items."""

    memory_mb: int = Field(256, ge=16)
    """Memory for the scores of the users that are scored at the same time; decides how many these are."""
