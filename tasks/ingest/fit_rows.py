"""Rows that cannot be taken as they are travel on as malformed ones: they keep their number and say what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.ingest.limits import LimitsConfig

IDS = ("user_id", "item_id", "event_id")
SHOWN = 200
CONTROL = "[\\x00-\\x1f\\x7f\u0080-\u009f]"


def fit_rows(batch: pa.RecordBatch, limits: LimitsConfig) -> pa.RecordBatch:
    """Return a batch of a raw schema in which rows with an overlong value, or a control character in an id, are malformed."""
    faults: dict[int, str] = {}
    for name in batch.schema.names[2:]:
        column, most = batch.column(name), limits.max_id_bytes if name in IDS else limits.max_text_bytes
        lengths = pc.binary_length(column)
        if (pc.max(lengths).as_py() or 0) > most:
            for row in _where(pc.greater(lengths, most)):
                text = pc.utf8_slice_codeunits(column.slice(row, 1), 0, SHOWN)[0].as_py()
                faults.setdefault(row, f"{name} of {lengths[row].as_py():,} bytes, at most {most:,} are taken: {text}")
        if name in IDS and _may_hold_controls(column):
            for row in _where(pc.match_substring_regex(column, CONTROL)):
                faults.setdefault(row, f"{name} with a control character: {column[row].as_py()[:SHOWN]}")
    return _without(batch, faults) if faults else batch


def _where(mask: pa.Array) -> Iterable[int]:
    return (int(row) for row in np.flatnonzero(mask.fill_null(False).to_numpy(zero_copy_only=False)))


def _may_hold_controls(column: pa.Array) -> bool:
    """Look at the bytes of a whole column at once: a search row by row is only for the rare column that has reason for it."""
    content = column.buffers()[2]
    if content is None:
        return False
    codes: NDArray[np.uint8] = np.frombuffer(content, np.uint8)
    return bool((codes < 0x20).any() or (codes == 0x7F).any() or (codes == 0xC2).any())


def _without(batch: pa.RecordBatch, faults: dict[int, str]) -> pa.RecordBatch:
    faulty = np.zeros(batch.num_rows, bool)
    faulty[list(faults)] = True
    told = pa.array([faults.get(row) for row in range(batch.num_rows)], pa.string())
    nothing = pa.scalar(None, pa.string())
    texts = [pc.if_else(pa.array(faulty), nothing, batch.column(name)) for name in batch.schema.names[2:]]
    malformed = pc.coalesce(told, batch.column("malformed"))
    return pa.RecordBatch.from_arrays([batch.column("row_number"), malformed, *texts], schema=batch.schema)
