"""Score: rank the catalogue for every user and stage the tables people read; never users x items in memory."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.blend import Blend
from models.block_scores import BlockScores
from models.compute import limited_threads
from models.knowledge.popularity import Popularity, PopularityConfig
from models.scorer import FAMILIES, Scorer, TrainingData, UserBlock
from models.top_k import top_k
from tasks.judging import Audience, ScoredBlock, scored_blocks
from tasks.night import Night, Receipt
from tasks.prepare import Prepared, training_set
from tasks.prepare.training_set import TrainingSet
from tasks.refit import Refitted, set_to_serve
from tasks.tables import EVERYBODY, TABLES, open_table, write_table

log = logging.getLogger("nightly")

MODELS_ASKED = 2
"""Models asked why an item is recommended, from the one that adds most on: what quieter ones say explains little."""


class ScoreConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What the tables hold, and how much memory scoring may take."""

    k: int = Field(20, ge=1, le=1000)
    """Rows per user, and per item in similar_items."""

    popular: int = Field(100, ge=1)
    """Rows per segment in popular_items."""

    memory_mb: int = Field(256, ge=16)
    """Memory for the scores of one block of users; decides how many users are scored at a time."""


class Scored(Receipt, frozen=True):
    """The staged tables and what they hold."""

    model_version: str
    k: int
    users: int
    recommendations: int
    served_by: dict[str, int]
    short_lists: int


class _Recommender:
    """Scores blocks of users and turns them into rows of `recommendations`."""

    def __init__(self, known: TrainingSet, data: TrainingData, scorers: list[Scorer], blend: Blend, k: int) -> None:
        self.known, self.audience, self.scorers, self.blend, self.k = known, Audience(data, known.recommendable), scorers, blend, k
        self.family = np.array([FAMILIES.index(scorer.family) for scorer in scorers])
        everything = np.arange(min(1, known.n_items))
        self.comparers = [place for place, scorer in enumerate(scorers) if scorer.similarity(everything, everything) is not None]
        liked_in = data.user_segment[data.interactions.user[data.interactions.positive]]
        self.segment_has_likes = np.bincount(liked_in, minlength=len(data.segments)) > 0

    def rows(self, said: ScoredBlock) -> tuple[dict[str, NDArray[np.generic]], NDArray[np.intp], NDArray[np.str_]]:
        """Return the columns of a block's rows, the list length of each user, and the rung each was served by."""
        people, block, allowed = said.people, said.scores, said.allowed
        heard = self.blend.heard(block, allowed)
        scores = self.blend.scores(heard, people.segment)
        chosen = top_k(np.where(allowed, scores, np.float32(-np.inf)), self.k)[0]
        parts = self.blend.contributions(heard, people.segment, chosen)
        families = self._families(parts)
        score = np.where(chosen >= 0, np.nansum(families, axis=0), -np.inf)
        # Selected in float32, published and ranked in float64: the sum of the contributions decides, then the item.
        order = np.lexsort((chosen, -score), axis=1)
        chosen, score = np.take_along_axis(chosen, order, 1), np.take_along_axis(score, order, 1)
        families, parts = (np.take_along_axis(terms, order[None], 2) for terms in (families, parts))
        row, place = np.nonzero(chosen >= 0)
        rung = self._rungs(block, people)
        columns: dict[str, NDArray[np.generic]] = {
            "user": said.users[row],
            "rank": place.astype(np.int16) + 1,
            "item": chosen[row, place],
            "score": score[row, place],
            "families": families[:, row, place],
            "because": self._because(people, chosen, parts)[row, place],
            "served_by": rung[row],
        }
        return columns, (chosen >= 0).sum(axis=1), rung

    def _families(self, parts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add the contributions of a family's models; (models, block, k) -> (families, block, k), NaN where all of them abstain."""
        families = np.full((len(FAMILIES), *parts.shape[1:]), np.nan)
        for index in range(len(FAMILIES)):
            of_family = parts[self.family == index]
            if len(of_family):
                families[index] = np.where(np.isnan(of_family).all(axis=0), np.nan, np.nansum(of_family, axis=0))
        return families

    def _rungs(self, block: BlockScores, people: UserBlock) -> NDArray[np.str_]:
        """Name the rung of the cold-start ladder each user stands on; (block,).

        `blend`: others' behaviour speaks of what they liked. `history`: only the descriptions of what they liked do. `attributes`: they
        liked nothing, but something is known of them. `segment_popularity`, `popularity`: their segment's or everybody's favourites.
        """
        behaviour, content = (self._any_speaks(block, families) for families in (("collaborative", "sequential"), ("content",)))
        has_history = np.diff(people.history.indptr) > 0
        of_segment = self.segment_has_likes[people.segment]
        rungs = (behaviour & has_history, content & has_history, behaviour | content, of_segment)
        return np.select(rungs, ("blend", "history", "attributes", "segment_popularity"), "popularity")

    def _any_speaks(self, block: BlockScores, families: tuple[str, ...]) -> NDArray[np.bool_]:
        models = [place for place, scorer in enumerate(self.scorers) if scorer.family in families]
        return np.asarray(block.user_speaks[models].any(axis=0)) if models else np.zeros(block.user_speaks.shape[1], np.bool_)

    def _because(self, people: UserBlock, chosen: NDArray[np.int32], parts: NDArray[np.float64]) -> NDArray[np.int32]:
        """Find the liked item that adds most to each recommended one, as the model sees it that adds most; (block, k), -1 where none does.

        Models that compare no items explain nothing: of the others the loudest is asked, then the next, up to MODELS_ASKED.
        """
        because = np.full(chosen.shape, -1, np.int32)
        said = np.where(np.isnan(parts[self.comparers]), -np.inf, parts[self.comparers])
        for row in range(len(chosen)) if self.comparers else ():
            history = people.history.indices[people.history.indptr[row] : people.history.indptr[row + 1]]
            recent = people.recent[row][people.recent[row] >= 0]
            n_items = int(np.count_nonzero(chosen[row] >= 0))
            if not len(history) or not n_items:
                continue
            items = chosen[row, :n_items]
            for speakers in np.argsort(-said[:, row, :n_items], axis=0, kind="stable")[:MODELS_ASKED]:
                for speaker in np.unique(speakers):
                    scorer = self.scorers[self.comparers[speaker]]
                    past = recent if scorer.family == "sequential" and len(recent) else history
                    open_places = np.flatnonzero((speakers == speaker) & (because[row, :n_items] < 0))
                    if len(open_places):
                        because[row, open_places] = _strongest(scorer, items[open_places], past)
        return because


def _strongest(scorer: Scorer, items: NDArray[np.int32], history: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return which of some liked items speaks most for each of `items`, -1 where none speaks for it at all."""
    strength = scorer.similarity(items.astype(np.intp), history.astype(np.intp))
    if strength is None:
        return np.full(len(items), -1, np.int32)
    return np.where(strength.max(axis=1) > 0, history[strength.argmax(axis=1)], -1).astype(np.int32)


def score(
    night: Night, _prepared: Prepared, refitted: Refitted, config: ScoreConfig, fading: PopularityConfig, id_types: dict[str, str]
) -> Scored:
    """Stage recommendations, similar_items, popular_items and coverage."""
    known = training_set(night)
    data = known.training_data("everything")
    scorers, blend = set_to_serve(night, refitted, known)
    with limited_threads(night.compute):
        length, rungs, shown = _write_recommendations(night, known, data, scorers, blend, config, id_types, refitted.model_version)
        _write_similar(night, known, scorers, config, id_types)
    _write_popular(night, known, data, fading, config, id_types)
    _write_coverage(night, known, length, rungs, shown, config.k)
    files = [night.staged_table(name) for name in ("recommendations", "similar_items", "popular_items", "coverage")]
    served, counts = np.unique(rungs[length > 0], return_counts=True)
    return Scored(
        files=night.hashed(*files),
        model_version=refitted.model_version,
        k=config.k,
        users=int(np.count_nonzero(length)),
        recommendations=int(length.sum()),
        served_by=dict(zip(served.tolist(), counts.tolist(), strict=True)),
        short_lists=int(np.count_nonzero(length < config.k)),
    )


def _write_recommendations(
    night: Night,
    known: TrainingSet,
    data: TrainingData,
    scorers: list[Scorer],
    blend: Blend,
    config: ScoreConfig,
    id_types: dict[str, str],
    model_version: str,
) -> tuple[NDArray[np.intp], NDArray[np.str_], NDArray[np.bool_]]:
    """Write the table block by block; returns each user's list length and rung, and which items are shown at all."""
    recommender = _Recommender(known, data, scorers, blend, config.k)
    schema = TABLES["recommendations"].schema(id_types, {"run_id": night.run_id, "model_version": model_version})
    # Per user: the standardised scores of every model, the blended ones, and the masks, in 4-byte cells.
    at_once = max(16, config.memory_mb * 2**20 // max(1, known.n_items * 4 * (len(scorers) + 4)))
    lengths, rungs, shown = [], [], np.zeros(known.n_items, np.bool_)
    told, everybody = time.monotonic(), np.arange(known.n_users)
    with open_table(night.staged_table("recommendations"), schema) as writer:
        lots = (everybody[start : start + at_once] for start in range(0, known.n_users, at_once))
        # A block's scores are let go before the next one is scored.
        for columns, length, rung in map(recommender.rows, scored_blocks(recommender.audience, scorers, lots)):
            writer.write_table(_as_arrow(columns, known, schema, model_version, night.run_id))
            lengths.append(length)
            rungs.append(rung)
            shown[columns["item"].astype(np.intp)] = True
            if time.monotonic() - told > 2:
                log.info("score: %d of %d users", sum(map(len, lengths)), known.n_users)
                told = time.monotonic()
    return np.concatenate(lengths), np.concatenate(rungs), shown


def _as_arrow(columns: dict[str, NDArray[np.generic]], known: TrainingSet, schema: pa.Schema, model_version: str, run_id: str) -> pa.Table:
    families = columns["families"].astype(np.float64)
    n_rows = families.shape[1]
    because = columns["because"].astype(np.int64)
    reason = np.array(FAMILIES)[np.where(np.isnan(families), -np.inf, families).argmax(axis=0)]
    arrays: dict[str, Any] = {
        "user_id": known.users["user_id"].take(columns["user"]),
        "rank": columns["rank"],
        "item_id": known.items["item_id"].take(columns["item"]),
        "score": columns["score"],
        "blended_score": columns["score"],
        **{family: pa.array(families[index], mask=np.isnan(families[index])) for index, family in enumerate(FAMILIES)},
        "policy": np.zeros(n_rows),
        "reason": pa.array(reason.tolist(), pa.string()),
        "because_item_id": known.items["item_id"].take(pa.array(because, mask=because < 0)),
        "served_by": pa.array(columns["served_by"].tolist(), pa.string()),
        "model_version": pa.array([model_version] * n_rows, pa.string()),
        "run_id": pa.array([run_id] * n_rows, pa.string()),
    }
    return pa.table([arrays[field.name] for field in schema], names=schema.names).cast(schema)


def _write_similar(night: Night, known: TrainingSet, scorers: list[Scorer], config: ScoreConfig, id_types: dict[str, str]) -> None:
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


def _write_popular(
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


def _write_coverage(
    night: Night, known: TrainingSet, length: NDArray[np.intp], rungs: NDArray[np.str_], shown: NDArray[np.bool_], k: int
) -> None:
    """Write what was served: counts, and every user whose list is short, with the reason."""
    n_recommendable = int(known.recommendable.sum())
    facts: list[tuple[str, str, float, str]] = [
        ("users_known", "", known.n_users, ""),
        ("users_served", "", int(np.count_nonzero(length)), ""),
        ("items_known", "", known.n_items, ""),
        ("items_recommendable", "", n_recommendable, ""),
        ("items_shown", "", int(np.count_nonzero(shown)), ""),
    ]
    facts += [
        ("users_served_by", str(rung), int(count), "")
        for rung, count in zip(*np.unique(rungs[length > 0], return_counts=True), strict=True)
    ]
    for user in np.flatnonzero(length < k):
        reason = f"only {length[user]} of {n_recommendable} recommendable items are new to the user and known to a model"
        facts.append(("short_list", str(known.users["user_id"][int(user)].as_py()), int(length[user]), reason))
    columns = [pa.array(column) for column in zip(*facts, strict=True)]
    schema = TABLES["coverage"].schema({}, {"run_id": night.run_id})
    write_table(night.staged_table("coverage"), pa.table(columns, names=["fact", "subject", "value", "reason"]), schema)
