"""The recommendations once more, a list in one row, for those who ask for it."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.night import Night
from tasks.tables import TABLES
from tasks.tables.writing import ROWS_PER_GROUP, write_parts

OF_USER = ("user_id", "served_by", "variant", "model_version", "run_id")
OF_PLACES = {"item_ids": "item_id", "scores": "score"}
"""List -> the column of recommendations that it gathers."""


def write_wide(night: Night, id_types: dict[str, str], *, wide: bool) -> None:
    """Write the table, without rows where nobody asks for it."""
    schema = TABLES["recommendations_wide"].schema(id_types, {"run_id": night.run_id})
    lists = _lists(night.staged_table("recommendations"), schema) if wide else _nothing()
    write_parts(night.staged_table("recommendations_wide"), schema, lists)


def _lists(path: Path, schema: pa.Schema) -> Generator[pa.Table]:
    """Yield lists as rows while the recommendations are read, in their order: by user, then by rank, 1 to the last."""
    with pq.ParquetFile(path) as recommendations:
        waiting = recommendations.schema_arrow.empty_table().select([*OF_USER, "rank", *OF_PLACES.values()])
        for batch in recommendations.iter_batches(ROWS_PER_GROUP, columns=waiting.column_names):
            rows = pa.concat_tables([waiting, pa.Table.from_batches([batch]).select(waiting.column_names)]).combine_chunks()
            starts = np.flatnonzero(rows["rank"].to_numpy() == 1)
            yield _gathered(rows, starts, schema)
            waiting = rows[starts[-1] :]  # the last list may go on in the next batch
        if len(waiting):
            yield _gathered(waiting.combine_chunks(), np.array([0, len(waiting)]), schema)


def _gathered(rows: pa.Table, starts: np.ndarray, schema: pa.Schema) -> pa.Table:
    """Return the whole lists of some rows: from each start to the next one."""
    begins, ends = starts[0], starts[-1]
    columns = {name: rows[name].take(starts[:-1]) for name in OF_USER}
    for name, of_places in OF_PLACES.items():
        values = rows[of_places][begins:ends].combine_chunks()
        columns[name] = pa.ListArray.from_arrays(pa.array(starts - begins, pa.int32()), values, type=schema.field(name).type)
    return pa.table([columns[field.name] for field in schema], names=schema.names).cast(schema)


def _nothing() -> Generator[pa.Table]:
    yield from ()
