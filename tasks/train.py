"""Train: fit every configured model, first on the fit slice to be judged, later on everything to be published."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from models.artifact import folder_hash
from models.collaborative.als import Als, AlsConfig
from models.collaborative.ease import Ease, EaseConfig
from models.collaborative.spectral import Spectral, SpectralConfig
from models.compute import configure_tensorflow, limited_threads
from models.content.towers import Towers, TowersConfig
from models.divergence import DivergedError
from models.knowledge.popularity import Popularity, PopularityConfig
from models.scorer import Scorer, TrainingData
from tasks.night import Night, Receipt
from tasks.prepare import Prepared, training_set
from tasks.refusals import NightHeldError

log = logging.getLogger("nightly")

SCORERS: dict[str, type[Scorer]] = {"ease": Ease, "spectral": Spectral, "als": Als, "towers": Towers, "popularity": Popularity}
ModelName = Literal["ease", "spectral", "als", "towers", "popularity"]


class TrainConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Which models a night trains, and how."""

    models: tuple[ModelName, ...] = ("ease", "spectral", "als", "towers", "popularity")
    """The models that may take part; each does where it can."""

    ease_up_to_items: int = Field(12_000, ge=0)
    """Catalogue size up to which `ease` speaks for the collaborative family; above it `spectral` and `als` do."""

    ease: EaseConfig = EaseConfig()
    spectral: SpectralConfig = SpectralConfig()
    als: AlsConfig = AlsConfig()
    towers: TowersConfig = TowersConfig()
    popularity: PopularityConfig = PopularityConfig()


class FittedModel(BaseModel, frozen=True, extra="forbid"):
    """One trained model: where its artifact is, and how its training went."""

    name: str
    family: str
    folder: str
    seconds: float
    curves: dict[str, list[float]]


class Trained(Receipt, frozen=True):
    """The models of a slice, in the order of the configuration."""

    models: tuple[FittedModel, ...]


def train(night: Night, prepared: Prepared, config: TrainConfig) -> Trained:
    """Fit every model on the fit slice; what is held out stays unseen."""
    return fit_models(night, training_set(night).training_data("fit"), prepared, config, night.staging / "models" / "fit")


def fit_models(night: Night, data: TrainingData, prepared: Prepared, config: TrainConfig, folder: Path) -> Trained:
    """Fit every model that can learn from `data` and write one artifact folder each."""
    if "towers" in config.models:
        configure_tensorflow(night.compute, night.seed)
    fitted, files = [], []
    for scorer in chosen_models(config, data, prepared.n_recommendable):
        target = folder / scorer.name
        target.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        try:
            with limited_threads(night.compute):
                scorer.fit(data, night.seed, lambda line, name=scorer.name: log.info("%s: %s", name, line))  # type: ignore[misc]
        except DivergedError as error:
            raise NightHeldError(
                f"model {scorer.name}", "a finite training loss", str(error), f"correct [train.{scorer.name}] and run again"
            ) from error
        scorer.save(target)
        seconds = round(time.monotonic() - started, 3)
        log.info("%s: fitted in %.1f s", scorer.name, seconds)
        fitted.append(
            FittedModel(
                name=scorer.name, family=scorer.family, folder=night.workspace.relative(target), seconds=seconds, curves=scorer.curves()
            )
        )
        files += sorted(path for path in target.rglob("*") if path.is_file())
    return Trained(files=night.hashed(*files), models=tuple(fitted))


def chosen_models(config: TrainConfig, data: TrainingData, n_items: int) -> list[Scorer]:
    """Return the configured models that suit the catalogue's size and the features there are, not yet fitted."""
    small = n_items <= config.ease_up_to_items and "ease" in config.models
    unsuited = {"spectral", "als"} if small else {"ease"}
    if data.items.features.shape[1] == 0:
        unsuited.add("towers")
    return [SCORERS[name](getattr(config, name)) for name in config.models if name not in unsuited]  # type: ignore[call-arg]


def load_models(root: Path, models: Sequence[FittedModel]) -> list[Scorer]:
    """Read trained models back, in order."""
    return [SCORERS[model.name].load(root / model.folder) for model in models]


def set_version(folders: Sequence[Path], blend: str) -> str:
    """Return the version of a set of models and the blend that weighs them: a hash of their bytes."""
    from tasks.storage import text_hash

    hashes = {folder.name: folder_hash(folder) for folder in folders}
    return text_hash(json.dumps([hashes, blend], sort_keys=True))[:16]
