"""What is said of items, whoever asks: which resemble each other, and which are popular."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.cells import Cells
from models.compute import in_order
from models.knowledge.popularity import Popularity, PopularityConfig
from models.scorer import Scorer, TrainingData
from models.top_k import top_k
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.score.config import ScoreConfig
from tasks.tables import EVERYBODY, TABLES, open_table, write_table

CELLS_COMPARED = 8
"""Cells of similar items that an item of a large catalogue is compared with, its own included."""


COMPARED_AT_ONCE = 128
"""Items of a small catalogue that are compared with all others in one go, each lot on its own thread: what is found stays near."""


@dataclass(frozen=True)
class Similar:
    """The items most similar to some, best first, (items, k), -1 behind the last; how similar they are; the family that says so, or ""."""

    items: NDArray[np.int32]
    strength: NDArray[np.float32]
    family: NDArray[np.object_]


def write_similar(
    night: Night, known: TrainingSet, scorers: list[Scorer], cells: Cells | None, config: ScoreConfig, id_types: dict[str, str]
) -> None:
    """Write, for every known item, the items its likes speak for most; the first model that knows an item compares it.

    It is compared with all others or, where there are cells, with those of its own and of the nearest ones.
    """
    schema = TABLES["similar_items"].schema(id_types, {"run_id": night.run_id})
    everything = np.arange(known.n_items)
    at_once = min(COMPARED_AT_ONCE, _at_once(known.n_items, config))
    lots = [everything[start : start + at_once] for start in range(0, known.n_items, at_once)]
    item_ids = known.items["item_id"]
    in_cells = None if cells is None else _among_cells(scorers, cells, known.recommendable, config)

    def found(items: NDArray[np.intp]) -> Similar:
        if in_cells is None:
            return most_similar(scorers, items, everything, known.recommendable, config.k)
        return Similar(in_cells.items[items], in_cells.strength[items], in_cells.family[items])

    with open_table(night.staged_table("similar_items"), schema) as writer:
        for items, similar in zip(lots, in_order(found, lots), strict=True):
            row, place = np.nonzero(similar.items >= 0)
            arrays = [
                item_ids.take(items[row]),
                pa.array(place.astype(np.int16) + 1),
                item_ids.take(similar.items[row, place]),
                pa.array(similar.strength[row, place].astype(np.float64)),
                pa.array(similar.family[row].tolist(), pa.string()),
            ]
            writer.write_table(pa.table(arrays, names=schema.names).cast(schema))


def most_similar(
    scorers: Sequence[Scorer], items: NDArray[np.intp], others: NDArray[np.intp], recommendable: NDArray[np.bool_], k: int
) -> Similar:
    """Find the k recommendable ones among others, ascending, that the likes of each of some items speak for most."""
    strength = np.full((len(items), len(others)), -np.inf, np.float32)
    family = np.full(len(items), "", object)
    for scorer in scorers:
        rows = np.flatnonzero((family == "") & scorer.knows_item[items])
        if len(rows) and (found := scorer.similarity(others, items[rows])) is not None:
            strength[rows] = np.where((recommendable & scorer.knows_item)[others], found.T, -np.inf)
            family[rows] = scorer.family
    itself = np.minimum(np.searchsorted(others, items), len(others) - 1)
    met = np.flatnonzero(others[itself] == items)
    strength[met, itself[met]] = -np.inf
    strength[strength <= 0] = -np.inf
    place, best = top_k(strength, k)
    return Similar(np.where(place >= 0, others[place], -1).astype(np.int32), best, family)


def _among_cells(scorers: Sequence[Scorer], cells: Cells, recommendable: NDArray[np.bool_], config: ScoreConfig) -> Similar:
    """Compare every item with those of the cells around it; items in no cell resemble none."""
    n_items = len(cells.of_item)
    shape = (n_items, config.k)
    similar = Similar(np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32), np.full(n_items, "", object))
    members = cells.members()

    def found(cell: int) -> list[tuple[NDArray[np.intp], Similar]]:
        others = np.sort(np.concatenate([members[near] for near in cells.around(cell, CELLS_COMPARED)]))
        at_once = _at_once(len(others), config)
        parts = [members[cell][start : start + at_once] for start in range(0, len(members[cell]), at_once)]
        return [(items, most_similar(scorers, items, others, recommendable, config.k)) for items in parts]

    for of_cell in in_order(found, range(len(members))):
        for items, of_items in of_cell:
            similar.items[items], similar.strength[items], similar.family[items] = of_items.items, of_items.strength, of_items.family
    return similar


def _at_once(n_others: int, config: ScoreConfig) -> int:
    """Return how many items are compared with so many others at a time."""
    return max(16, config.memory_mb * 2**20 // max(1, n_others * 8))


def write_popular(
    night: Night, known: TrainingSet, data: TrainingData, fading: PopularityConfig, config: ScoreConfig, id_types: dict[str, str]
) -> None:
    """Write the most popular recommendable items of everybody and of each segment."""
    # Counted anew tonight, whatever models rank: what is popular is a fact of the interactions.
    popularity = Popularity(fading).fit(data, night.seed)
    rows = []
    for segment, index in ((EVERYBODY, None), *((name, index) for index, name in enumerate(data.segments))):
        items, scores = popularity.ranking(index)
        keep = known.recommendable[items]
        for rank, (item, value) in enumerate(zip(items[keep][: config.popular], scores[keep][: config.popular], strict=True), start=1):
            rows.append({"segment": segment, "rank": rank, "item_id": known.items["item_id"][int(item)].as_py(), "score": float(value)})
    schema = TABLES["popular_items"].schema(id_types, {"run_id": night.run_id})
    write_table(night.staged_table("popular_items"), pa.Table.from_pylist(rows), schema)
