"""Claims about `tasks.tune`: what may be searched, how, in which windows, and what is proposed of it."""

from __future__ import annotations

import math
import re
import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from pydantic import BaseModel, Field, ValidationError

from flows.settings import load_settings
from models.bootstrap import BootstrapConfig, Interval
from models.holdout import DAY, Events, HoldoutConfig
from models.scorer import Described
from tasks.judging import JudgingConfig
from tasks.prepare.training_set import SegmentConfig, TrainingSet
from tasks.refusals import UsageError
from tasks.train import TrainConfig
from tasks.tune.proposal import Found, InWindow, proposal_text, read_proposal
from tasks.tune.spaces import SPACES, Space, TuneConfig, Value, section_of, value_of, with_values
from tasks.tune.study import UnfitError, best_of, search
from tasks.tune.windows import confirmed, grounds, worth

# --- spaces -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", SPACES)
def test_every_built_in_space_is_of_a_setting_and_holds_its_default(key: str) -> None:
    """The search begins at the default, inside the bounds, and every bound is a value the setting may have."""
    model, _, name = key.partition(".")
    TuneConfig(spaces={model: {name: SPACES[key]}})
    default = value_of(section_of(TrainConfig(), model), name)
    assert SPACES[key].holding(default) == SPACES[key]
    assert with_values(section_of(TrainConfig(), model), {name: default}) == section_of(TrainConfig(), model)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ease.regg = {low = 1, high = 2}", r"ease\.regg is no setting.*reg"),
        ("eese.reg = {low = 1, high = 2}", r"eese\.reg is no setting.*ease"),
        ("ease.training.epochs = {low = 1, high = 2}", r"ease\.training\.epochs is no setting"),
        ("ease.reg = {low = -1, high = 2}", r"ease\.reg cannot be -1"),
        ("als.iterations = {low = 1.5, high = 2}", r"als\.iterations cannot be 1\.5"),
        ("ease.reg = {low = 3, high = 2}", "low below high"),
        ("ease.reg = {low = 3}", "either low and high, or choices"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused_by_name_when_settings_are_read(tmp_path: Path, text: str, named: str) -> None:
    """A slip in [tune.spaces] is told at once, not after the first hour of a search."""
    (tmp_path / "nightly.toml").write_text(f"[tune.spaces]\n{text}\n")
    with pytest.raises(UsageError, match=named):
        load_settings(tmp_path)


def test_a_setting_of_a_section_within_a_model_is_reached_by_its_dotted_name() -> None:
    """`training.epochs` reads, sets and checks the setting of the inner section, and leaves the others."""

    class Training(BaseModel):
        epochs: int = Field(5, ge=1)
        batch_size: int = 32

    class Network(BaseModel):
        size: int = 8
        training: Training = Training(batch_size=64)

    changed = with_values(Network(), {"training.epochs": 9})
    assert changed == Network(training=Training(epochs=9, batch_size=64))
    assert (value_of(changed, "training.epochs"), value_of(changed, "size")) == (9, 8)
    with pytest.raises(ValidationError):
        with_values(Network(), {"training.epochs": 0})


def test_a_proposal_for_a_section_within_reads_back_under_its_dotted_name(tmp_path: Path) -> None:
    """What is written for people is what --apply understands."""
    present, best = {"size": 8, "training.epochs": 5}, {"size": 8, "training.epochs": 9}
    better = found(0.001, {}).model_copy(update={"present": present, "best": best})
    (tmp_path / "proposal.toml").write_text(proposal_text(date(2026, 1, 5), (better,)))
    assert read_proposal(tmp_path / "proposal.toml") == {"train.als.training.epochs": 9}


def test_a_space_of_ones_own_goes_before_the_built_in_one_and_beside_the_others(tmp_path: Path) -> None:
    """[tune.spaces] changes what it names and nothing else; none of it changes what a night is."""
    (tmp_path / "nightly.toml").write_text("[tune.spaces]\nals.alpha = {choices = [1.0, 2.0]}\n")
    found = load_settings(tmp_path)
    assert found.tune.of("als")["alpha"] == Space(choices=(1.0, 2.0))
    assert found.tune.of("als")["reg"] == SPACES["als.reg"]
    (tmp_path / "nightly.toml").write_text("")
    assert load_settings(tmp_path).fingerprint() == found.fingerprint()


def test_a_space_is_widened_to_begin_at_the_present_value() -> None:
    """Whoever has set something unusual sees it compared, not left out."""
    assert Space(low=5, high=10).holding(1.0).low == 1
    assert Space(choices=(32, 64)).holding(48).choices == (48, 32, 64)
    with pytest.raises(ValidationError):
        Space(low=0, high=1, log=True)


# --- the search -------------------------------------------------------------------------------------------------------


def planted(_number: int, values: dict[str, Value]) -> float:
    """Be worth most at reg 100 and size 40."""
    return -((math.log10(float(values["reg"])) - 2) ** 2) - ((int(values["size"]) - 40) / 40) ** 2


TWO = {"reg": Space(low=1, high=10_000, log=True), "size": Space(low=1, high=128)}
NOW: dict[str, Value] = {"reg": 3.0, "size": 100}


def test_the_search_finds_a_planted_optimum(tmp_path: Path) -> None:
    """In forty trials it comes close to both values, from far away; a whole number stays one."""
    trials = search(tmp_path / "s.sqlite", "toy", TWO, NOW, planted, 0, lambda so_far: so_far < 40)
    best = trials[best_of(trials)].values
    assert (trials[0].values, len(trials)) == (NOW, 40)
    assert 50 < float(best["reg"]) < 200
    assert abs(int(best["size"]) - 40) <= 12
    assert all(isinstance(trial.values["size"], int) for trial in trials)


def test_a_search_cut_off_anywhere_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    """Trials that ended are kept, the one under way is tried again, and what follows is the same as without the interruption."""
    whole = search(tmp_path / "whole.sqlite", "toy", TWO, NOW, planted, 4, lambda so_far: so_far < 14)
    tried: list[int] = []

    def cut_off(number: int, values: dict[str, Value]) -> float:
        tried.append(number)
        if tried.count(number) == 1 and number in (0, 3, 11):
            raise KeyboardInterrupt
        return planted(number, values)

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "cut.sqlite", "toy", TWO, NOW, cut_off, 4, lambda so_far: so_far < 14)
    assert search(tmp_path / "cut.sqlite", "toy", TWO, NOW, cut_off, 4, lambda so_far: so_far < 14) == whole
    assert sorted(tried) == sorted([*range(14), 0, 3, 11])


def test_settings_that_cannot_be_learned_with_are_worth_nothing_and_end_nothing(tmp_path: Path) -> None:
    """The search keeps away from where training diverges."""

    def diverging(number: int, values: dict[str, Value]) -> float:
        if float(values["reg"]) > 100:
            raise UnfitError("the loss is not finite")
        return float(values["reg"])

    trials = search(tmp_path / "s.sqlite", "toy", {"reg": TWO["reg"]}, {"reg": 3.0}, diverging, 0, lambda so_far: so_far < 12)
    assert len(trials) == 12
    assert any(trial.worth is None for trial in trials)
    assert all((trial.worth is None) == (float(trial.values["reg"]) > 100) for trial in trials)
    assert float(trials[best_of(trials)].values["reg"]) <= 100


def test_a_space_that_is_searched_through_ends_the_search(tmp_path: Path) -> None:
    """Two choices are judged once each, however many trials are allowed."""
    judged: list[Value] = []

    def judge(_number: int, values: dict[str, Value]) -> float:
        judged.append(values["size"])
        return float(values["size"])

    trials = search(tmp_path / "s.sqlite", "toy", {"size": Space(choices=(1, 2))}, {"size": 1}, judge, 0, lambda so_far: so_far < 1000)
    assert sorted(judged) == [1, 2]
    assert len(trials) < 40
    assert trials[best_of(trials)].values == {"size": 2}


# --- windows ----------------------------------------------------------------------------------------------------------


def shop(n_users: int = 12, n_items: int = 8) -> TrainingSet:
    """Let every user like one item a day, all of them in an order of their own."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(n_users, dtype=np.int32), n_items)
    item = np.tile(np.arange(n_items, dtype=np.int32), n_users)
    at = np.concatenate([rng.permutation(n_items) for _ in range(n_users)]).astype(np.int64) * DAY
    events = Events(user, item, at, np.ones(len(user), np.bool_))
    users = pa.table({"user_index": range(n_users), "user_id": [f"u{number}" for number in range(n_users)]})
    available = {"is_known": [True] * n_items, "is_available": [True] * n_items}
    items = pa.table({"item_index": range(n_items), "item_id": range(n_items), **available})
    ones, nan = np.ones(len(user), np.float32), np.full(len(user), np.nan, np.float32)
    nothing = (Described.by(sp.csr_matrix((n, 0), dtype=np.float32)) for n in (n_items, n_users))
    return TrainingSet(users, items, events, ones, nan, events.positive, ~events.positive, *nothing, SegmentConfig())


def test_each_window_learns_from_less_and_ages_from_its_own_present() -> None:
    """The newest event a window learns from is one day older than what it is judged by, as on the night it stands for."""
    laid_out = grounds(shop(), 3, 2, 0, HoldoutConfig(), JudgingConfig())
    assert [len(ground.audience.data.interactions) for ground in laid_out] == [12 * 7, 12 * 6, 12 * 5]
    for ground in laid_out:
        assert ground.audience.data.interactions.age_days.min() == 1
        assert ground.audience.seen[ground.users].multiply(ground.targets).nnz == 0
        assert 0 < np.count_nonzero(ground.confirms) < len(ground.users)


def test_who_confirms_has_no_say_in_the_choice() -> None:
    """What a trial is worth does not depend on the users who confirm, what is confirmed on no other."""
    laid_out = grounds(shop(), 2, 2, 0, HoldoutConfig(), JudgingConfig())
    zeros = [np.zeros(len(ground.users)) for ground in laid_out]
    chosen = [np.where(ground.confirms, 0.0, 1.0) for ground in laid_out]
    shown = [np.where(ground.confirms, 1.0, 0.0) for ground in laid_out]
    assert (worth(chosen, laid_out), worth(shown, laid_out)) == (1, 0)
    assert confirmed(chosen, zeros, laid_out, 0, BootstrapConfig()).value == 0
    gain = confirmed(shown, zeros, laid_out, 0, BootstrapConfig())
    assert gain.value == pytest.approx(1)
    assert gain.n == np.count_nonzero(laid_out[0].confirms)  # users, not users times windows


# --- the proposal -----------------------------------------------------------------------------------------------------


def found(low: float, best: dict[str, Value]) -> Found:
    """Return what a search found, with a gain from `low` up."""
    present: dict[str, Value] = {"alpha": 20.0, "reg": 0.03}
    windows = (InWindow(window="the last day", present=0.1, best=0.12, n_users=90),)
    gain = Interval(low + 0.01, low, low + 0.02, 50)
    return Found(model="als", k=10, trials=9, present=present, best=best, windows=windows, gain=gain, confidence=0.95)


def test_only_what_is_surely_better_and_differs_is_proposed() -> None:
    """An interval that reaches zero proposes nothing, and says so; a value that stays is not in the fragment."""
    better = proposal_text(date(2026, 1, 5), (found(0.001, {"alpha": 31.0, "reg": 0.03}),))
    assert tomllib.loads(better) == {"train": {"als": {"alpha": 31.0}}}
    assert "alpha 31.0 instead of alpha 20.0" in better
    assert max(map(len, better.splitlines())) <= 140
    unsure = proposal_text(date(2026, 1, 5), (found(-0.001, {"alpha": 31.0, "reg": 0.03}),))
    assert tomllib.loads(unsure) == {}
    assert "nothing is surely better" in unsure
    same = proposal_text(date(2026, 1, 5), (found(0.0, {"alpha": 20.0, "reg": 0.03}),))
    assert tomllib.loads(same) == {}
    assert "nothing tried is better than the present settings (trials: 9)" in same


def test_the_page_on_tuning_shows_every_space() -> None:
    """docs/tuning.md lists each setting that is searched, with its bounds or choices."""
    page = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+\.\w+)` \| (.+) \|$", page, re.MULTILINE))
    assert rows == {
        key: ", ".join(map(str, space.choices)) or f"{space.low:g} to {space.high:g}{', log' if space.log else ''}"
        for key, space in SPACES.items()
    }
