"""The sections of [policies], each with what it can say."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from models.knowledge.rules import Match

LONGEST_LIST = 1000
"""`[score] k` is never more."""


def as_text(value: Any) -> Any:
    """Read numbers and truth values of TOML as the texts that deliveries hold."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def as_column(text: str) -> str:
    """Refuse what does not name an attribute and one of its values."""
    attribute, equals, value = (part.strip() for part in text.partition("="))
    if not (attribute and equals and value):
        raise ValueError("name an attribute and one of its values, such as brand=acme")
    return text


def as_name(text: str) -> str:
    """Refuse what cannot stand behind the dot of `caps.genres`."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}", text):
        raise ValueError("a name has letters of a to z, digits, _ and -, 60 at most")
    return text


Text = Annotated[str, Field(min_length=1), BeforeValidator(as_text)]
Name = Annotated[str, AfterValidator(as_name)]
Column = Annotated[str, AfterValidator(as_column)]


class Value(NamedTuple):
    """An attribute and one of its values, both in lower case."""

    attribute: str
    value: str

    @classmethod
    def of(cls, column: str) -> Value:
        """Read `attribute=value`."""
        attribute, _, value = column.partition("=")
        return cls(attribute.strip().lower(), value.strip().lower())


class BlocksConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What is not recommended, to anybody or to some."""

    items: tuple[Text, ...] = ()
    """Ids of items that are recommended to nobody."""

    users_attribute: Text | None = None
    """Attribute of users that lists the ids of items not to recommend to them."""

    items_attribute: Text | None = None
    """Attribute of items that lists the ids of users they are not to be recommended to."""


class Eligibility(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Who may be shown which items: those who share a value with the item, or, of items with some value, users with some value only."""

    name: Name
    """What the rule is called in tables and reports."""

    match: Match | None = None
    """Two attributes of which a user and an item must share a value."""

    item: Column | None = None
    """Instead, `attribute=value`: the items that not everybody may be shown."""

    user: Column | None = None
    """`attribute=value`: the users who may be shown them."""

    missing: Literal["allow", "refuse"] = "allow"
    """What holds for users and items without the attribute. "refuse" takes such an item for one that not everybody may be shown, and such a
    user for one who may not."""

    @model_validator(mode="after")
    def _one_form(self) -> Eligibility:
        if (self.match is None) == (self.item is None) or (self.item is None) != (self.user is None):
            raise ValueError("name either a `match` of two attributes, or an `item` and a `user`, each as attribute=value")
        return self

    @property
    def item_attribute(self) -> str:
        return (self.match.item if self.match else Value.of(self.item or "").attribute).lower()

    @property
    def user_attribute(self) -> str:
        return (self.match.user if self.match else Value.of(self.user or "").attribute).lower()


class Boost(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Points that are added to the scores of some items, for everybody or for some users; fewer than none demote."""

    name: Name
    """What the rule is called in tables and reports."""

    item: Column
    """`attribute=value`: the items meant; case is left out of account."""

    user: Column | None = None
    """`attribute=value`: the users meant; none means everybody."""

    points: float = Field(allow_inf_nan=False)
    """What is added, in deviations of the user's scores."""


class CapConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How many items of a list may share a value."""

    name: Name
    """What the rule is called in tables and reports."""

    by: Text
    """Attribute of items: categories, a text, or a number with [features.bands], whose bands count then."""

    most: int = Field(ge=1)
    """Items of a list that share a value, at most; an item with several values counts for each, one without for none."""


class QuotaConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How many places of a list are kept for some items, as far as the user has candidates among them."""

    name: Name
    """What the rule is called in tables and reports."""

    item: Column
    """`attribute=value`: the items meant."""

    least: int = Field(ge=1, le=LONGEST_LIST)
    """Places kept for them."""


class DiversityConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Whether items that resemble one further up move down."""

    strength: float = Field(0.0, ge=0, allow_inf_nan=False)
    """What an item loses that is just like one above it, as a share of what lies between the best and the k-th best score; 0 is off."""

    by: str = "descriptions"
    """What tells likeness: descriptions, or the name of a model with item vectors."""


class ExplorationConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Places of each list that are kept for new items."""

    least: int = Field(0, ge=0, le=LONGEST_LIST)
    """Places kept; 0 is off."""

    newer_than_days: int = Field(14, ge=1)
    """Days before the newest event within which a new item became available or, where no `available_from` says when, was first met. An
    item that nobody has met and that says nothing is new."""

    fewer_than_events: int = Field(10, ge=1)
    """Users who have met an item from which on it is new no more."""
