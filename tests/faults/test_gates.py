"""Group C of the fault matrix: models and lists that must not be served, and those that must."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flows.attempt import Options
from flows.nightly import run_night
from flows.settings import load_settings
from models.blend import Blend
from models.block_scores import BlockScores, Panel
from models.bootstrap import Comparison, Interval
from models.chosen import allowed_items
from models.churn import judge_overlap
from models.collaborative.ease import Ease
from models.divergence import DivergedError
from models.evidence import Evidence, GateConfig
from models.holdout import DAY, HoldoutConfig, split
from models.knowledge.popularity import Popularity
from models.leakage import leaked
from models.slices import Pairs, compare_slices
from models.top_k import top_k
from models.verdict import Verdict, decide
from tasks import train as training
from tasks.judging import JudgingConfig, judged_audience, judged_sample
from tasks.refusals import NightHeldError
from tasks.shop import Shop, ShopConfig, write_delivery
from tasks.train import TrainConfig, fit_models
from tasks.workspace import Workspace
from tests.models.test_holdout import any_events, table
from tests.models.test_verdict import GOOD, failed
from tests.oracles import Event
from tests.worlds import two_tastes

CONFIG = GateConfig()
SHOP = ShopConfig(n_users=500, n_items=200, n_tastes=4, start=date(2026, 1, 5), days=24, history_days=20, interactions_per_day=800)
"""A shop whose second day tells good models from bad ones."""

TWO_MODELS = """
[train]
models = ["ease", "popularity"]

[blend]
compare = []
resamples = 0
"""
FIRST, SECOND = SHOP.delivery_dates[:2]


@pytest.fixture(scope="module")
def published_with_two_models(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Publish one night of two models, and leave the next day's delivery in the inbox; nobody may change it."""
    workspace = Workspace(tmp_path_factory.mktemp("gates") / "shop")
    workspace.create(TWO_MODELS)
    shop = Shop(SHOP)
    write_delivery(shop, FIRST, workspace.root / "inbox")
    assert run_night(workspace.root, FIRST, load_settings(workspace.root), Options()).ending == "published"
    write_delivery(shop, SECOND, workspace.root / "inbox")
    return workspace


@pytest.fixture
def second_night(published_with_two_models, tmp_path, run):
    """Return a run of the second night in a copy of its own: its workspace and its ending."""

    def carry_out() -> tuple[Workspace, object]:
        copy = Workspace(tmp_path / "copy")
        shutil.copytree(published_with_two_models.root, copy.root)
        return copy, run(copy, SECOND)

    return carry_out


@pytest.fixture
def shuffled_labels(monkeypatch):
    """Draw anew who liked what before EASE learns from it; returns how many pairs were shuffled each time."""
    shuffled, fit = [], Ease.fit

    def shuffling(self, data, *arguments):
        happened = data.interactions
        order = np.random.default_rng(5).permutation(len(happened))
        pairs = np.unique(np.stack([happened.user, happened.item[order]], axis=1), axis=0)
        kept = happened.where(np.arange(len(happened)) < len(pairs))
        shuffled.append(len(pairs))
        return fit(self, replace(data, interactions=replace(kept, user=pairs[:, 0], item=pairs[:, 1])), *arguments)

    monkeypatch.setattr(Ease, "fit", shuffling)
    return shuffled


@pytest.mark.slow
@pytest.mark.fault("C1")
def test_models_trained_on_shuffled_labels_are_refused_and_the_reason_is_recorded(second_night, shuffled_labels):
    """The gate says HOLD, by the served models, and `runs` keeps every number of a night that published nothing."""
    workspace, ending = second_night()
    assert shuffled_labels, "the labels were never shuffled"
    assert (ending.ending, ending.exit_code) == ("kept_last_good", 4)
    assert "worse than the served models" in ending.reason
    assert json.loads(workspace.pointer.read_text())["run_date"] == str(FIRST)
    last = workspace.attempts()[-1]
    rules = {rule["name"]: rule for rule in json.loads(last["checks"])}
    assert last["verdict"] == "HOLD"
    assert not rules["champion"]["passed"]
    assert rules["champion"]["value"] < rules["champion"]["limit"] < 0
    assert rules["champion"]["sentence"] in last["reason"]


@pytest.mark.slow
@pytest.mark.fault("C13")
def test_what_is_popular_is_served_when_refusals_have_gone_on_too_long(second_night, shuffled_labels, monkeypatch):
    """With a limit of one day the refused night is published with popularity alone, and everything that is read says so."""
    monkeypatch.setenv("NIGHTLY__GATE__POPULARITY_AFTER_DAYS", "1")
    workspace, ending = second_night()
    assert shuffled_labels, "the labels were never shuffled"
    assert ending.ending == "published", ending.reason
    assert "1 days old, too old from 1 on, so popularity is served alone; worse than the served models" in ending.reason
    weights = pq.read_table(workspace.table("weights", SECOND)).to_pylist()
    assert {row["model"] for row in weights if row["weight"] > 0.999} == {"popularity"}
    quality = workspace.current()["quality"]
    assert quality["speaker"] == "popularity"
    ladder = {row["ranking"]: row["value"] for row in pq.read_table(workspace.table("metrics", SECOND)).to_pylist() if is_ndcg(row)}
    assert quality["ndcg"] == ladder["popularity"] != ladder["blend"]


def is_ndcg(row: dict[str, object]) -> bool:
    """Tell the rows of the metrics table that hold everybody's NDCG@10."""
    return (row["segment"], row["metric"], row["k"]) == ("__all__", "ndcg", 10)


@pytest.mark.fault("C4")
@settings(max_examples=60)
@given(any_events, st.integers(1, 5), st.data())
def test_no_split_leaks_and_a_single_leaked_event_is_found(rows, min_users, data):
    """Wherever the events lie the split passes; showing models one event of the evaluation is found, whichever it is."""
    _, events = table(rows)
    found = split(events, 0, HoldoutConfig(min_users=min_users, max_share=0.6, min_history=1))
    by_days = found.kind == "days"
    assert leaked(events, found.fit, found.holdout, by_days=by_days) is None
    assume(found.holdout.any())
    if by_days:
        first_day = events.occurred_at[found.holdout].min() // DAY * DAY
        forbidden = ~found.fit & (events.occurred_at >= first_day)
    else:
        forbidden = found.holdout
    shown = found.fit.copy()
    shown[data.draw(st.sampled_from(np.flatnonzero(forbidden).tolist()))] = True
    assert leaked(events, shown, found.holdout, by_days=by_days) is not None


@pytest.mark.fault("C4")
def test_judging_does_not_begin_on_models_that_were_told_the_answers():
    """The night ends before anything is judged, and says how much the models were told."""
    _, events = table([Event(0, item, item * DAY, True) for item in range(3)])
    known = SimpleNamespace(events=events, fit=np.array([True, True, False]), holdout=np.array([False, True, False]))
    with pytest.raises(NightHeldError, match="1 pairs of user and item that are held out"):
        judged_audience(known, by_days=False)


@pytest.mark.fault("C10")
def test_a_night_with_nobody_to_judge_by_is_held_with_the_way_on():
    """Users who each did one thing leave nobody to judge by: that is a refusal with a next step, no traceback."""
    known = SimpleNamespace(targets=lambda: sp.csr_matrix((5, 4), dtype=np.float32), n_users=5)
    with pytest.raises(NightHeldError, match=r"users to judge by; found none.*longer history"):
        judged_sample(known, JudgingConfig())


def sparse_ndcg(rng: np.random.Generator, n_users: int, chance: float) -> NDArray[np.float64]:
    """Draw NDCG as it is: nothing for most users, and for the others what the place of their one hit is worth."""
    return np.where(rng.random(n_users) < chance, 1 / np.log2(rng.integers(1, 11, n_users) + 1), 0.0)


def normal_interval(values: NDArray[np.float64]) -> Interval:
    """Return the interval the gate draws by resampling, by its formula: a simulation has thousands of nights."""
    reach = 3.09 * values.std(ddof=1) / len(values) ** 0.5
    return Interval(float(values.mean()), float(values.mean() - reach), float(values.mean() + reach), len(values))


ROT = {"reference", "best_night", "trailing_band"}
FALSE_ALARMS = 1
"""Nights in a hundred that the rule on the served models may refuse by chance: it does so once in a thousand."""


def simulated_nights(seed: int, loss: float, n_nights: int, n_users: int = 2500, n_new: int = 500) -> Iterator[Verdict]:
    """Judge night after night of models that each lose a share of NDCG to the night before, and are published whatever the verdict.

    Days differ by 3 %, two models agree on six users in ten, and every number is measured on new users.
    """
    rng, trailing = np.random.default_rng(seed), []
    for night in range(n_nights):
        chance = 0.2 * np.exp(rng.normal(0, 0.03))

        def model(other, kept, chance=chance):
            agreed = np.where(rng.random(len(other)) < 0.6, other, sparse_ndcg(rng, len(other), chance))
            return np.where(rng.random(len(agreed)) < kept, agreed, 0.0)

        pinned, served = sparse_ndcg(rng, n_users, chance), sparse_ndcg(rng, n_new, chance)
        ours, newer = model(pinned, (1 - loss) ** night), model(served, 1 - loss)
        yield decide(
            replace(
                GOOD,
                k=10,
                ndcg=normal_interval(ours),
                popularity=Comparison(0.03, normal_interval(ours)),
                champion=Comparison(float(served.mean()), normal_interval(newer - served)),
                reference=Comparison(float(pinned[:2000].mean()), normal_interval((ours - pinned)[:2000])),
                trailing_ndcg=tuple(trailing[-28:]),
            ),
            CONFIG,
        )
        trailing.append(float(ours.mean()))


@pytest.mark.fault("C12")
@pytest.mark.parametrize("seed", range(5))
def test_a_slow_rot_is_stopped_although_every_night_is_within_its_margin(seed):
    """Models that lose 0.4 % a night are refused within forty nights, though against the served ones, a night older, they look equal."""
    verdicts = list(simulated_nights(seed, 0.004, 40))
    rotten = [verdict for verdict in verdicts if ROT & set(failed(verdict))]
    assert rotten
    assert "worse than the pinned models" in rotten[0].reason
    assert sum("champion" in failed(verdict) for verdict in verdicts) <= FALSE_ALARMS


@pytest.mark.fault("C12")
@pytest.mark.parametrize("seed", range(100, 103))
def test_noise_alone_is_no_rot(seed):
    """In a hundred nights of equally good models, on days that differ, no rule against rot is ever broken."""
    verdicts = list(simulated_nights(seed, 0.0, 100))
    assert [verdict.reason for verdict in verdicts if ROT & set(failed(verdict))] == []
    assert sum(not verdict.publish for verdict in verdicts) <= FALSE_ALARMS
    judged = {check.name for check in verdicts[-1].checks if check.value is not None}
    assert {"reference", "best_night", "trailing_band", "champion"} <= judged


@pytest.mark.fault("C12")
def test_a_fall_over_weeks_is_seen_without_pinned_models():
    """Where nothing is pinned, a night far below the best of the last 28 is refused, though the band has sunk with the others."""
    sinking = tuple(0.1 * (0.994**night + 0.0005 * (-1) ** night) for night in range(28))
    tonight = Interval(0.084, 0.082, 0.086, 9000)
    held = decide(replace(GOOD, trailing_ndcg=sinking, ndcg=tonight, champion=None), CONFIG)
    assert failed(held) == ["best_night"]
    assert decide(replace(GOOD, trailing_ndcg=sinking, ndcg=tonight, champion=None), CONFIG.model_copy(update={"max_rot": 1})).publish


@pytest.mark.fault("C12")
@pytest.mark.parametrize(("level", "rules"), [(0.29, set()), (0.26, {"best_night"}), (0.21, {"best_night", "trailing_band"})])
def test_one_step_up_blinds_no_rule_to_what_comes_after(level, rules):
    """Fourteen nights after a better model came, a night that falls back is refused: the step is no noise, and two levels are no band."""
    noise = np.random.default_rng(0).normal(0, 0.003, 28)
    trail = tuple(np.repeat([0.2, 0.3], 14) + noise)
    verdict = decide(replace(GOOD, trailing_ndcg=trail, ndcg=Interval(level, level - 0.006, level + 0.006, 9000)), CONFIG)
    assert set(failed(verdict)) == rules


@pytest.mark.fault("C12")
@pytest.mark.parametrize("odd", [0.1, 0.4])
def test_one_odd_night_neither_blinds_the_best_of_late_nor_becomes_it(odd):
    """A night far off among steady ones lets no bad night pass after it, and holds no good one."""
    trail = (*(0.3 + np.random.default_rng(0).normal(0, 0.003, 27)), odd)
    for shift in range(0, 28, 9):
        seen = (*trail[shift:], *trail[:shift])
        nights = [replace(GOOD, trailing_ndcg=seen, ndcg=Interval(level, level - 0.006, level + 0.006, 9000)) for level in (0.3, 0.26)]
        assert [("best_night" in failed(decide(night, CONFIG))) for night in nights] == [False, True]


@pytest.mark.fault("C12")
def test_the_rhythm_of_a_week_is_no_rot():
    """Weekends 15 % above the other days never make these look rotten, however well each night is known."""
    noise = np.exp(np.random.default_rng(0).normal(0, 0.01, 84))
    nights = np.where(np.arange(84) % 7 >= 5, 0.345, 0.3) * noise
    for night in range(28, 84):
        tonight = Interval(nights[night], nights[night] - 0.006, nights[night] + 0.006, 9000)
        verdict = decide(replace(GOOD, trailing_ndcg=tuple(nights[night - 28 : night]), ndcg=tonight), CONFIG)
        assert verdict.publish, verdict.reason


def slices_of(ours: NDArray[np.float64], theirs: NDArray[np.float64], segment: NDArray[np.intp], names: tuple[str, ...]) -> Evidence:
    """Judge two rankings segment by segment, against popularity and the served models alike."""
    pairs = [
        Pairs(name, rival, ours[segment == index], theirs[segment == index])
        for rival in ("popularity", "the served models")
        for index, name in enumerate(names)
    ]
    return replace(GOOD, slices=compare_slices(pairs, CONFIG.min_slice_users, CONFIG.intervals.confidence))


@pytest.mark.fault("C3")
def test_a_good_average_with_one_broken_segment_is_refused():
    """Newcomers are shown nothing they like, everybody else a little more than before: the mean rises, and the night is held."""
    rng = np.random.default_rng(1)
    names, segment = ("0 likes", "1-4 likes", "20+ likes"), np.repeat([0, 1, 2], [300, 300, 2400])
    theirs = sparse_ndcg(rng, 3000, 0.2)
    ours = np.where(rng.random(3000) < 0.05, 1.0, theirs)
    assert decide(slices_of(ours, theirs, segment, names), CONFIG).publish
    broken = np.where(segment == 0, 0.0, ours)
    assert broken.mean() > theirs.mean()
    held = decide(slices_of(broken, theirs, segment, names), CONFIG)
    assert failed(held) == ["slice: 0 likes, popularity", "slice: 0 likes, the served models"]
    assert held.reason.startswith("users with 0 likes: worse than popularity: NDCG@20 -")


@pytest.mark.fault("C3")
def test_a_broken_segment_of_few_users_is_not_judged_and_said_so():
    names, segment = ("0 likes", "20+ likes"), np.repeat([0, 1], [99, 2400])
    theirs = sparse_ndcg(np.random.default_rng(2), 2499, 0.2)
    verdict = decide(slices_of(np.where(segment == 0, 0.0, theirs), theirs, segment, names), CONFIG)
    assert verdict.publish
    assert any("0 likes against popularity (99)" in check.sentence for check in verdict.checks if check.name == "small_slices")


@pytest.mark.fault("C3")
def test_many_segments_raise_no_more_false_alarms_than_one():
    """Of 1000 nights of equally good models, judged in eight slices each, about as few are refused as one rule may: one in a thousand."""
    rng, refused = np.random.default_rng(3), 0
    segment = np.repeat(np.arange(4), [100, 150, 250, 500])
    for _ in range(1000):
        theirs = sparse_ndcg(rng, 1000, 0.2)
        ours = np.where(rng.random(1000) < 0.6, theirs, sparse_ndcg(rng, 1000, 0.2))
        refused += not decide(slices_of(ours, theirs, segment, ("0", "1-4", "5-19", "20+")), CONFIG).publish
    assert refused <= 4


@pytest.mark.fault("C6")
def test_a_sudden_change_of_the_lists_is_warned_of_and_a_larger_one_refused():
    """With 70 % usual, 50 % is warned of, 30 % refused, and so is less than a tenth where nothing is usual yet."""
    usual = (0.71, 0.7, 0.69, 0.7)
    assert [
        (judge_overlap(overlap, usual, CONFIG).check.passed, judge_overlap(overlap, usual, CONFIG).warn) for overlap in (0.6, 0.5, 0.3)
    ] == [
        (True, False),
        (True, True),
        (False, True),
    ]
    assert [judge_overlap(overlap, (), CONFIG).check.passed for overlap in (0.11, 0.09)] == [True, False]
    lenient = CONFIG.model_copy(update={"min_overlap": 0.0})
    assert judge_overlap(0.0, usual, lenient).check.passed


@pytest.mark.slow
@pytest.mark.fault("C6")
def test_lists_that_share_nothing_with_yesterdays_are_not_served(second_night, monkeypatch):
    """A fault between the judged models and the staged lists, here scores turned upside down, meets the overlap of the lists themselves."""
    turned = []
    said = Panel._said

    def upside_down(self, *arguments):
        turned.append(1)
        found = said(self, *arguments)
        vectors, scores = (None if part is None else -part for part in (found.vectors, found.scores))
        return found._replace(vectors=vectors, scores=scores, mean=-found.mean)

    def at_score(night, *inputs):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Panel, "_said", upside_down)
            return score(night, *inputs)

    from flows import nightly

    score = nightly.score
    at_score.__name__, at_score.__annotations__ = "score", {"return": "Scored"}
    at_score.__globals__["Scored"] = score.__globals__["Scored"]
    monkeypatch.setattr(nightly, "score", at_score)
    workspace, ending = second_night()
    assert turned, "the scores were never turned"
    assert (ending.ending, ending.exit_code) == ("kept_last_good", 4)
    assert "of what was served and may still be shown" in ending.reason
    assert "MIN_OVERLAP" in ending.next_step
    assert json.loads(workspace.pointer.read_text())["run_date"] == str(FIRST)


@pytest.mark.slow
@pytest.mark.fault("C6", "C12")
def test_an_ordinary_second_night_is_compared_with_what_was_served_and_with_what_is_pinned(second_night):
    """Most of what was served is shown again, the models of the first night are the reference, and the manifest keeps the overlap."""
    workspace, ending = second_night()
    assert ending.ending == "published", ending.reason
    manifest = workspace.current()
    assert 0.3 < manifest["quality"]["overlap"] <= 1
    assert json.loads(workspace.reference.read_text())["run_date"] == str(FIRST)
    rules = {rule["name"]: rule for rule in json.loads(workspace.attempts()[-1]["checks"])}
    assert rules["reference"]["passed"]
    assert rules["reference"]["value"] is not None
    assert rules["slice: 0 likes, popularity"]["passed"]


class Untrainable(Ease):
    """A model whose training fails."""

    def fit(self, *_arguments: object) -> Untrainable:
        """Fail."""
        raise DivergedError("ease: the loss became nan at step 3")


class Insatiable(Popularity):
    """A model that wants more memory than there is."""

    def fit(self, *_arguments: object) -> Insatiable:
        """Fail."""
        raise MemoryError


def fitted_with(night, folder, monkeypatch, policy: str, **unfit: type) -> training.Trained:
    monkeypatch.setattr(training, "SCORERS", training.SCORERS | unfit)
    config = TrainConfig(models=("ease", "popularity"), on_model_failure=policy)
    return fit_models(night, two_tastes().data, SimpleNamespace(n_recommendable=24), config, folder)


@pytest.mark.fault("C8", "B12")
def test_a_model_that_cannot_be_trained_holds_the_night_unless_it_may_be_done_without(night, monkeypatch):
    """On `hold` the night ends with the model, the reason and the way on; on `degrade` the others are trained, and it is named."""
    at = night()
    folder = at.staging / "models"
    with pytest.raises(NightHeldError, match=r"model ease.*nan at step 3.*on_model_failure = \"degrade\""):
        fitted_with(at, folder, monkeypatch, "hold", ease=Untrainable)
    trained = fitted_with(at, folder, monkeypatch, "degrade", ease=Untrainable)
    assert [model.name for model in trained.models] == ["popularity"]
    assert trained.missing == {"ease": "ease: the loss became nan at step 3"}


@pytest.mark.fault("C8")
def test_no_night_goes_on_without_popularity(night, monkeypatch):
    """It is the baseline and all there is for who is unknown; want of memory is told from a mistake in the program, which is raised."""
    at = night()
    with pytest.raises(NightHeldError, match=r"model popularity.*not enough memory"):
        fitted_with(at, at.staging / "models", monkeypatch, "degrade", popularity=Insatiable)
    monkeypatch.setattr(Untrainable, "fit", lambda *_: {}["a mistake"])
    with pytest.raises(KeyError):
        fitted_with(at, at.staging / "models", monkeypatch, "degrade", ease=Untrainable)


@pytest.mark.slow
@pytest.mark.fault("C8")
def test_a_degraded_night_is_published_and_says_what_it_is_without(second_night, published_with_two_models, tmp_path, monkeypatch):
    """The reason that the reader, `runs` and the log are given begins with the model that is missing."""
    monkeypatch.setenv("NIGHTLY__TRAIN__ON_MODEL_FAILURE", "degrade")
    monkeypatch.setenv("NIGHTLY__TRAIN__MODELS", '["ease", "spectral", "als", "popularity"]')
    monkeypatch.setattr(training, "SCORERS", training.SCORERS | {"ease": Untrainable})
    workspace, ending = second_night()
    said = "degraded, without ease (ease: the loss became nan at step 3)"
    assert ending.ending == "published", ending.reason
    assert ending.reason.startswith(said)
    assert workspace.attempts()[-1]["reason"].startswith(said)
    card = json.loads((workspace.models / ending.model_version / "card.json").read_text())
    assert [model["name"] for model in card["models"]] == ["als", "popularity"]


def blocks(draw: st.DrawFn, n_models: int = 2) -> BlockScores:
    """Draw what some models say to some users, each model silent to some users and of some items."""
    n_users, n_items = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    user_speaks, item_speaks = rng.random((n_models, n_users)) < 0.8, rng.random((n_models, n_items)) < 0.8
    z = np.round(rng.normal(size=(n_models, n_users, n_items)), 1).astype(np.float32) * (user_speaks[:, :, None] & item_speaks[:, None, :])
    return BlockScores(z, np.ones(z.shape[:2], np.float32), user_speaks, item_speaks)


any_block = st.composite(blocks)()
weights = st.integers(0, 20).map(lambda share: share / 20)


def blended(block: BlockScores, weight: float) -> NDArray[np.float32]:
    blend = Blend(("ease", "popularity"), ("collaborative", "knowledge"), ("all",), np.array([[weight, 1 - weight]]))
    return blend.scores(block, np.zeros(block.z.shape[1], np.int16))


@pytest.mark.fault("C7")
@given(any_block, weights, st.integers(1, 6))
def test_lists_have_no_gaps_and_never_rise(block, weight, k):
    """Whatever models say, items stand first, without repeats, by falling scores, and as many as there are to show up to k."""
    scores = blended(block, weight)
    items, best = top_k(scores, k)
    for row, values, shown in zip(items, best, scores, strict=True):
        length = int((row >= 0).sum())
        assert (row[:length] >= 0).all()
        assert len(set(row[:length].tolist())) == length == min(k, int(np.isfinite(shown).sum()))
        assert (np.diff(values[:length]) <= 0).all()


@pytest.mark.fault("C7")
@given(any_block, weights, st.randoms(use_true_random=False))
def test_the_order_of_users_and_items_decides_nothing(block, weight, random):
    """Users and items in another order get the same scores, each its own."""
    users, items = list(range(block.z.shape[1])), list(range(block.z.shape[2]))
    random.shuffle(users)
    random.shuffle(items)
    turned = BlockScores(
        block.z[:, users][:, :, items], block.deviation[:, users], block.user_speaks[:, users], block.item_speaks[:, items]
    )
    np.testing.assert_allclose(blended(turned, weight), blended(block, weight)[np.ix_(users, items)], rtol=1e-5, atol=1e-6)


@pytest.mark.fault("C7")
@given(any_block)
def test_a_model_without_weight_leaves_the_other_alone(block):
    """With no weight on the second model, lists are the first one's, to the item."""
    alone = np.where(block.user_speaks[0][:, None] & block.item_speaks[0], block.z[0], np.float32(-np.inf))
    np.testing.assert_array_equal(top_k(blended(block, 1.0), 5)[0], top_k(alone, 5)[0])


@pytest.mark.fault("C7")
@given(any_block, st.data())
def test_what_was_seen_or_may_not_be_shown_is_out_and_stays_out(block, data):
    """Filtering twice is filtering once, and no list holds what was filtered."""
    n_users, n_items = block.z.shape[1:]
    seen = sp.csr_matrix(
        np.array(data.draw(st.lists(st.booleans(), min_size=n_users * n_items, max_size=n_users * n_items))).reshape(n_users, n_items)
    )
    recommendable = np.array(data.draw(st.lists(st.booleans(), min_size=n_items, max_size=n_items)))
    allowed = allowed_items(seen, recommendable)
    np.testing.assert_array_equal(allowed, ~seen.toarray() & recommendable)
    once = np.where(allowed, blended(block, 0.5), np.float32(-np.inf))
    np.testing.assert_array_equal(np.where(allowed, once, np.float32(-np.inf)), once)
    items, _ = top_k(once, 5)
    assert all(allowed[user, item] for user, row in enumerate(items) for item in row if item >= 0)


DEFAULT_NETWORKS = """
import hashlib, sys, tempfile
from pathlib import Path
from models.artifact import folder_hash
from models.compute import ComputeConfig, configure_tensorflow, limited_threads
from models.content.towers import Towers, TowersConfig
from models.sequential.attention import Attention, AttentionConfig
from tests.oracles import Event
from tests.worlds import two_tastes
compute = ComputeConfig(threads=1)
configure_tensorflow(compute, 7)
for scorer in (Attention(AttentionConfig()), Towers(TowersConfig())):
    with limited_threads(compute), tempfile.TemporaryDirectory() as folder:
        scorer.fit(two_tastes().data, 7)
        scorer.save(Path(folder))
        print(scorer.name, folder_hash(Path(folder)))
"""


@pytest.mark.slow
@pytest.mark.fault("C11")
def test_the_default_networks_train_to_the_same_bytes_in_two_processes():
    """The same data, seed and threads give the same artifact, though the processes hash differently."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", DEFAULT_NETWORKS],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": str(hash_seed), "PATH": ""},
        ).stdout
        for hash_seed in (1, 2)
    ]
    assert runs[0] == runs[1]
    assert [line.split()[0] for line in runs[0].splitlines()] == ["attention", "towers"]
