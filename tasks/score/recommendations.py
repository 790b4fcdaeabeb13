"""The tables of recommendations and of what else was near: blocks of users are scored while the rows of earlier ones are written."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.compute import in_order
from models.left_out import LISTED, Candidates
from models.policies.limits import REASONS, Reason
from models.scorer import FAMILIES
from models.sizes import NUMBER
from tasks.experiment.variants import MakesLists
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.progress import reached
from tasks.score.audience import BestUsers
from tasks.score.config import ScoreConfig
from tasks.score.recommender import RUNGS, Lists
from tasks.tables import TABLES
from tasks.tables.writing import table_of_parts

log = logging.getLogger("nightly")


@dataclass(frozen=True)
class Served:
    """What everybody got: length of the list and rung (a place in RUNGS) of each user, and which items are shown to anybody.

    `short_by` holds, of users with a short list, the names of the rules that left candidates of theirs out.
    """

    length: NDArray[np.intp]
    rung: NDArray[np.int8]
    shown: NDArray[np.bool_]
    best_users: BestUsers
    short_by: dict[int, tuple[str, ...]]


def write_recommendations(
    night: Night,
    known: TrainingSet,
    recommender: MakesLists,
    reasons: tuple[Reason, ...],
    variants: pa.Array,
    config: ScoreConfig,
    id_types: dict[str, str],
    model_version: str,
) -> Served:
    """Write recommendations and why_not block by block, in the order of the users, each with the name of their variant, (users,)."""
    told_of = {"run_id": night.run_id, "model_version": model_version}
    of_lists, of_absent = (TABLES[name].schema(id_types, told_of) for name in ("recommendations", "why_not"))
    most_scores = config.scores_in_memory(night.compute.threads)
    at_once = recommender.ranker.users_at_once(most_scores)
    everybody = np.arange(known.n_users)
    blocks = [everybody[start : start + at_once] for start in range(0, known.n_users, at_once)]
    lengths, rungs, shown = [], [], np.zeros(known.n_items, np.bool_)
    best_users, short_by = BestUsers(config.audience, reasons), dict[int, tuple[str, ...]]()
    told, done = time.monotonic(), 0
    with (
        table_of_parts(night.staged_table("recommendations"), of_lists) as write_lists,
        table_of_parts(night.staged_table("why_not"), of_absent) as write_absent,
        closing(in_order(recommender.lists, blocks, max(1, night.room // (NUMBER * most_scores)))) as found,
    ):
        for lists in found:
            write_lists(_as_arrow(lists, known, variants, of_lists, model_version, night.run_id))
            write_absent(_absent(lists.candidates, known, of_absent, reasons))
            best_users.add(lists.candidates)
            short_by |= left_short_by(lists, reasons, config.k)
            lengths.append(lists.length)
            rungs.append(lists.rung)
            shown[lists.item] = True
            done += len(lists.length)
            reached("users", done, known.n_users)
            if time.monotonic() - told > 2:
                log.info("score: %d of %d users", done, known.n_users)
                told, done = time.monotonic(), 0
    return Served(np.concatenate(lengths), np.concatenate(rungs), shown, best_users, short_by)


def left_short_by(lists: Lists, reasons: tuple[Reason, ...], k: int) -> dict[int, tuple[str, ...]]:
    """Return, by number, the users with a list shorter than k whose candidates rules left out, and these rules in their order.

    What was met or is unavailable is left out by no rule: there is nothing that somebody has set for it.
    """
    named: dict[int, tuple[str, ...]] = {}
    found, absent = lists.candidates, lists.candidates.code >= len(REASONS)
    if not absent.any():
        return named
    users, length = np.unique(lists.user, return_counts=True)
    full = users[length >= k]
    pairs = np.unique(np.stack([found.user, found.code], axis=1)[absent & ~np.isin(found.user, full)], axis=0)
    for user, code in pairs.tolist():
        named[user] = (*named.get(user, ()), reasons[code].rule)
    return named


def _as_arrow(lists: Lists, known: TrainingSet, variants: pa.Array, schema: pa.Schema, model_version: str, run_id: str) -> pa.Table:
    n_rows, because = len(lists.user), lists.because.astype(np.int64)
    loudest = np.where(np.isnan(lists.families), -np.inf, lists.families).argmax(axis=0)
    rung = np.repeat(lists.rung, lists.length)
    arrays: dict[str, Any] = {
        "user_id": known.users["user_id"].take(lists.user),
        "rank": lists.rank,
        "item_id": known.items["item_id"].take(lists.item),
        "score": lists.score,
        "blended_score": lists.blended_score,
        **{family: pa.array(lists.families[index], mask=np.isnan(lists.families[index])) for index, family in enumerate(FAMILIES)},
        "policy": lists.policy,
        "reason": pa.array(FAMILIES, pa.string()).take(loudest),
        "because_item_id": known.items["item_id"].take(pa.array(because, mask=because < 0)),
        "served_by": pa.array(RUNGS, pa.string()).take(rung),
        "variant": variants.take(lists.user),
        "model_version": pa.repeat(model_version, n_rows),
        "run_id": pa.repeat(run_id, n_rows),
    }
    return pa.table([arrays[field.name] for field in schema], names=schema.names).cast(schema)


def _absent(found: Candidates, known: TrainingSet, schema: pa.Schema, reasons: tuple[Reason, ...]) -> pa.Table:
    """Return the rows of candidates that are not recommended."""
    absent = found.code != LISTED
    code = found.code[absent]
    arrays = {
        "user_id": known.users["user_id"].take(found.user[absent]),
        "candidate_rank": found.rank[absent],
        "item_id": known.items["item_id"].take(found.item[absent]),
        "score": found.score[absent].astype(np.float64),
        "cause": pa.array([reason.cause for reason in reasons], pa.string()).take(code),
        "rule": pa.array([reason.rule for reason in reasons], pa.string()).take(code),
    }
    return pa.table([arrays[field.name] for field in schema], names=schema.names).cast(schema)
