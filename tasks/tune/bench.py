"""One model on the bench: each trial learns and is judged in every window, and leaves what it was worth to each user."""

from __future__ import annotations

import io
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.compute import ComputeConfig, configure_tensorflow
from models.scorer import Scorer
from tasks.storage import write_bytes
from tasks.train import NETWORKS, TrainConfig, chosen_models
from tasks.tune.spaces import Value, section_of, with_values
from tasks.tune.study import UnfitError
from tasks.tune.windows import PATIENCE, Ground, fitted, ndcg, worth

log = logging.getLogger("nightly")


@dataclass
class Bench:
    """Judges the trials of one model; `folder` keeps one file a trial, so that a search which goes on later can still compare."""

    model: str
    train: TrainConfig
    n_recommendable: int
    windows: tuple[Ground, ...]
    k: int
    users_at_once: int
    seed: int
    compute: ComputeConfig
    folder: Path
    _best: float = field(default=-np.inf, init=False)
    _spoken: float = field(default_factory=time.monotonic, init=False)

    def scorer(self, values: dict[str, Value]) -> Scorer | None:
        """Return the model with these values, not yet fitted; None where it has no place in this catalogue."""
        section = with_values(section_of(self.train, self.model), dict(values))
        config = self.train.model_copy(update={"models": (self.model,), self.model: section})
        return next(iter(chosen_models(config, self.windows[0].audience.data, self.n_recommendable)), None)

    def judge(self, number: int, values: dict[str, Value]) -> float:
        """Return what a trial is worth to the users who choose, averaged over the windows; see `tasks.tune.study.Judge`."""
        per_window = []
        for place, ground in enumerate(self.windows):
            if self.model in NETWORKS:
                configure_tensorflow(self.compute, self.seed)
                # It warns of graphs built again and again: each trial is a network of its own.
                logging.getLogger("tensorflow").setLevel(logging.ERROR)
            scorer = self.scorer(values)
            if scorer is None:
                raise UnfitError("it has no place in this catalogue")
            scorer = fitted(scorer, ground, self.seed, self.compute, f"{self.model}, trial {number}, window {place + 1}")
            per_window.append(ndcg(scorer, ground, self.k, self.users_at_once, self.compute))
        # Before the study hears of the trial: whatever it knows of can be compared.
        content = io.BytesIO()
        np.savez_compressed(content, *per_window)
        write_bytes(self._file(number), content.getvalue())
        found = worth(per_window, self.windows)
        self._tell(number, values, found)
        return found

    def judged(self, number: int) -> list[NDArray[np.float64]]:
        """Read back NDCG of each judged user in a trial, one (judged,) a window."""
        with np.load(self._file(number)) as stored:
            return [stored[f"arr_{place}"] for place in range(len(self.windows))]

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:04d}.npz"

    def _tell(self, number: int, values: dict[str, Value], found: float) -> None:
        better = found > self._best
        self._best = max(found, self._best)
        if better or time.monotonic() - self._spoken > PATIENCE:
            shown = ", ".join(f"{name} {value}" for name, value in values.items())
            log.info("tune: %s, trial %d: NDCG@%d %.4f (%s)%s", self.model, number, self.k, found, shown, " *" if better else "")
            self._spoken = time.monotonic()
