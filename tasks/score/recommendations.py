"""The table of recommendations: some blocks of users are scored while the rows of earlier ones are written."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.compute import in_order
from models.scorer import FAMILIES
from models.sizes import NUMBER
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.score.config import ScoreConfig
from tasks.score.recommender import RUNGS, Lists, Recommender
from tasks.tables import TABLES, write_parts

log = logging.getLogger("nightly")


@dataclass(frozen=True)
class Served:
    """What everybody got: length of the list and rung (a place in RUNGS) of each user, and which items are shown to anybody."""

    length: NDArray[np.intp]
    rung: NDArray[np.int8]
    shown: NDArray[np.bool_]


def write_recommendations(
    night: Night, known: TrainingSet, recommender: Recommender, config: ScoreConfig, id_types: dict[str, str], model_version: str
) -> Served:
    """Write the table block by block, in the order of the users."""
    schema = TABLES["recommendations"].schema(id_types, {"run_id": night.run_id, "model_version": model_version})
    most_scores = config.scores_in_memory(night.compute.threads)
    at_once = recommender.ranker.users_at_once(most_scores)
    everybody = np.arange(known.n_users)
    blocks = [everybody[start : start + at_once] for start in range(0, known.n_users, at_once)]
    lengths, rungs, shown = [], [], np.zeros(known.n_items, np.bool_)

    def tables() -> Generator[pa.Table]:
        told = time.monotonic()
        for lists in in_order(recommender.lists, blocks, max(1, night.room // (NUMBER * most_scores))):
            yield _as_arrow(lists, known, schema, model_version, night.run_id)
            lengths.append(lists.length)
            rungs.append(lists.rung)
            shown[lists.item] = True
            if time.monotonic() - told > 2:
                log.info("score: %d of %d users", sum(map(len, lengths)), known.n_users)
                told = time.monotonic()

    write_parts(night.staged_table("recommendations"), schema, tables())
    return Served(np.concatenate(lengths), np.concatenate(rungs), shown)


def _as_arrow(lists: Lists, known: TrainingSet, schema: pa.Schema, model_version: str, run_id: str) -> pa.Table:
    n_rows, because, score = len(lists.user), lists.because.astype(np.int64), lists.score
    loudest = np.where(np.isnan(lists.families), -np.inf, lists.families).argmax(axis=0)
    rung = np.repeat(lists.rung, lists.length)
    arrays: dict[str, Any] = {
        "user_id": known.users["user_id"].take(lists.user),
        "rank": lists.rank,
        "item_id": known.items["item_id"].take(lists.item),
        "score": score,
        "blended_score": score,
        **{family: pa.array(lists.families[index], mask=np.isnan(lists.families[index])) for index, family in enumerate(FAMILIES)},
        "policy": np.zeros(n_rows),
        "reason": pa.array(FAMILIES, pa.string()).take(loudest),
        "because_item_id": known.items["item_id"].take(pa.array(because, mask=because < 0)),
        "served_by": pa.array(RUNGS, pa.string()).take(rung),
        "model_version": pa.repeat(model_version, n_rows),
        "run_id": pa.repeat(run_id, n_rows),
    }
    return pa.table([arrays[field.name] for field in schema], names=schema.names).cast(schema)
