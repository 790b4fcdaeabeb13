"""Seen: how long what a user has met stays out of their list, by the type of the event."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import numpy as np
import scipy.sparse as sp
from pydantic import BaseModel, Field

from tasks.warehouse import Warehouse

KeptOut = Literal["forever", "never"] | Annotated[int, Field(ge=1, le=36_500)]


class SeenConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How long what a user has met is not recommended to them: `forever`, `never`, or a number of days.

    One event is enough to keep an item out of a list. An event without a time that would do so for some days does so for ever.
    """

    default: KeptOut = "forever"
    """For event types that are not named in `types`, and for events without a type."""

    types: dict[str, KeptOut] = {}
    """Event type -> how long: a shop may write {purchase = 30, view = "never"}."""

    @property
    def opens(self) -> bool:
        """Say whether anything that was met may be recommended again."""
        return any(rule != "forever" for rule in (self.default, *self.types.values()))

    def parameters(self, known_until: datetime) -> dict[str, Any]:
        """Return the rule as selects take it: the instant from which on an event of each type keeps its item out tonight."""
        return {
            "seen_types": list(self.types),
            "seen_since": [_since(rule, known_until) for rule in self.types.values()],
            "seen_since_default": _since(self.default, known_until),
            "known_until": known_until,
        }


def open_again(warehouse: Warehouse, rule: SeenConfig, known_until: datetime) -> sp.csr_matrix | None:
    """Return the pairs that met and may be recommended again, (users, items) ones; None where the rule lets nothing be.

    training.users and training.items must be tonight's.
    """
    if not rule.opens:
        return None
    pairs = warehouse.arrow("policies.open_again", **rule.parameters(known_until))
    users, items = (pairs[name].to_numpy() for name in ("user_index", "item_index"))
    shape = (warehouse.count("training.users"), warehouse.count("training.items"))
    return sp.csr_matrix((np.ones(len(users), np.int8), (users, items)), shape=shape)


def barred_as_seen(seen: sp.csr_matrix, opened: sp.csr_matrix | None) -> sp.csr_matrix:
    """Return those entries of what was met that keep an item out of a list; both (users, items), `opened` holding ones."""
    return seen if opened is None else seen - seen.multiply(opened)


def _since(rule: KeptOut, known_until: datetime) -> datetime:
    if isinstance(rule, int):
        return known_until - timedelta(days=rule)
    return datetime.min if rule == "forever" else datetime.max  # noqa: DTZ901 - UTC without zone, as all our times
