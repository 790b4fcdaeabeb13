"""Feature columns by the names people give them in rules."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


class UnknownColumnError(ValueError):
    """A rule names a column or an attribute that nobody has.

    `rule` counts the rules from 0; `near` holds the names most like the one in the rule, else what could have been named.
    """

    def __init__(self, rule: int, expected: str, found: str, near: Sequence[str]) -> None:
        self.rule, self.expected, self.found, self.near = rule, expected, found, tuple(near)
        hint = f"; near it: {', '.join(near)}" if near else "; there are none"
        super().__init__(f"rule {rule + 1}: expected {expected}, found {found!r}{hint}")


class Columns:
    """The columns of `kind` (items or users): `attribute=value` for a category, a word or a band, `attribute` alone for a number.

    Case is left out of account.
    """

    def __init__(self, kind: str, names: Sequence[str]) -> None:
        self.kind = kind
        self._column = {name.casefold(): column for column, name in enumerate(names)}

    def named(self, name: str, rule: int) -> int:
        """Return the column of that name, or raise `UnknownColumnError`."""
        if name.casefold() not in self._column:
            raise UnknownColumnError(rule, f"a feature column of {self.kind}", name, self._near(name, self._column))
        return self._column[name.casefold()]

    def values(self, attribute: str, rule: int) -> dict[str, int]:
        """Return the values of an attribute and their columns, in order, or raise `UnknownColumnError`."""
        start = f"{attribute.casefold()}="
        found = {name.removeprefix(start): column for name, column in self._column.items() if name.startswith(start)}
        if not found:
            attributes = dict.fromkeys(name.partition("=")[0] for name in self._column if "=" in name)
            raise UnknownColumnError(rule, f"an attribute of {self.kind} with values", attribute, self._near(attribute, attributes))
        return found

    def _near(self, name: str, known: dict[str, int] | dict[str, None]) -> list[str]:
        """Return the known names most like this one; failing that some of its attribute, failing that some at all."""
        of_attribute = [other for other in known if other.partition("=")[0] == name.casefold().partition("=")[0]]
        return get_close_matches(name.casefold(), known, n=3) or of_attribute[:3] or list(known)[:3]
