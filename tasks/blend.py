"""Blend: learn from the holdout how much each model counts, per user segment, cross-fitted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel

from models.blend import Blend
from models.blend_inspection import losses_without, weight_deviations
from models.blend_training import BY_MASS, FITS, BlendConfig, Models, cross_fit
from models.block_scores import Heard, Panel
from models.candidates import Candidates, collect, collect_best
from models.chosen import allowed_items
from models.compute import limited_threads
from models.fused_blend import each_alone
from models.holdout import user_half
from tasks.judging import JudgingConfig, even_lots, heard_blocks, judged_audience, judged_sample, sample_of
from tasks.night import Night, Receipt
from tasks.prepare import Prepared, training_set
from tasks.prepare.training_set import TrainingSet
from tasks.refusals import NightHeldError
from tasks.storage import write_bytes
from tasks.tables import TABLES
from tasks.tables.writing import write_table
from tasks.train import Trained, load_models

log = logging.getLogger("nightly")

TWO_SIDED = 1.96
"""Standard deviations on either side that hold 95 % of a normal distribution."""


class SegmentWeights(BaseModel, frozen=True, extra="forbid"):
    """The weights of one user segment, model -> share, and from how many users they were learned.

    `deviations` are standard deviations over resamples of the users; `losses_without` is the NDCG that lists would lose were the model
    silent. Both are empty where they were not measured.
    """

    segment: str
    weights: dict[str, float]
    deviations: dict[str, float] = {}
    losses_without: dict[str, float] = {}
    n_users: int


class Blended(Receipt, frozen=True):
    """The blend to publish, and for every kind of blend the two that may be judged: each fitted to users it is not judged on."""

    method: str
    blend: str
    halves: dict[str, tuple[str, str]]
    segments: tuple[SegmentWeights, ...]
    n_users: int


def blend(night: Night, prepared: Prepared, trained: Trained, config: BlendConfig, judging: JudgingConfig) -> Blended:
    """Fit every kind of blend to the holdout's users, in halves and together; raises NightHeldError where the fit slice knows them."""
    known = training_set(night)
    scorers = load_models(night.workspace.root, trained.models)
    models = Models(tuple(scorer.name for scorer in scorers), tuple(scorer.family for scorer in scorers), known.segments.names)
    method, users = _method(config, models), judged_sample(known, judging)
    newcomers = users[sample_of(known, users, judging.max_newcomers if known.segments.begins_with_newcomers else 0)]
    audience, targets = judged_audience(known, by_days=prepared.holdout == "days"), known.targets()
    groups = [*_pupils(known, users, config, new=False), *_pupils(known, newcomers, config, new=True)]
    blocks: list[Candidates] = []
    panel, most = Panel.of(scorers), (config.candidates, config.max_targets)
    seen, recommendable = audience.seen, audience.recommendable
    rankers = each_alone(panel, known.segments.names, recommendable)
    with limited_threads(night.compute):
        for group in groups:

            def collected(some: NDArray[np.intp], heard: Heard, group: _Pupils = group) -> Candidates:
                met, liked = seen[some], targets[some]
                if group.teach_all or method in BY_MASS:
                    allowed = allowed_items(met, recommendable)
                    return collect(heard.scores, heard.users.segment, allowed, liked, *most, newcomers=group.new)
                return collect_best(heard, rankers, met, recommendable, liked, *most, newcomers=group.new)

            lots = even_lots(group.users, judging.users_at_once)
            blocks += heard_blocks(audience, panel, lots, collected, newcomers=group.new, room=night.room)
        candidates = Candidates.together(blocks)
        half = user_half(known.users["user_id"].take(np.concatenate([group.users for group in groups])).to_pylist())
        others = tuple(name for name in dict.fromkeys(config.compare) if name != method)
        log.info("blend: fitting %s to %d users, %d of them also as newcomers", method, len(users), len(newcomers))
        fitted = cross_fit(candidates, models, half, (method,), config, night.seed)
        few = np.flatnonzero(np.concatenate([np.full(len(group.users), group.teach_all) for group in groups]))
        log.info("blend: fitting %s to %d of them, to be compared", ", ".join(others) or "nothing", len(few))
        fitted |= cross_fit(candidates.of(few), models, half[few], others, config, night.seed)
        served, *halves = fitted[method]
        deviations = weight_deviations(candidates, served, method, config, night.seed)
        losses = losses_without(candidates, half, (halves[0], halves[1]))
    folder = night.staging / "blend"
    for kind, parts in fitted.items():
        for name, part in zip(("all", "half0", "half1"), parts, strict=True):
            write_bytes(folder / f"{kind}-{name}.json", part.to_json().encode())
    segments = segment_weights(served, candidates.segment, deviations, losses)
    log.info("blend: %s", "; ".join(f"{row.segment}: " + " ".join(f"{k} {v:.2f}" for k, v in row.weights.items()) for row in segments))
    return Blended(
        files=night.hashed(*sorted(folder.iterdir())),
        method=method,
        blend=served.to_json(),
        halves={kind: (parts[1].to_json(), parts[2].to_json()) for kind, parts in fitted.items()},
        segments=segments,
        n_users=len(users),
    )


class _Pupils(NamedTuple):
    """Users that blends learn from, shown to the models as they are or as `new`; all blends, or only the one that is published."""

    users: NDArray[np.intp]
    new: bool
    teach_all: bool


def _pupils(known: TrainingSet, users: NDArray[np.intp], config: BlendConfig, *, new: bool) -> Iterator[_Pupils]:
    teach_all = np.isin(users, users[sample_of(known, users, config.max_compared_users)])
    yield _Pupils(users[teach_all], new, teach_all=True)
    yield _Pupils(users[~teach_all], new, teach_all=False)


def _method(config: BlendConfig, models: Models) -> str:
    """Return the configured method; raises NightHeldError where it names a model that was not trained tonight."""
    if config.method in FITS or config.method in models.names:
        return config.method
    raise NightHeldError(
        "setting blend.method", f"one of {', '.join((*FITS, *models.names))}", config.method, "correct it in nightly.toml and run again"
    )


def segment_weights(
    served: Blend,
    segment: NDArray[np.int16],
    deviations: NDArray[np.float64] | None = None,
    losses: NDArray[np.float64] | None = None,
) -> tuple[SegmentWeights, ...]:
    """Return the weights of every segment, with what was found of the users, of segments (users,), they were fitted to.

    deviations (segments, models) and losses (models, users) as `models.blend_inspection` measures them.
    """
    rows = []
    for index, name in enumerate(served.segments):
        members = np.flatnonzero(segment == index)
        lost = losses[:, members].mean(axis=1) if losses is not None and len(members) else np.zeros(0)
        rows.append(
            SegmentWeights(
                segment=name,
                weights=dict(zip(served.models, served.weights[index].tolist(), strict=True)),
                deviations=dict(zip(served.models, deviations[index].tolist() if deviations is not None else (), strict=False)),
                losses_without=dict(zip(served.models, lost.tolist(), strict=False)),
                n_users=len(members),
            )
        )
    return tuple(rows)


def write_weights(night: Night, served: Blend, rows: tuple[SegmentWeights, ...]) -> None:
    """Stage the weights table."""
    facts = []
    for row in rows:
        for model, family in zip(served.models, served.families, strict=True):
            weight, deviation = row.weights[model], row.deviations.get(model)
            reach = None if deviation is None else TWO_SIDED * deviation
            low, high = (None, None) if reach is None else (max(0.0, weight - reach), min(1.0, weight + reach))
            fact = {"segment": row.segment, "model": model, "family": family, "weight": weight, "low": low, "high": high}
            facts.append({**fact, "loss_without": row.losses_without.get(model), "n_users": row.n_users})
    schema = TABLES["weights"].schema({}, {"run_id": night.run_id})
    write_table(night.staged_table("weights"), pa.Table.from_pylist(facts), schema)
