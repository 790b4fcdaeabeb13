"""What is said of items, whoever asks: which resemble each other, and which are popular."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from models.knowledge.popularity import Popularity, PopularityConfig
from models.scorer import Scorer, TrainingData
from models.top_k import top_k
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.score.config import ScoreConfig
from tasks.tables import EVERYBODY, TABLES, open_table, write_table


def write_similar(night: Night, known: TrainingSet, scorers: list[Scorer], config: ScoreConfig, id_types: dict[str, str]) -> None:
    """Write, for every known item, the items its likes speak for most; the first model that knows an item compares it."""
    schema = TABLES["similar_items"].schema(id_types, {"run_id": night.run_id})
    recommendable, everything = known.recommendable, np.arange(known.n_items)
    at_once = max(16, config.memory_mb * 2**20 // max(1, known.n_items * 8))
    item_ids = known.items["item_id"]
    with open_table(night.staged_table("similar_items"), schema) as writer:
        for start in range(0, known.n_items, at_once):
            items = everything[start : start + at_once]
            strength = np.full((len(items), known.n_items), -np.inf, np.float32)
            family = np.full(len(items), "", object)
            for scorer in scorers:
                rows = np.flatnonzero((family == "") & scorer.knows_item[items])
                if len(rows) and (found := scorer.similarity(everything, items[rows])) is not None:
                    strength[rows] = np.where(recommendable & scorer.knows_item, found.T, -np.inf)
                    family[rows] = scorer.family
            strength[np.arange(len(items)), items] = -np.inf
            strength[strength <= 0] = -np.inf
            similar, best = top_k(strength, config.k)
            row, place = np.nonzero(similar >= 0)
            arrays = [
                item_ids.take(items[row]),
                pa.array(place.astype(np.int16) + 1),
                item_ids.take(similar[row, place]),
                pa.array(best[row, place].astype(np.float64)),
                pa.array(family[row].tolist(), pa.string()),
            ]
            writer.write_table(pa.table(arrays, names=schema.names).cast(schema))


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
