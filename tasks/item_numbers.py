"""Items have dense numbers that hold for one night: what was made on another night has to be told which are which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray


def numbers_then(folder: Path, item_ids: pa.ChunkedArray) -> NDArray[np.intp]:
    """Return the numbers that tonight's items, by their ids, had when the set in a folder was made; -1 for those that are new since."""
    then = pq.read_table(folder / "items.parquet")["item_id"]
    return pc.fill_null(pc.index_in(item_ids, then), -1).to_numpy().astype(np.intp)
