"""Who is in which variant, by the very select that is published for others to find the same."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

import sql
from models.experiment import ranges
from tasks.experiment.config import ExperimentConfig

NO_VARIANT = -1
"""The number of the variant where no experiment runs."""


def variant_of_users(user_ids: pa.Array | pa.ChunkedArray, config: ExperimentConfig) -> NDArray[np.int8]:
    """Return the number of the variant that each user is in, given their ids, none twice; (users,), -1 where no experiment runs."""
    if not config:
        return np.full(len(user_ids), NO_VARIANT, np.int8)
    variants = [{"variant": one.variant, "point_from": one.first, "point_below": one.below} for one in ranges(config.shares)]
    # A connection of its own: who is in which variant depends on nothing that a warehouse knows.
    with duckdb.connect(config={"threads": 1, "enable_external_access": False}) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.register("users", pa.table({"user_id": user_ids}))
        connection.register("variants", pa.Table.from_pylist(variants))
        found = connection.sql(sql.read("experiment.variant_of_a_user"), params={"salt": config.salted_by}).to_arrow_table()
    # Ids come back in the order of SQL, which need not be the one of the numbers.
    place = pc.index_in(user_ids, value_set=found["user_id"])
    return found["variant"].take(place).to_numpy().astype(np.int8)


def variant_names(variant: NDArray[np.int8], config: ExperimentConfig) -> pa.Array:
    """Return the names of variants by number, null where no experiment runs."""
    return pa.array(config.names, pa.string()).take(pa.array(variant.astype(np.int64), mask=variant == NO_VARIANT))
