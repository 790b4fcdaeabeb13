"""How often each item is shown, to everybody and to each segment."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.tables import EVERYBODY, TABLES
from tasks.tables.writing import write_table
from tasks.warehouse import Warehouse


def write_exposure(night: Night, warehouse: Warehouse, known: TrainingSet, id_types: dict[str, str]) -> None:
    """Write the table; items that may be recommended and are shown to nobody have a row of everybody."""
    data = known.training_data("everything")
    names = pa.array(data.segments, pa.string())
    warehouse.replace("derive.segments", pa.table({"user_id": known.users["user_id"], "segment": names.take(pa.array(data.user_segment))}))
    shown = warehouse.arrow("derive.exposure", recommendations=str(night.staged_table("recommendations")))
    item, segment = (
        pc.index_in(shown[column], value_set=among).to_numpy()
        for column, among in (("item_id", known.items["item_id"]), ("segment", names))
    )
    counts = {
        name: _by_segment(shown[name].to_numpy(), item, segment, (known.n_items, len(names))) for name in ("n_lists", "n_first", "places")
    }
    n_lists, places = counts["n_lists"], counts["places"]
    rows = n_lists > 0
    rows[:, -1] |= known.recommendable
    at, column = np.nonzero(rows)
    # Every list has one first place.
    of_segment = np.maximum(1, counts["n_first"].sum(axis=0))[column]
    count = n_lists[at, column]
    columns = {
        "item_id": known.items["item_id"].take(at),
        "segment": pa.array([*data.segments, EVERYBODY]).take(column),
        "n_lists": count,
        "n_first": counts["n_first"][at, column],
        "share": count / of_segment,
        "mean_rank": pa.array(places[at, column] / np.maximum(1, count), mask=count == 0),
    }
    write_table(night.staged_table("exposure"), pa.table(columns), TABLES["exposure"].schema(id_types, {"run_id": night.run_id}))


def _by_segment(
    counted: NDArray[np.int64], item: NDArray[np.integer], segment: NDArray[np.integer], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Lay what was counted out by item and segment, and add a last column for everybody; (items, segments + 1)."""
    laid_out = np.zeros((shape[0], shape[1] + 1), np.int64)
    laid_out[item, segment] = counted
    laid_out[:, -1] = laid_out.sum(axis=1)
    return laid_out
