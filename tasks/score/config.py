"""What the tables of recommendations hold."""

from __future__ import annotations

from pydantic import BaseModel, Field


class ScoreConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What the tables hold, and how much memory scoring may take."""

    k: int = Field(20, ge=1, le=1000)
    """Rows per user, and per item in similar_items."""

    popular: int = Field(100, ge=1)
    """Rows per segment in popular_items."""

    audience: int = Field(20, ge=0, le=1000)
    """Rows per item in item_audience, at most: users among whose best 3 k candidates the item is."""
    wide: bool = False
    """Also write recommendations_wide, with one row per user, for readers who want a list in one piece."""

    memory_mb: int = Field(256, ge=16)
    """Memory for the scores of the users that are scored, or the items that are compared, at the same time; decides how many these are."""

    exact_up_to_items: int = Field(200_000, ge=0)
    """Items up to which every one is scored for every user. In larger catalogues each user is shown the best of the cells of similar items
    that promise most; models that are no products of vectors name candidates of their own."""

    min_search_recall: float = Field(0.97, ge=0, le=1)
    """Share of the best k that such a search has to find, measured every night on some users who are scored both ways. More cells are
    looked into until it does; where that would save little, everything is scored."""

    search_recall_users: int = Field(200, ge=10)
    """Users that this is measured on, those whose ids have the smallest hashes."""

    def scores_in_memory(self, threads: int) -> int:
        """Return how many float32 scores each of some threads may hold."""
        return self.memory_mb * 2**20 // (4 * threads)
