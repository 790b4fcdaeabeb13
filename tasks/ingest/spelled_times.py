"""Times as text, as Arrow spells them out, but by way of the few days and the 86,400 seconds that there are."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DAY = 86_400
FRACTIONS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
"""Unit of a time -> digits of its fraction of a second."""

YEARS = (-25_567, 2_932_896)
"""Days from 1970-01-01 to 1900-01-01 and to 9999-12-31: where a day is spelled with four digits for the year."""


def spelled_times(column: pa.Array) -> pa.Array:
    """Spell out an array of timestamps exactly as Arrow's own cast to text does.

    A few rows are left to Arrow: to spell out a whole day takes longer.
    """
    return spelled_by_day(column) if len(column) >= DAY else column.cast(pa.string())


def spelled_by_day(column: pa.Array) -> pa.Array:
    """Spell out an array of timestamps exactly as Arrow's own cast to text does, which takes fifteen times as long for many rows.

    What has fractions of a second, a time zone other than UTC or an unusual year is left to Arrow.
    """
    kind = column.type
    digits = FRACTIONS[kind.unit]
    seconds, fraction = np.divmod(pc.fill_null(column.cast(pa.int64()), 0).to_numpy(), 10**digits)
    days, second = np.divmod(seconds, DAY)
    if kind.tz not in (None, "UTC") or fraction.any() or (len(days) and not YEARS[0] <= days.min() <= days.max() <= YEARS[1]):
        return column.cast(pa.string())
    known, which = np.unique(days, return_inverse=True)
    texts = pa.array(known.astype(np.int32)).cast(pa.date32()).cast(pa.string())
    of_day = _of_day(("." + "0" * digits if digits else "") + ("Z" if kind.tz else ""))
    spelled = pc.binary_join_element_wise(texts.take(pa.array(which)), of_day.take(pa.array(second)), " ")
    return pc.if_else(column.is_valid(), spelled, pa.scalar(None, pa.string())) if column.null_count else spelled


@lru_cache(maxsize=8)
def _of_day(end: str) -> pa.Array:
    """Return the text of every second of a day."""
    return pa.array([f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}{end}" for second in range(DAY)], pa.string())
