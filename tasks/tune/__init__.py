"""Tune: look for better settings of each model in windows of past time, and propose what is surely better."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from models.bootstrap import BootstrapConfig
from models.holdout import HoldoutConfig
from tasks.judging import JudgingConfig
from tasks.night import Night
from tasks.prepare import Prepared, training_set
from tasks.progress import reached
from tasks.refusals import InputRefusedError, UsageError
from tasks.storage import canonical_json, text_hash
from tasks.train import TrainConfig, chosen_models
from tasks.tune.bench import Bench
from tasks.tune.proposal import Found, InWindow
from tasks.tune.spaces import Space, TuneConfig, Value, section_of, value_of
from tasks.tune.study import UnfitError, best_of, search
from tasks.tune.windows import Ground, confirmed, grounds

__all__ = ["Judging", "TuneConfig", "tune"]
log = logging.getLogger("nightly")


class Judging(BaseModel, frozen=True, extra="forbid"):
    """By what trials are judged: the same as a night's models."""

    k: int
    holdout: HoldoutConfig
    users: JudgingConfig
    intervals: BootstrapConfig


def tune(
    night: Night, prepared: Prepared, train: TrainConfig, config: TuneConfig, judging: Judging, folder: Path, code: str
) -> tuple[Found, ...]:
    """Search the settings of each model, one study a model; `folder` keeps the trials of this search and of earlier ones.

    A study goes on where the data, the code (a hash of it) and all settings that bear on it are what they were. Raises
    InputRefusedError where there are not enough users to judge by, UsageError where there is nothing to tune.
    """
    known = training_set(night)
    windows = grounds(known, config.windows, config.min_users, night.seed, judging.holdout, judging.users)
    if not windows or any(ground.confirms.all() or not ground.confirms.any() for ground in windows):
        hint = "deliver more interactions, or lower min_users in [tune]"
        found = f"{prepared.holdout_users} users with enough history"
        raise InputRefusedError("tune", f"{config.min_users} users to judge settings by", found, hint)
    for place, ground in enumerate(windows):
        log.info("tune: window %d of %d: %s", place + 1, len(windows), ground.sentence)
    models = _models(train, config, windows[0], prepared.n_recommendable)
    data = {Path(name).name: sha256 for name, sha256 in prepared.files.items()}
    ends_at = time.monotonic() + 60 * config.minutes
    results = []
    for place, model in enumerate(models):
        reached("models", place, len(models))
        present = _present(train, config, model)
        spaces = {name: space for name, space in config.of(model).items() if name in present}
        identity = {"data": data, "code": code, "section": section_of(train, model).model_dump(mode="json"), "seed": night.seed}
        identity |= {"spaces": {name: space.model_dump(mode="json") for name, space in spaces.items()}, "compute": night.compute.threads}
        identity |= {"windows": config.windows, "min_users": config.min_users, "judging": judging.model_dump(mode="json")}
        study = f"{model}-{text_hash(canonical_json(identity))[:16]}"
        bench = Bench(
            model,
            train,
            prepared.n_recommendable,
            windows,
            judging.k,
            judging.users.users_at_once,
            night.seed,
            night.compute,
            folder / study,
        )
        share = time.monotonic() + (ends_at - time.monotonic()) / (len(models) - place)
        results.append(_tuned(bench, spaces, present, folder / "studies.sqlite", study, config.trials, share, judging))
        log.info("tune: %s: %s", model, results[-1].verdict)
    return tuple(results)


def _tuned(
    bench: Bench,
    spaces: dict[str, Space],
    present: dict[str, Value],
    file: Path,
    study: str,
    n_trials: int,
    ends_at: float,
    judging: Judging,
) -> Found:
    """Search one model's settings until its time is up, and set the best ones beside the present ones."""

    def goes_on(so_far: int) -> bool:
        reached("trials", so_far, n_trials)
        return so_far < n_trials and time.monotonic() < ends_at

    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        trials = search(file, study, spaces, present, bench.judge, bench.seed, goes_on)
    except UnfitError as error:
        hint = "correct it; the search begins where it stands"
        raise UsageError(f"[train.{bench.model}]", "settings that can be learned with", str(error), hint) from error
    number = best_of(trials)
    before, best = bench.judged(0), bench.judged(number)
    return Found(
        model=bench.model,
        k=bench.k,
        trials=len(trials),
        present=present,
        best=trials[number].values,
        windows=tuple(
            InWindow(window=ground.sentence, present=float(np.mean(ours)), best=float(np.mean(theirs)), n_users=len(ours))
            for ground, ours, theirs in zip(bench.windows, before, best, strict=True)
        ),
        gain=confirmed(best, before, bench.windows, bench.seed, judging.intervals),
        confidence=judging.intervals.confidence,
    )


def _models(train: TrainConfig, config: TuneConfig, newest: Ground, n_recommendable: int) -> tuple[str, ...]:
    """Return the models to tune: those asked for, else all that take part and have something to tune."""
    if not config.models:
        taking_part = tuple(scorer.name for scorer in chosen_models(train, newest.audience.data, n_recommendable))
        return tuple(model for model in taking_part if _present(train, config, model))
    for model in config.models:
        alone = train.model_copy(update={"models": (model,)})
        if not _present(train, config, model) or not chosen_models(alone, newest.audience.data, n_recommendable):
            found = "nothing to search among" if not _present(train, config, model) else "a catalogue in which it takes no part"
            raise UsageError(f"model {model}", "a model to tune", found, "name other models, or a space in [tune.spaces]")
    return config.models


def _present(train: TrainConfig, config: TuneConfig, model: str) -> dict[str, Value]:
    """Return the present values of what may be tuned; a setting that is switched off has none and stays so."""
    section = section_of(train, model)
    return {name: value for name in config.of(model) if (value := value_of(section, name)) is not None}
