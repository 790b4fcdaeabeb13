"""Fatigue: what a user was shown night after night, and has not taken up, is left out for a while.

What was shown is told by delivered impressions or, without any, by the lists that earlier nights published.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from pydantic import BaseModel, Field, model_validator

from tasks.night import Night
from tasks.pointer import pointer_moves
from tasks.published_table import intact_table, same_ids
from tasks.trail import withdrawn
from tasks.warehouse import Warehouse
from tasks.workspace import Workspace

log = logging.getLogger("nightly")


class FatigueConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How often an item is shown to a user who does not take it up."""

    nights: int = Field(0, ge=0, le=90)
    """An item that stood in the user's list on so many of the last nights, without any event of the user with it since, is left out; 0
    never tires of anything."""

    within: int = Field(7, ge=1, le=90)
    """How many of the last published nights are looked at; those that were rolled back, removed or damaged do not count. Where
    [events] impressions names event types, days with an impression count in place of nights, and so many days back."""

    @model_validator(mode="after")
    def _can_be_reached(self) -> FatigueConfig:
        if self.nights > self.within:
            raise ValueError(f"`nights` must not be above `within`: {self.nights} of {self.within} nights never happen")
        return self


@dataclass(frozen=True)
class ShownLists:
    """The lists of one published night, whole on the disk."""

    run_id: str
    run_date: date
    file: Path


def lists_shown(workspace: Workspace, before: date, fatigue: FatigueConfig, impressions: Sequence[str] = ()) -> tuple[ShownLists, ...]:
    """Return the lists that decide what users are tired of on the night of a date, oldest first; none where impressions tell, or nothing.

    They are an input of that night: their run_ids belong to its identity. Lists that are not what was published are passed over with a
    warning.
    """
    if not fatigue.nights or impressions:
        return ()
    moves = pointer_moves(workspace)
    nights = [night for night in workspace.published() if night["run_date"] < str(before) and not withdrawn(night, moves)]
    shown = []
    for night in nights[-fatigue.within :]:
        file, why_not = intact_table(workspace, night, "recommendations")
        if file is None:
            log.warning("fatigue: the lists of %s do not count: %s", night["run_date"], why_not)
        else:
            shown.append(ShownLists(night["run_id"], date.fromisoformat(night["run_date"]), file))
    return tuple(shown)


def tired_of(
    night: Night, warehouse: Warehouse, users: pa.Table, items: pa.Table, fatigue: FatigueConfig, impressions: Sequence[str] = ()
) -> sp.csr_matrix | None:
    """Return what users were shown too often and have not taken up, (users, items) ones; None where nobody tires of anything.

    `users` and `items` are training.users and training.items of tonight, as training.events must be.
    """
    if not fatigue.nights:
        return None
    if impressions:
        since = night.known_until - timedelta(days=fatigue.within)
        limits = {"impressions": list(impressions), "since": since, "nights": fatigue.nights}
        pairs = warehouse.arrow("policies.impressions_too_often", **limits)
    else:
        pairs = _from_lists(night, warehouse, users, items, fatigue)
    log.info("fatigue: %d pairs of user and item were shown too often", pairs.num_rows)
    rows, columns = (pairs[name].to_numpy() for name in ("user_index", "item_index"))
    return sp.csr_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(users.num_rows, items.num_rows))


def _from_lists(night: Night, warehouse: Warehouse, users: pa.Table, items: pa.Table, fatigue: FatigueConfig) -> pa.Table:
    ids = pa.schema([users.schema.field("user_id"), items.schema.field("item_id")])
    shown = []
    for one in lists_shown(night.workspace, night.run_date, fatigue):
        if same_ids(one.file, ids):
            shown.append(one)
        else:
            log.warning("fatigue: the lists of %s do not count: their ids are of another type than tonight's", one.run_date)
    if len(shown) < fatigue.nights:
        return pa.table({"user_index": pa.array([], pa.int32()), "item_index": pa.array([], pa.int32())})
    # What happened before the end of its date a list knew of; readers had it from then on.
    since = datetime.combine(shown[0].run_date, time()) + timedelta(days=1)
    files = [str(one.file) for one in shown]
    return warehouse.arrow("policies.shown_too_often", recommendations=files, nights=fatigue.nights, since=since)
