"""Delivered columns under our names: text by text, and everything further as one JSON object a row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.deliveries import Delivery
from tasks.ingest.contract import Columns, raw_schema


def normalised(batch: pa.RecordBatch, numbers: Sequence[int] | NDArray[np.int64], columns: Columns, delivery: Delivery) -> pa.RecordBatch:
    """Bring a batch of text columns under our names, in the columns of `raw_schema`; `numbers` are the numbers of its rows."""
    schema = raw_schema(delivery.source)
    arrays: list[pa.Array] = []
    for field in schema:
        if field.name == "row_number":
            arrays.append(pa.array(numbers, pa.int64()))
        elif field.name in columns.ours:
            texts = pc.utf8_trim_whitespace(batch.column(columns.ours[field.name]))
            arrays.append(pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts))
        elif field.name == "attributes" and columns.attributes:
            arrays.append(_attributes(batch, columns.attributes))
        else:
            arrays.append(pa.nulls(batch.num_rows, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _attributes(batch: pa.RecordBatch, names: tuple[str, ...]) -> pa.Array:
    values = [batch.column(name).to_pylist() for name in names]
    rows = ({name: value for name, value in zip(names, row, strict=True) if value is not None} for row in zip(*values, strict=True))
    return pa.array([json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows], pa.string())


def json_text(value: Any) -> str | None:
    """Return a value as the text that raw/ keeps: a text as it is, nothing as None, all else as JSON."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
