"""What was served: counts, and every user whose list is short, with the reason."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.score.recommendations import Served
from tasks.score.recommender import RUNGS
from tasks.score.search import Searched
from tasks.tables import TABLES
from tasks.tables.writing import write_table


def served_by(served: Served) -> dict[str, int]:
    """Count the users with a list on each rung of the cold-start ladder that anybody stands on, by the names of the rungs."""
    counts = np.bincount(served.rung[served.length > 0], minlength=len(RUNGS))
    return {rung: int(count) for rung, count in sorted(zip(RUNGS, counts, strict=True)) if count}


def write_coverage(night: Night, known: TrainingSet, served: Served, searched: Searched | None, k: int) -> None:
    """Write the table."""
    n_recommendable = int(known.recommendable.sum())
    facts: list[tuple[str, str, float, str]] = [
        ("users_known", "", known.n_users, ""),
        ("users_served", "", int(np.count_nonzero(served.length)), ""),
        ("items_known", "", known.n_items, ""),
        ("items_recommendable", "", n_recommendable, ""),
        ("items_shown", "", int(np.count_nonzero(served.shown)), ""),
    ]
    facts += [("users_served_by", rung, count, "") for rung, count in served_by(served).items()]
    if searched:
        facts += [("search_recall", "", searched.recall, ""), ("search_share", "", 1.0 if searched.exact else searched.share, "")]
    for user in np.flatnonzero(served.length < k):
        reason = why_short(
            int(served.length[user]), n_recommendable, served.short_by.get(int(user), ()), opens=known.open_again is not None
        )
        facts.append(("short_list", str(known.users["user_id"][int(user)].as_py()), int(served.length[user]), reason))
    columns = [pa.array(column) for column in zip(*facts, strict=True)]
    schema = TABLES["coverage"].schema({}, {"run_id": night.run_id})
    write_table(night.staged_table("coverage"), pa.table(columns, names=["fact", "subject", "value", "reason"]), schema)


def why_short(length: int, n_recommendable: int, rules: Sequence[str], *, opens: bool) -> str:
    """Say why a list is short, given the rules that left items out of it and whether what was met may be recommended again."""
    new = "not kept out as seen" if opens else "new to the user"
    kept = f"{new} and known to a model"
    if rules:
        kept = f"{new}, known to a model and not left out by {', '.join(rules)}"
    return f"only {length} of {n_recommendable} recommendable items are {kept}"
