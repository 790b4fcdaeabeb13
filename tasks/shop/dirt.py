"""Spoil a few interactions the way real logs are spoiled.

Spoiled rows stand beside the sound ones they were copied from, so the truth stays complete and a night must end up with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import pyarrow as pa

from tasks.shop.plain_text import iso_times

Fault = Literal["missing_user", "unreadable_time", "far_future", "foreign_id", "duplicate"]
FAULTS: tuple[Fault, ...] = get_args(Fault)

FAULTS_OF_HISTORY: tuple[Fault, ...] = tuple(fault for fault in FAULTS if fault != "foreign_id")
"""A first load with one id that is no integer makes every id text, rightly; so foreign ids come only later."""

Replace = Callable[[int], pa.Array]
_SPOIL: dict[Fault, tuple[str, Replace]] = {
    "missing_user": ("user_id", lambda n: pa.nulls(n, pa.string())),
    "unreadable_time": ("occurred_at", lambda n: pa.array(["last tuesday"] * n, pa.string())),
    "far_future": ("occurred_at", lambda n: pa.array(["2999-12-31T23:59:59Z"] * n, pa.string())),
    "foreign_id": ("user_id", lambda n: pa.array([f"guest-{i:04x}" for i in range(n)], pa.string())),
}


def spoil(sound: pa.Table, share: float, faults: tuple[Fault, ...], rng: np.random.Generator) -> tuple[pa.Table, dict[Fault, int]]:
    """Add spoiled copies of some rows, right behind the row each was copied from, and count them by fault.

    Ids and times become text, as nothing typed could hold the spoiled ones. A copy has an `event_id` of its own, past those of
    the sound rows; a duplicate is the same row twice.
    """
    rows_as_text = iso_times(sound).set_column(0, "user_id", sound["user_id"].cast(pa.string()))
    next_id = len(sound) and sound["event_id"][-1].as_py() + 1
    parts, origins, counts = [rows_as_text], [np.arange(len(sound))], {}
    for fault in faults:
        origin = np.sort(rng.integers(len(sound), size=rng.binomial(len(sound), share / len(faults))))
        copies = rows_as_text.take(origin)
        if fault in _SPOIL:
            column, replacement = _SPOIL[fault]
            copies = _with(copies, column, replacement(len(copies)))
            copies = _with(copies, "event_id", pa.array(np.arange(next_id, next_id + len(copies))))
            next_id += len(copies)
        parts.append(copies)
        origins.append(origin)
        counts[fault] = len(copies)
    together = pa.concat_tables(parts)
    return together.take(np.argsort(np.concatenate(origins), kind="stable")), counts


def _with(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, values)
