"""What is said of items, whoever asks: which resemble each other, and which are popular."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.cells import Cells
from models.compute import in_order
from models.knowledge.popularity import Popularity, PopularityConfig
from models.scorer import Scorer, TrainingData
from models.sizes import NUMBER
from models.top_k import top_k
from tasks.judging import even_lots
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.score.config import ScoreConfig
from tasks.score.in_the_news import Ranking, newest, on_the_rise
from tasks.tables import EVERYBODY, NEW, TABLES, TRENDING
from tasks.tables.writing import ROWS_PER_GROUP, write_parts, write_table

CELLS_COMPARED = 8
"""Cells of similar items that an item of a large catalogue is compared with, its own included."""

COMPARED_AT_ONCE = 128
"""Items that are compared with others in one go, where as many fit into memory."""

PER_PAIR = 20
"""Bytes that stand in memory for two items that are compared: what a model says, in parts and as a whole, and what is left of it."""


@dataclass(frozen=True)
class Similar:
    """The items most similar to some, best first, (items, k), -1 behind the last; how similar they are; the family that says so, or ""."""

    items: NDArray[np.int32]
    strength: NDArray[np.float32]
    family: NDArray[np.object_]

    def of(self, items: NDArray[np.intp]) -> Similar:
        """Return what was found for some of the items."""
        return Similar(self.items[items], self.strength[items], self.family[items])


def write_similar(
    night: Night, known: TrainingSet, scorers: list[Scorer], cells: Cells | None, config: ScoreConfig, id_types: dict[str, str]
) -> None:
    """Write, for every known item, the items its likes speak for most; the first model that knows an item compares it.

    It is compared with all others or, where there are cells, with those of its own and of the nearest ones.
    """
    schema = TABLES["similar_items"].schema(id_types, {"run_id": night.run_id})
    everything, item_ids = np.arange(known.n_items), known.items["item_id"]
    memory = NUMBER * config.scores_in_memory(night.compute.threads)

    def compared(items: NDArray[np.intp]) -> Similar:
        return most_similar(scorers, items, everything, known.recommendable, config.k)

    def similar() -> Generator[tuple[NDArray[np.intp], Similar]]:
        if cells is None:
            lots = even_lots(everything, _at_once(known.n_items, memory))
            yield from zip(lots, in_order(compared, lots), strict=True)
        else:
            among = _among_cells(scorers, cells, known.recommendable, config.k, memory)
            yield from ((items, among.of(items)) for items in even_lots(everything, ROWS_PER_GROUP // config.k))

    def tables() -> Generator[pa.Table]:
        for items, found in similar():
            row, place = np.nonzero(found.items >= 0)
            arrays = [
                item_ids.take(items[row]),
                pa.array(place.astype(np.int16) + 1),
                item_ids.take(found.items[row, place]),
                pa.array(found.strength[row, place].astype(np.float64)),
                pa.array(found.family[row].tolist(), pa.string()),
            ]
            yield pa.table(arrays, names=schema.names).cast(schema)

    write_parts(night.staged_table("similar_items"), schema, tables())


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


def _among_cells(scorers: Sequence[Scorer], cells: Cells, recommendable: NDArray[np.bool_], k: int, memory: int) -> Similar:
    """Compare every item with those of the cells around it, in so many bytes a thread; items in no cell resemble none."""
    n_items = len(cells.of_item)
    shape = (n_items, k)
    similar = Similar(np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32), np.full(n_items, "", object))
    members = cells.members()

    def found(cell: int) -> list[tuple[NDArray[np.intp], Similar]]:
        others = np.sort(np.concatenate([members[near] for near in cells.around(cell, CELLS_COMPARED)]))
        lots = even_lots(members[cell], _at_once(len(others), memory))
        return [(items, most_similar(scorers, items, others, recommendable, k)) for items in lots]

    for of_cell in in_order(found, range(len(members))):
        for items, of_items in of_cell:
            similar.items[items], similar.strength[items], similar.family[items] = of_items.items, of_items.strength, of_items.family
    return similar


def _at_once(n_others: int, memory: int) -> int:
    """Return how many items a thread compares with so many others at a time, in so many bytes."""
    return int(np.clip(memory // max(1, n_others * PER_PAIR), 1, COMPARED_AT_ONCE))


def write_popular(
    night: Night, known: TrainingSet, data: TrainingData, fading: PopularityConfig, config: ScoreConfig, id_types: dict[str, str]
) -> None:
    """Write the most popular recommendable items of everybody and of each segment, those on the rise, and the new ones."""
    # Counted anew tonight, whatever models rank: what is popular is a fact of the interactions.
    popularity = Popularity(fading).fit(data, night.seed)
    rankings: dict[str, Ranking] = {EVERYBODY: popularity.ranking()}
    rankings |= {name: popularity.ranking(index) for index, name in enumerate(data.segments)}
    rankings |= {TRENDING: on_the_rise(data, night.seed), NEW: newest(known, data)}
    parts = []
    for segment, (items, scores) in rankings.items():
        kept = np.flatnonzero(known.recommendable[items])[: config.popular]
        columns = {
            "segment": pa.repeat(segment, len(kept)),
            "rank": np.arange(1, len(kept) + 1),
            "item_id": known.items["item_id"].take(items[kept]),
            "score": scores[kept].astype(np.float64),
        }
        parts.append(pa.table(columns))
    schema = TABLES["popular_items"].schema(id_types, {"run_id": night.run_id})
    write_table(night.staged_table("popular_items"), pa.concat_tables(parts), schema)
