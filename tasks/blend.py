"""Blend: learn from the holdout how much each model counts, per user segment, cross-fitted."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.blend import Blend, score_block
from models.blend_training import BlendConfig, Candidates, collect, cross_fit
from models.compute import limited_threads
from models.holdout import user_half
from models.metrics import judged_users
from tasks.night import Night, Receipt
from tasks.prepare import Prepared, training_set
from tasks.prepare.training_set import TrainingSet
from tasks.storage import write_bytes
from tasks.tables import TABLES, write_table
from tasks.train import Trained, load_models

log = logging.getLogger("nightly")


class JudgingConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """On whom weights are learned and models are judged."""

    max_users: int = Field(20_000, ge=100)
    """Holdout users scored; with more, a fixed sample by the hash of their ids."""

    users_at_once: int = Field(512, ge=1)
    """Users scored at a time; memory is this times the catalogue times the models."""


class SegmentWeights(BaseModel, frozen=True, extra="forbid"):
    """The weights of one user segment, model -> share, and from how many users they were learned."""

    segment: str
    weights: dict[str, float]
    n_users: int


class Blended(Receipt, frozen=True):
    """The blend to publish, and the two that may be judged: each learned on the half of the users it is not judged on."""

    blend: str
    halves: tuple[str, str]
    segments: tuple[SegmentWeights, ...]
    n_users: int


def blend(night: Night, _prepared: Prepared, trained: Trained, config: BlendConfig, judging: JudgingConfig) -> Blended:
    """Learn the weights on the holdout's users, in halves and together."""
    known = training_set(night)
    scorers = load_models(night.workspace.root, trained.models)
    users = judged_sample(known, judging)
    data, targets = known.training_data("fit"), known.targets()
    histories, seen = data.interactions.histories(), data.interactions.seen()
    blocks: list[Candidates] = []
    with limited_threads(night.compute):
        for rows in np.array_split(users, max(1, -(-len(users) // judging.users_at_once))):
            allowed = allowed_items(seen[rows], known.recommendable)
            block = score_block(scorers, data.block(rows, histories))
            blocks.append(collect(block, data.user_segment[rows], allowed, targets[rows], config))
        candidates = Candidates.together(blocks)
        ids = known.users["user_id"].take(users).to_pylist()
        models = tuple((scorer.name, scorer.family) for scorer in scorers)
        learned, halves = cross_fit(candidates, models, data.segments, user_half(ids), config, night.compute, night.seed)
    folder = night.staging / "blend"
    for name, content in (("blend", learned), ("half0", halves[0]), ("half1", halves[1])):
        write_bytes(folder / f"{name}.json", content.to_json().encode())
    counts = np.bincount(data.user_segment[users], minlength=len(data.segments))
    weights = segment_weights(learned, counts)
    write_weights(night, learned, weights)
    files = [*sorted(folder.iterdir()), night.staged_table("weights")]
    log.info("blend: %s", "; ".join(f"{row.segment}: " + " ".join(f"{k} {v:.2f}" for k, v in row.weights.items()) for row in weights))
    return Blended(
        files=night.hashed(*files),
        blend=learned.to_json(),
        halves=(halves[0].to_json(), halves[1].to_json()),
        segments=weights,
        n_users=len(users),
    )


def judged_sample(known: TrainingSet, judging: JudgingConfig) -> NDArray[np.intp]:
    """Return the holdout users to judge on, ascending: all, or as many as allowed, drawn by a fixed shuffle."""
    users = judged_users(known.targets())
    if len(users) <= judging.max_users:
        return users
    order = np.random.default_rng(0).permutation(known.n_users)
    return np.sort(users[np.argsort(order[users], kind="stable")[: judging.max_users]])


def allowed_items(seen: object, recommendable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark what may be recommended to each user of a block: recommendable and not seen by them; (block, items)."""
    allowed = np.broadcast_to(recommendable, seen.shape).copy()  # type: ignore[attr-defined]
    rows = np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))  # type: ignore[attr-defined]
    allowed[rows, seen.indices] = False  # type: ignore[attr-defined]
    return allowed


def segment_weights(learned: Blend, n_users: NDArray[np.int64]) -> tuple[SegmentWeights, ...]:
    """Return the weights of every segment, with the number of users they were learned from; n_users (segments,)."""
    return tuple(
        SegmentWeights(
            segment=segment, weights=dict(zip(learned.models, learned.weights[row].tolist(), strict=True)), n_users=int(n_users[row])
        )
        for row, segment in enumerate(learned.segments)
    )


def write_weights(night: Night, learned: Blend, rows: tuple[SegmentWeights, ...]) -> None:
    """Stage the weights table."""
    facts = [
        {"segment": row.segment, "model": model, "family": family, "weight": row.weights[model], "n_users": row.n_users}
        for row in rows
        for model, family in zip(learned.models, learned.families, strict=True)
    ]
    schema = TABLES["weights"].schema({}, {"run_id": night.run_id})
    write_table(night.staged_table("weights"), pa.Table.from_pylist(facts), schema)
