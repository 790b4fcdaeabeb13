"""Who can be looked up on the page: some of every kind of user, and those whose list has changed most."""

from __future__ import annotations

import logging

from pydantic import BaseModel

from tasks.night import Night
from tasks.raw_facts import Id
from tasks.refusals import NightError
from tasks.report.story import Story
from tasks.warehouse import Warehouse, open_warehouse

log = logging.getLogger("nightly")

BY_KIND, MOST_CHANGED = 24, 8
"""Users who are chosen so that every kind has some, and for how much has changed."""


class Chosen(BaseModel, frozen=True, extra="forbid"):
    """A user who can be looked up, and the segment that they were in; `n_entered` counts new items of those whose list changed most."""

    user_id: Id
    segment: str
    n_entered: int = 0


def chosen_users(night: Night, story: Story) -> tuple[Chosen, ...]:
    """Choose users by what the night has staged, those first whose list changed most; nobody where it made no lists.

    Segments are known to the working store alone. One that cannot be opened costs the look-up, never the page.
    """
    if story.derived is None:
        return ()
    try:
        with open_warehouse(night) as warehouse:
            return _chosen(night, warehouse) if warehouse.stamped("derive.segments") else ()
    except NightError as error:
        log.warning("report: nobody can be looked up: %s", error)
        return ()


def _chosen(night: Night, warehouse: Warehouse) -> tuple[Chosen, ...]:
    lists, changes = str(night.staged_table("recommendations")), str(night.staged_table("changes"))
    changed = [Chosen(**row) for row in warehouse.rows("report.users_most_changed", changes=changes, most=MOST_CHANGED)]
    of_kinds = warehouse.rows("report.users_by_kind", recommendations=lists, most=BY_KIND)
    known = {user.user_id for user in changed}
    return (*changed, *(Chosen(user_id=row["user_id"], segment=row["segment"]) for row in of_kinds if row["user_id"] not in known))
