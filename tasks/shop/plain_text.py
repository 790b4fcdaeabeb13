"""How typed columns are written in CSV and JSON Lines, which know no times and no lists."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def iso_times(table: pa.Table) -> pa.Table:
    """Write the UTC times of a table as text such as 2026-01-05T10:00:00Z; missing ones stay missing."""
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            times = table[field.name].cast(pa.timestamp("s", "UTC"))
            seconds = times.cast(pa.int64()).fill_null(0).to_numpy().view("datetime64[s]")
            text = pa.array(np.datetime_as_string(seconds, timezone="UTC"), pa.string(), mask=times.is_null().to_numpy())
            table = table.set_column(index, field.name, text)
    return table


def joined_lists(table: pa.Table) -> pa.Table:
    """Write the lists of a table as one text each, their entries separated by `|`."""
    for index, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            table = table.set_column(index, field.name, pc.binary_join(table[field.name], "|"))
    return table
