"""Judge interactions: only those of new deliveries, as long as all that was judged before still stands.

What may be carried over is written down beside it, as a basis, and forgotten before anything is changed: a killed night, an earlier
date, other settings or another order of deliveries find no basis that fits, and everything is judged anew. Decision 0018.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import duckdb
from pydantic import BaseModel

import sql
from tasks.basis import basis_in, forget, remember
from tasks.storage import canonical_json, text_hash
from tasks.warehouse import Warehouse

BASIS = "staging.basis"
DECIDING = (
    "empty.judged_interactions",
    "empty.interactions",
    "macros.instant",
    "macros.likeness",
    "macros.local_time",
    "macros.time_fault",
    "staging.full_days",
    "staging.interactions",
    "staging.judged_interactions",
)
"""Selects under sql/ that decide what is judged how."""


class Basis(BaseModel, frozen=True, extra="forbid"):
    """What the judged interactions in the warehouse were judged from."""

    rules: str
    """Hash of the settings, types and selects that judge a row."""

    known_until: datetime
    deliveries: tuple[tuple[str, date], ...]
    """Each delivery of interactions and the night that took it in, in the order in which copies are told from firsts."""

    build: int = 1
    """How often they were changed since they were last judged anew."""

    def stands_in(self, tonight: Basis) -> bool:
        """Tell whether all that was judged from this stands when tonight's deliveries are judged after it."""
        is_alike = self.rules == tonight.rules and self.known_until <= tonight.known_until
        return is_alike and tonight.deliveries[: len(self.deliveries)] == self.deliveries


def judged_build(warehouse: Warehouse) -> int:
    """Return the build in which staging.judged_interactions and staging.interactions changed last."""
    basis = basis_in(warehouse, BASIS, Basis)
    if basis is None:
        raise RuntimeError(f"{BASIS} is missing, although interactions were judged")
    return basis.build


def rules_of(**parameters: Any) -> str:
    """Hash everything but the deliveries and the horizon that decides how a row is judged."""
    return text_hash(canonical_json([duckdb.__version__, [sql.read(name) for name in DECIDING], parameters]))


def judge_interactions(
    warehouse: Warehouse,
    tonight: Basis,
    new: Sequence[str],
    future_after: datetime,
    rules: dict[str, Any],
    counted: dict[str, Any],
) -> dict[str, int]:
    """Bring staging.judged_interactions and staging.interactions to what raw.* and tonight's horizon make of them.

    `new` are the deliveries that no earlier night has accepted: their bytes may have been read otherwise since they were last judged.
    `rules` judge a row, `counted` says which accepted ones are interactions and how many of a day. staging.nights must be tonight's.
    Returns relation -> rows.
    """
    before = _standing(warehouse, tonight, new, future_after)
    build = tonight.model_copy(update={"build": before.build + 1}) if before else tonight
    forget(warehouse, BASIS)
    if before is None:
        forget(warehouse, "training.basis")  # it counts on from the builds that end here
        warehouse.start("staging.judged_interactions", "empty.judged_interactions")
        warehouse.start("staging.interactions", "empty.interactions")
    _release(warehouse, build)
    relations = {
        "staging.judged_interactions": warehouse.extend(
            "staging.judged_interactions",
            deliveries=[sha256 for sha256, _ in build.deliveries[len(before.deliveries) if before else 0 :]],
            known_until=build.known_until,
            future_after=future_after,
            build=build.build,
            **rules,
        )
    }
    limit = {"build": build.build, **counted}
    relations["staging.full_days"] = warehouse.build("staging.full_days", **limit)
    if relations["staging.full_days"]:
        warehouse.execute(
            "delete from staging.interactions using staging.full_days as full_days "
            "where interactions.user_id = full_days.user_id and interactions.occurred_at::date = full_days.day"
        )
    relations["staging.interactions"] = warehouse.extend("staging.interactions", **limit)
    remember(warehouse, BASIS, build)
    return {**relations, BASIS: 1}


def _standing(warehouse: Warehouse, tonight: Basis, new: Sequence[str], future_after: datetime) -> Basis | None:
    """Return what was judged before and stands tonight; None where everything has to be judged anew."""
    before = basis_in(warehouse, BASIS, Basis)
    if before is None or not before.stands_in(tonight):
        return None
    if any(sha256 in new for sha256, _ in before.deliveries):
        return None
    changed = warehouse.rows("checks.believed_otherwise", future_after=future_after)[0]["n_rows"]
    return None if changed else before


def _release(warehouse: Warehouse, build: Basis) -> None:
    """Let count what waited for a later night and happened before the end of this one."""
    warehouse.execute(
        "update staging.judged_interactions set verdict = if(is_first, 'accepted', 'duplicate'), changed_in = $build "
        "where verdict = 'waiting' and occurred_at < $known_until",
        {"build": build.build, "known_until": build.known_until},
    )
