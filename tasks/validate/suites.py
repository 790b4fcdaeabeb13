"""What must hold of a night's input, suite by suite: as Great Expectations checks it, and as an operator reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field


class ValidateConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How sound a night's input must be to learn from it. The counts start low: they catch a broken load, not a small shop."""

    min_interactions: int = Field(100, ge=1)
    """Fewest interactions, over all deliveries."""

    min_users: int = Field(5, ge=1)
    """Fewest users with an interaction."""

    min_items: int = Field(5, ge=1)
    """Fewest items with an interaction."""

    max_rejected_share: float = Field(0.2, ge=0, le=1)
    """Largest share of the rows of one new delivery that may break a rule."""

    max_duplicate_share: float = Field(1.0, ge=0, le=1)
    """Largest share of the rows of one new delivery that may have been delivered before; 1 welcomes exports that repeat everything."""

    min_known_item_share: float = Field(0.5, ge=0, le=1)
    """Smallest share of interactions whose item is in the catalogue, once there is one; an outdated catalogue empties the lists."""

    swapped_margin: float = Field(0.3, gt=0, le=1)
    """A delivery is refused when this much more of its ids are known once user_id and item_id change places; 1 turns the check off."""

    swapped_from_rows: int = Field(20, ge=1)
    """Deliveries with fewer rows are too small to tell swapped ids from new users."""

    alarm_from_nights: int = Field(7, ge=1)
    """Earlier nights, without the first, that tell what share of events by new users is usual."""

    alarm_from_events: int = Field(100, ge=1)
    """Nights with fewer new events are too small to tell a flood of new accounts from a good day."""

    new_account_margin: float = Field(0.2, ge=0, le=1)
    """How far the share of events by users never seen before may lie above the median of earlier nights; beyond it, and beyond five
    robust standard deviations, the night warns."""

    max_new_account_share: float = Field(0.9, ge=0, le=1)
    """A night that warns of new accounts is refused when their share of its events is above this; 1 never refuses."""

    popularity_jump_factor: int = Field(10, ge=2, le=1_000_000)
    """A night warns of an item whose share of the new events is so many times that of the four weeks before, most of it by users never
    seen before."""

    popularity_jump_from_events: int = Field(20, ge=1)
    """New events below which an item is too small to warn of."""

    on_popularity_jump: Literal["warn", "refuse"] = "warn"
    """Whether such an item ends the night or is only told of."""

    sample_rows: int = Field(10_000, ge=1)
    """Interactions that Great Expectations looks at one by one; every row is counted and judged in SQL before."""


@dataclass(frozen=True)
class Expected:
    """One expectation: the name and arguments Great Expectations knows it by, what it says, and what to do when it fails."""

    kind: str
    arguments: dict[str, Any]
    sentence: str
    next_step: str


@dataclass(frozen=True)
class Suite:
    """Expectations of one relation, by the name under sql/ of the select that fills it."""

    name: str
    relation: str
    subject: str
    """What the messages say it is about."""

    expected: tuple[Expected, ...]
    parameters: dict[str, Any] = field(default_factory=dict)


ASK = "read data_docs/index.html, then ask the producer of the delivery"
LATER = "deliver more, or lower [validation] {setting}"


def profile_suite(config: ValidateConfig) -> Suite:
    """Return what must hold of the night as a whole; the likeliest cause stands first, since its failure explains the others."""
    shares = [
        _at_most("worst_rejected_share", config.max_rejected_share, "rejected rows in a new delivery", "max_rejected_share"),
        _at_most("worst_duplicate_share", config.max_duplicate_share, "repeated rows in a new delivery", "max_duplicate_share"),
    ]
    counts = [
        _at_least("interactions", config.min_interactions, "min_interactions"),
        _at_least("users", config.min_users, "min_users"),
        _at_least("items", config.min_items, "min_items"),
    ]
    known = Expected(
        "ExpectColumnMinToBeBetween",
        {"column": "known_item_share", "min_value": config.min_known_item_share},
        f"at least {config.min_known_item_share:.0%} of the interactions with an item of the catalogue",
        "deliver the whole catalogue to inbox/items, or lower [validation] min_known_item_share",
    )
    return Suite("profile", "checks.profile", "interactions", (*shares, _one_row(), *counts, known))


def sample_suite(config: ValidateConfig, *, has_times: bool, known_until: datetime) -> Suite:
    """Return what must hold of single interactions, looked at in a bounded sample: a second opinion on the rules in SQL."""
    rules = [
        # Null, range and uniqueness checks all pass on nothing: without the count an empty sample would be perfect.
        Expected("ExpectTableRowCountToBeBetween", {"min_value": 1, "max_value": config.sample_rows}, "at least one interaction", ASK),
        _present("user_id"),
        _present("item_id"),
        Expected("ExpectCompoundColumnsToBeUnique", {"column_list": ["delivery", "row_number"]}, "each delivered row once", ASK),
        Expected("ExpectColumnValuesToBeBetween", {"column": "value", "min_value": 0, "max_value": 1e300}, "finite values from 0 up", ASK),
    ]
    if has_times:
        before = {"column": "occurred_at", "max_value": known_until, "strict_max": True}
        rules += [
            _present("occurred_at"),
            Expected(
                "ExpectColumnValuesToBeBetween", before, f"times before {known_until:%Y-%m-%d %H:%M} UTC, the end of the night's date", ASK
            ),
        ]
    return Suite("interactions", "checks.sample_interactions", "staging.interactions", tuple(rules), {"sample_rows": config.sample_rows})


def _one_row() -> Expected:
    return Expected("ExpectTableRowCountToEqual", {"value": 1}, "one row of counts", ASK)


def _at_least(column: str, low: int, setting: str) -> Expected:
    arguments = {"column": column, "min_value": low}
    return Expected("ExpectColumnMinToBeBetween", arguments, f"at least {low:,} {column}", LATER.format(setting=setting))


def _at_most(column: str, high: float, what: str, setting: str) -> Expected:
    arguments = {"column": column, "max_value": high}
    next_step = f"{ASK}; if it is as it should be, raise [validation] {setting}"
    return Expected("ExpectColumnMaxToBeBetween", arguments, f"at most {high:.0%} {what}", next_step)


def _present(column: str) -> Expected:
    return Expected("ExpectColumnValuesToNotBeNull", {"column": column}, f"a {column} in every interaction", ASK)
