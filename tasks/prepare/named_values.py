"""The values of the attributes that policies name, as delivered: feature columns hold only what many rows share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel

from tasks.prepare.features import FeatureConfig, band_names, bands_of, listed

Kind = Literal["item", "user"]


class NamedAttributes(BaseModel, frozen=True, extra="forbid"):
    """What policies need to know of attributes, and nothing else of policies."""

    items: tuple[str, ...] = ()
    """Attributes of items whose values are kept as delivered."""

    users: tuple[str, ...] = ()
    """Attributes of users whose values are kept as delivered."""

    unavailable_where: dict[str, tuple[str, ...]] = {}
    """Attribute of items -> values that make an item unavailable."""

    def flags(self) -> dict[str, list[str] | list[list[str]]]:
        """Return attributes and their values in lower case, as the select that finds unavailable items takes them."""
        flags = {name.lower(): [value.lower() for value in values] for name, values in sorted(self.unavailable_where.items()) if values}
        return {"flag_names": list(flags), "flag_values": list(flags.values())}


def values_file(training: Path, kind: Kind) -> Path:
    """Return where the values of items or users stand in the folder of a training set; there is none where nothing is named."""
    return training / f"{kind}_values.parquet"


def values_schema(kind: Kind, id_type: pa.DataType) -> pa.Schema:
    """Return the columns of such a file: the thing's number and id, the attribute in lower case and one of its values as delivered."""
    return pa.schema([("row", pa.int32()), (f"{kind}_id", id_type), ("attribute", pa.string()), ("value", pa.string())])


def write_values(
    training: Path, kind: Kind, ids: pa.ChunkedArray, attributes: Sequence[Mapping[str, str]], named: Sequence[str], config: FeatureConfig
) -> list[Path]:
    """Write what rows have of the named attributes, sorted by attribute and row; returns the file, or none where nothing is named.

    Case is left out of account in names. A number with [features.bands] has its band as value, anything else what its text lists.
    """
    if not named:
        return []
    spelled = sorted({name for row in attributes for name in row})
    bands = {name.lower(): bounds for name, bounds in config.bands.items()}
    rows, names, values = [np.zeros(0, np.int32)], [], []
    for attribute in sorted({name.lower() for name in named}):
        for delivered in (name for name in spelled if name.lower() == attribute):
            row, value = _values([row.get(delivered) for row in attributes], bands.get(attribute), config.separator)
            rows.append(row)
            names.append(pa.repeat(attribute, len(row)))
            values.append(value)
    row = np.concatenate(rows)
    columns = [pa.array(row), ids.take(pa.array(row)), pa.chunked_array(names, pa.string()), pa.array([*chain(*values)], pa.string())]
    path = values_file(training, kind)
    pq.write_table(pa.table(columns, schema=values_schema(kind, ids.type)), path, compression="zstd")
    return [path]


def _values(values: Sequence[str | None], bounds: tuple[float, ...] | None, separator: str) -> tuple[NDArray[np.int32], list[str]]:
    """Return rows, ascending, and one value of each; a row with several values stands there several times."""
    if bounds:
        row, band = bands_of(values, bounds)
        return row.astype(np.int32), np.array(band_names(bounds))[band].tolist()

    def found() -> Iterator[tuple[int, str]]:
        for place, value in enumerate(values):
            if value:
                yield from ((place, part) for part in dict.fromkeys(listed(value, separator)))

    pairs = list(found())
    return np.array([place for place, _ in pairs], np.int32), [value for _, value in pairs]
