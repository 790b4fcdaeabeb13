"""Train: fit every configured model, first on the fit slice to be judged, later on everything to be published."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, Field, field_validator
from scipy.linalg import LinAlgError

from models.abilities import Predictor, WarmScorer
from models.collaborative.als import Als, AlsConfig
from models.collaborative.bpr import Bpr, BprConfig
from models.collaborative.ease import Ease, EaseConfig
from models.collaborative.matrix_factorization import MatrixFactorization, MatrixFactorizationConfig
from models.collaborative.nmf import Nmf, NmfConfig
from models.collaborative.spectral import Spectral, SpectralConfig
from models.compute import configure_tensorflow, limited_threads
from models.content.content_knn import ContentKnn, ContentKnnConfig
from models.content.hybrid_bpr import HybridBpr, HybridBprConfig
from models.content.towers import Towers, TowersConfig
from models.divergence import DivergedError
from models.knowledge.columns import UnknownColumnError
from models.knowledge.nearby import Nearby, NearbyConfig
from models.knowledge.popularity import Popularity, PopularityConfig
from models.knowledge.rules import Rules, RulesConfig
from models.knowledge.trending import Trending, TrendingConfig
from models.scorer import Scorer, TrainingData
from models.sequential.attention import Attention, AttentionConfig
from models.sequential.next_item import NextItem, NextItemConfig
from models.sequential.transitions import Transitions, TransitionsConfig
from models.sizes import Sizes
from tasks.inherited import inherited
from tasks.night import Night, Receipt
from tasks.prepare import Prepared, training_set
from tasks.progress import reached
from tasks.refusals import NightHeldError

log = logging.getLogger("nightly")

SCORERS: dict[str, type[Scorer]] = {
    scorer.name: scorer
    for scorer in (
        Ease,
        Spectral,
        Als,
        Bpr,
        MatrixFactorization,
        Nmf,
        Transitions,
        NextItem,
        Attention,
        Towers,
        ContentKnn,
        HybridBpr,
        Popularity,
        Trending,
        Nearby,
        Rules,
    )
}
ModelName = Literal[
    "ease",
    "spectral",
    "als",
    "bpr",
    "matrix_factorization",
    "nmf",
    "transitions",
    "next_item",
    "attention",
    "towers",
    "content_knn",
    "hybrid_bpr",
    "popularity",
    "trending",
    "nearby",
    "rules",
]

POPULARITY: Literal["popularity"] = "popularity"
"""The baseline that no night may fall below, and all there is for who is unknown: no night goes on without it."""

NETWORKS = frozenset({"bpr", "matrix_factorization", "next_item", "attention", "towers", "hybrid_bpr"})
"""Models that TensorFlow trains."""


class TrainConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Which models a night trains, and how."""

    models: tuple[ModelName, ...] = (
        "ease",
        "spectral",
        "als",
        "transitions",
        "attention",
        "towers",
        "content_knn",
        "popularity",
        "nearby",
        "rules",
    )
    """The models that may take part; each does where there is something for it to learn from."""

    on_model_failure: Literal["hold", "degrade"] = "hold"
    """What follows from a model that cannot be trained (no memory, a loss that is no number): keep what is served, or go on without it."""

    ease_up_to_items: int = Field(12_000, ge=0)
    """Catalogue size up to which `ease` takes part; above it `spectral` does, whose time and memory do not grow with its cube."""

    cold_every: int = Field(7, ge=1)
    """Nights in a row of which one learns everything from nothing; in the others models of the night before may be judged and learn on."""

    ease: EaseConfig = EaseConfig()
    spectral: SpectralConfig = SpectralConfig()
    als: AlsConfig = AlsConfig()
    bpr: BprConfig = BprConfig()
    matrix_factorization: MatrixFactorizationConfig = MatrixFactorizationConfig()
    nmf: NmfConfig = NmfConfig()
    transitions: TransitionsConfig = TransitionsConfig()
    next_item: NextItemConfig = NextItemConfig()
    attention: AttentionConfig = AttentionConfig()
    towers: TowersConfig = TowersConfig()
    content_knn: ContentKnnConfig = ContentKnnConfig()
    hybrid_bpr: HybridBprConfig = HybridBprConfig()
    popularity: PopularityConfig = PopularityConfig()
    trending: TrendingConfig = TrendingConfig()
    nearby: NearbyConfig = NearbyConfig()
    rules: RulesConfig = RulesConfig()

    @field_validator("models")
    @classmethod
    def _popularity_takes_part(cls, models: tuple[ModelName, ...]) -> tuple[ModelName, ...]:
        if POPULARITY not in models:
            raise ValueError("`popularity` must be among the models: it is the baseline, and all there is for who is unknown")
        return tuple(dict.fromkeys(models))


class FittedModel(BaseModel, frozen=True, extra="forbid"):
    """One trained model: where its artifact is, and how its training went."""

    name: str
    family: str
    folder: str
    seconds: float
    curves: dict[str, list[float]]
    figures: dict[str, float] = {}
    """Errors of a model that predicts values, beside those of plain means."""


class Trained(Receipt, frozen=True):
    """The models of a slice, in the order of the configuration; `missing` names those that could not be trained, and why."""

    models: tuple[FittedModel, ...]
    missing: dict[str, str] = Field({})

    inherited: tuple[str, ...] = ()
    """Models that were taken over from the night before, or went on from there."""


def train(night: Night, prepared: Prepared, config: TrainConfig) -> Trained:
    """Fit every model on the fit slice; what is held out stays unseen.

    A model that was published after it had learned from just these events is judged as it is; from most of them, it may go on.
    """
    known = training_set(night)
    before = inherited(night, known, SCORERS, config.cold_every)
    data, folder = known.training_data("fit"), night.staging / "models" / "fit"
    fitted = fit_models(night, data, prepared, config, folder, learned=before.lasting, starts=before.starts)
    names = tuple(model.name for model in fitted.models if model.name in before.lasting or model.name in before.starts)
    return fitted.model_copy(update={"inherited": names})


def fit_models(
    night: Night,
    data: TrainingData,
    prepared: Prepared,
    config: TrainConfig,
    folder: Path,
    *,
    only: Sequence[str] | None = None,
    learned: Mapping[str, Scorer] = MappingProxyType({}),
    starts: Mapping[str, Scorer] = MappingProxyType({}),
) -> Trained:
    """Fit every model that can learn from `data` and write one artifact folder each.

    Once models were judged, `only` these are fitted. What is `learned` already is written as it is; models that can go on from `starts`.

    Raises NightHeldError where a model cannot be trained and the night may not go on without it: what was judged must be published.
    """
    scorers = [scorer for scorer in chosen_models(config, data, prepared.n_recommendable) if only is None or scorer.name in only]
    if any(scorer.name in NETWORKS for scorer in scorers):
        configure_tensorflow(night.compute, night.seed)
    fitted, files, missing = [], [], {}
    for number, scorer in enumerate(scorers):
        reached("models", number, len(scorers))
        try:
            if scorer.name in learned:
                fitted.append(_written(night, learned[scorer.name], folder / scorer.name, 0.0))
            else:
                fitted.append(_fitted(night, scorer, data, folder / scorer.name, starts.get(scorer.name)))
        except Exception as error:
            if not _is_failure(error):
                raise
            why = str(error) or "not enough memory"
            if only is not None or config.on_model_failure == "hold" or scorer.name == POPULARITY:
                raise _unfit(scorer.name, why, only is None and scorer.name != POPULARITY) from error
            log.warning("%s: could not be trained, the night goes on without it: %s", scorer.name, why)
            missing[scorer.name] = why
            continue
        files += sorted(path for path in (folder / scorer.name).rglob("*") if path.is_file())
    return Trained(files=night.hashed(*files), models=tuple(fitted), missing=missing)


def _fitted(night: Night, scorer: Scorer, data: TrainingData, target: Path, start: Scorer | None) -> FittedModel:
    """Fit one model, from where another one of its kind got to if it can go on from there, and write its artifact."""
    started = time.monotonic()

    def told(line: str) -> None:
        log.info("%s: %s", scorer.name, line.removeprefix(f"{scorer.name}: "))

    try:
        with limited_threads(night.compute):
            if start is not None and isinstance(scorer, WarmScorer):
                scorer.fit_from(start, data, night.seed, told)  # type: ignore[arg-type]  # of the same kind: it bears its name
            else:
                scorer.fit(data, night.seed, told)
    except UnknownColumnError as error:
        raise NightHeldError(
            f"setting train.rules.rules, rule {error.rule + 1}",
            error.expected,
            error.found,
            f"name one of: {', '.join(error.near) or 'none'}",
        ) from error
    seconds = round(time.monotonic() - started, 3)
    log.info("%s: fitted in %.1f s", scorer.name, seconds)
    return _written(night, scorer, target, seconds)


def _written(night: Night, scorer: Scorer, target: Path, seconds: float) -> FittedModel:
    """Write the artifact of one model."""
    target.mkdir(parents=True, exist_ok=True)
    scorer.save(target)
    return FittedModel(
        name=scorer.name,
        family=scorer.family,
        folder=night.workspace.relative(target),
        seconds=seconds,
        curves=scorer.curves(),
        figures=scorer.figures() if isinstance(scorer, Predictor) else {},
    )


def _is_failure(error: Exception) -> bool:
    """Tell a model that cannot be trained from a mistake in the program; TensorFlow has a class of its own for want of memory."""
    return isinstance(error, DivergedError | MemoryError | LinAlgError) or type(error).__name__ == "ResourceExhaustedError"


def _unfit(model: str, why: str, dispensable: bool) -> NightHeldError:
    without = ', or set [train] on_model_failure = "degrade" to go on without it,' if dispensable else ""
    return NightHeldError(
        f"model {model}", "a training that ends with finite weights", why, f"correct [train.{model}]{without} and run again"
    )


def chosen_models(config: TrainConfig, data: TrainingData, n_items: int) -> list[Scorer]:
    """Return the configured models that suit the catalogue's size and what there is to learn from, not yet fitted."""
    return models_for(config, Sizes.of(data, n_items))


def models_for(config: TrainConfig, sizes: Sizes) -> list[Scorer]:
    """Return the configured models that suit a night of some sizes, not yet fitted.

    Towers read what is known of users; where nothing is, `content_knn` does their work better and sooner.
    """
    described = sizes.item_columns > 0
    small = sizes.n_recommendable <= config.ease_up_to_items
    suited = {
        "ease": small,
        "spectral": not small or "ease" not in config.models,
        **dict.fromkeys(("transitions", "next_item", "attention", "trending"), sizes.ordered),
        **dict.fromkeys(("content_knn", "hybrid_bpr"), described),
        "towers": described and (sizes.user_columns > 0 or "content_knn" not in config.models),
        "nearby": sizes.placed,
        "rules": bool(config.rules.rules),
    }
    return [SCORERS[name](getattr(config, name)) for name in config.models if suited.get(name, True)]  # type: ignore[call-arg]


def load_models(root: Path, models: Sequence[FittedModel]) -> list[Scorer]:
    """Read trained models back, in order."""
    return [SCORERS[model.name].load(root / model.folder) for model in models]
