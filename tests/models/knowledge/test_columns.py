"""Claims about `models.knowledge.columns`."""

from __future__ import annotations

import pytest

from models.knowledge.columns import Columns, UnknownColumnError

ITEMS = Columns("items", ("genres=comedy", "genres=Drama", "price", "genres_old=comedy"))


def test_case_does_not_matter() -> None:
    """Categories are kept in lower case, and people write them as they please."""
    assert ITEMS.named("Genres=Comedy", rule=0) == 0
    assert ITEMS.named("genres=drama", rule=0) == 1
    assert ITEMS.named("price", rule=0) == 2


def test_an_attribute_has_its_own_values_only() -> None:
    """An attribute whose name begins alike is another one."""
    assert ITEMS.values("genres", rule=0) == {"comedy": 0, "drama": 1}


@pytest.mark.parametrize(
    ("name", "near"),
    [("genres=comdy", "genres=comedy"), ("genres=zzz", "genres=drama"), ("prize", "price"), ("x", "genres=comedy, genres=drama, price")],
)
def test_an_unknown_column_is_named_with_what_is_near(name: str, near: str) -> None:
    """The message holds the number of the rule, what was expected and found, and what may have been meant."""
    with pytest.raises(UnknownColumnError) as raised:
        ITEMS.named(name, rule=2)
    assert f"rule 3: expected a feature column of items, found {name!r}; near it:" in str(raised.value)
    assert near in str(raised.value)


def test_an_unknown_attribute_is_named_with_what_is_near() -> None:
    """A number has no values that could be shared, so it is not offered."""
    with pytest.raises(UnknownColumnError, match=r"rule 1: expected an attribute of items with values, found 'genre'; near it: genres"):
        ITEMS.values("genre", rule=0)
    with pytest.raises(UnknownColumnError, match="found 'price'") as raised:
        ITEMS.values("price", rule=0)
    assert "price" not in raised.value.near


def test_where_there_are_no_columns_the_message_says_so() -> None:
    """Nothing is near in an empty list."""
    with pytest.raises(UnknownColumnError, match="there are none"):
        Columns("users", ()).named("age", rule=0)
