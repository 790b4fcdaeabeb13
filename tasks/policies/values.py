"""What items and users have of the attributes that policies name, as masks and sparse matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp
from numpy.typing import NDArray

from tasks.night import Night
from tasks.policies.config import PoliciesConfig
from tasks.policies.sections import Value
from tasks.prepare.named_values import Kind, values_file, values_schema
from tasks.prepare.training_set import TrainingSet


@dataclass(frozen=True)
class Values:
    """The rows that `write_values` wrote of things of one kind, of which there are `n_things`."""

    kind: Kind
    rows: pa.Table
    n_things: int

    def of(self, attribute: str) -> tuple[NDArray[np.int32], pa.ChunkedArray]:
        """Return things and the values they have of an attribute, as delivered."""
        found = self.rows.filter(pc.equal(self.rows["attribute"], attribute.lower()))
        return found["row"].to_numpy(), found["value"]

    def has(self, attribute: str) -> NDArray[np.bool_]:
        """Mark the things with any value of an attribute; (things,)."""
        return self._marked(self.of(attribute)[0])

    def names(self, attribute: str) -> list[str]:
        """Return the values of an attribute that there are, in lower case and in order."""
        return sorted(pc.unique(pc.utf8_lower(self.of(attribute)[1])).to_pylist())

    def holds(self, column: str) -> NDArray[np.bool_]:
        """Mark the things with a value given as `attribute=value`, case left out of account; (things,)."""
        attribute, value = Value.of(column)
        things, values = self.of(attribute)
        return self._marked(things[np.asarray(pc.equal(pc.utf8_lower(values), value), np.bool_)])

    def matrix(self, attribute: str, names: list[str]) -> sp.csr_matrix:
        """Mark which of some values, in lower case, things have; (things, values), int32 ones."""
        things, values = self.of(attribute)
        return self._pairs(things, pc.index_in(pc.utf8_lower(values), value_set=pa.array(names, pa.string())), len(names))

    def ids(self, attribute: str, ids: pa.ChunkedArray) -> sp.csr_matrix:
        """Mark which of other things, by their ids, the values of an attribute name; (things, others), int32 ones."""
        things, values = self.of(attribute)
        if pa.types.is_integer(ids.type):
            # What a data frame made of whole numbers with gaps in between.
            values = pc.replace_substring_regex(values, r"\.0+$", "")
        return self._pairs(things, pc.index_in(values, value_set=pc.cast(ids, pa.string()).combine_chunks()), len(ids))

    def _marked(self, things: NDArray[np.int32]) -> NDArray[np.bool_]:
        marks = np.zeros(self.n_things, np.bool_)
        marks[things] = True
        return marks

    def _pairs(self, things: NDArray[np.int32], others: Any, n_others: int) -> sp.csr_matrix:
        known = np.asarray(pc.is_valid(others), np.bool_)
        columns = np.asarray(pc.fill_null(others, 0), np.int32)[known]
        pairs = sp.csr_matrix((np.ones(len(columns), np.int32), (things[known], columns)), shape=(self.n_things, n_others))
        pairs.data[:] = 1  # what stands there twice was added up
        pairs.sort_indices()
        return pairs


@dataclass(frozen=True)
class Described:
    """What items and users have of what policies name."""

    items: Values
    users: Values


def described(night: Night, known: TrainingSet, config: PoliciesConfig) -> Described:
    """Read what `prepare` kept for these policies."""
    named = config.named()
    of_items = _read(night, "item", known.items["item_id"], bool(named.items))
    return Described(of_items, _read(night, "user", known.users["user_id"], bool(named.users)))


def _read(night: Night, kind: Kind, ids: pa.ChunkedArray, named: bool) -> Values:
    if not named:
        return Values(kind, values_schema(kind, ids.type).empty_table(), len(ids))
    return Values(kind, pq.read_table(values_file(night.staging / "training", kind)), len(ids))
