"""How big the small shop is and how its people behave."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Self

from pydantic import BaseModel, Field, model_validator


class ShopConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """One imaginary shop; the values as they stand are the shop of `nightly demo`."""

    seed: int = 7

    n_users: int = Field(600, ge=1)
    n_items: int = Field(300, ge=2)
    n_tastes: int = Field(8, ge=1)
    """Planted tastes: each item serves one of them, each user has one or two."""

    start: date = date(2025, 11, 3)
    days: int = Field(63, ge=1)
    """Days the shop is open, those of the history included."""

    history_days: int = Field(60, ge=1)
    """Days inside the first delivery; each later day is a delivery of its own."""

    interactions_per_day: int = Field(400, ge=1, lt=5_000_000)
    """About how many items are taken on a day, all users together."""

    visit_length: float = Field(1.5, ge=1)
    """About how many items somebody takes in a visit; a user visits at most once a day."""

    popularity_skew: float = Field(0.95, ge=0)
    """Exponent of Zipf's law over items, and over tastes: 0 makes all alike, at 1 the second is chosen half as often as the first."""

    activity_skew: float = Field(0.5, ge=0)
    """Spread of the log-normal law over users: how much oftener the regulars come than the others."""

    taste_share: float = Field(0.85, ge=0, le=1)
    """Share of free choices made within the user's own tastes; the rest fall on whatever is popular."""

    follow_share: float = Field(0.3, ge=0, le=1)
    """Share of choices that are no free choice but take the planted successor of the item taken before."""

    newcomer_share: float = Field(0.2, ge=0, lt=1)
    """Share of users, and of items, that arrive after the first day, evenly over the days."""

    leaving_share: float = Field(0.04, ge=0, le=1)
    """Share of items that are sold for a limited time."""

    purchase_share: float = Field(0.3, ge=0, le=1)
    """Share of interactions that are a purchase; the others are a view."""

    dirty_share: float = Field(0.01, ge=0, le=1)
    """Spoiled rows, added to the sound ones, per sound row; 0 also keeps ids and times typed rather than text."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.history_days > self.days:
            raise ValueError(f"history_days ({self.history_days}) must not exceed days ({self.days})")
        if self.n_items < self.n_tastes:
            raise ValueError(f"n_items ({self.n_items}) must be at least n_tastes ({self.n_tastes})")
        return self

    @property
    def delivery_dates(self) -> list[date]:
        """The dates on which something is delivered, the one with the history first."""
        return [self.day(index) for index in range(self.history_days - 1, self.days)]

    def day(self, index: int) -> date:
        """Return the date of a day counted from the opening of the shop."""
        return self.start + timedelta(days=index)
