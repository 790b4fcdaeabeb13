"""Search one model's settings with Optuna, in a file that survives whatever happens to the process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.tune.spaces import Space, Value

if TYPE_CHECKING:
    import optuna

log = logging.getLogger("nightly")

RANDOM_TRIALS = 8
"""Trials drawn evenly over the space before the search follows what it has found."""

REPEATS = 12
"""Trials in a row that were tried before, after which a space counts as searched through."""

DIGITS = 3
"""Significant digits of a value tried: more would tell of nothing, and nobody wants to read them."""


class UnfitError(Exception):
    """A trial's settings cannot be learned with."""


@dataclass(frozen=True)
class Trial:
    """One set of values and its worth, the larger the better; None where nothing could be learned with it."""

    values: dict[str, Value]
    worth: float | None


Judge = Callable[[int, dict[str, Value]], float]
"""Says what a set of values is worth, given the number of the trial as well; raises UnfitError where nothing can be learned with it."""


def search(
    file: Path,
    name: str,
    spaces: dict[str, Space],
    present: dict[str, Value],
    judge: Judge,
    seed: int,
    goes_on: Callable[[int], bool],
) -> list[Trial]:
    """Try settings as long as `goes_on(trials so far)` says so; returns all trials of the study, the present settings first.

    Trial n depends on the seed and on the trials before it alone: a search that was killed goes on exactly as if it had not been.
    """
    import optuna  # takes seconds to import

    _quieten()
    storage = optuna.storages.RDBStorage(f"sqlite:///{file.resolve()}")
    try:
        kept = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
        # Trials are asked for in memory and kept once they have ended: one write each, and nothing half done to clean up.
        study = optuna.create_study(direction="maximize")
        study.add_trials(sorted(kept.get_trials(), key=lambda trial: trial.number))
        distributions = {key: _distribution(space.holding(present[key]), present[key]) for key, space in spaces.items()}
        trials = [Trial(trial.user_attrs["values"], trial.value) for trial in study.get_trials(deepcopy=False)]
        if not trials:
            worth = judge(0, present)
            attributes = {"values": present}
            study.add_trial(optuna.create_trial(params=present, distributions=distributions, value=worth, user_attrs=attributes))
            kept.add_trial(study.trials[0])
            trials.append(Trial(present, worth))
        while goes_on(len(trials)) and not _searched_through(trials):
            trials.append(_one_more(name, study, distributions, trials, judge, seed))
            kept.add_trial(study.get_trials(deepcopy=False)[-1])
        return trials
    finally:
        storage.engine.dispose()


def best_of(trials: list[Trial]) -> int:
    """Return the number of the best trial; of equals the first."""
    return max(range(len(trials)), key=lambda number: (_worth(trials[number]), -number))


def _worth(trial: Trial) -> float:
    return -np.inf if trial.worth is None else trial.worth


def _one_more(
    name: str,
    study: optuna.Study,
    distributions: dict[str, optuna.distributions.BaseDistribution],
    trials: list[Trial],
    judge: Judge,
    seed: int,
) -> Trial:
    import optuna

    number = len(trials)
    draw = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    study.sampler = optuna.samplers.TPESampler(seed=draw, n_startup_trials=RANDOM_TRIALS)
    asked = study.ask(distributions)
    values = {key: _readable(value, distributions[key]) for key, value in asked.params.items()}
    asked.set_user_attr("values", values)
    before = next((trial for trial in trials if trial.values == values), None)
    try:
        worth = before.worth if before else judge(number, values)
    except UnfitError as error:
        log.info("tune: %s: %s cannot be learned with: %s", name, values, error)
        worth = None
    if worth is None:
        # Pruned, not failed: the search shall keep away from here.
        study.tell(asked, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(asked, worth)
    return Trial(values, worth)


def _searched_through(trials: list[Trial]) -> bool:
    """Tell whether the last trials only repeated earlier ones."""
    earlier, late = trials[:-REPEATS], trials[-REPEATS:]
    return bool(earlier) and all(any(trial.values == known.values for known in earlier) for trial in late)


def _distribution(space: Space, present: Value) -> optuna.distributions.BaseDistribution:
    import optuna

    if space.low is None or space.high is None:
        return optuna.distributions.CategoricalDistribution(space.choices)
    if isinstance(present, int):
        return optuna.distributions.IntDistribution(round(space.low), round(space.high), log=space.log)
    return optuna.distributions.FloatDistribution(space.low, space.high, log=space.log)


def _readable(value: Value, distribution: optuna.distributions.BaseDistribution) -> Value:
    """Round a number to a few digits, without leaving its bounds."""
    if not isinstance(value, float) or not hasattr(distribution, "low"):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), distribution.low), distribution.high)  # type: ignore[attr-defined]


def _quieten() -> None:
    """Leave the talking to our own log."""
    import optuna

    optuna.logging.disable_default_handler()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
