"""Claims about `models.verdict`, on lists that are really judged and on evidence written by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from models.bootstrap import BootstrapConfig, Comparison, Interval, compare, mean_interval
from models.metrics import ListMetrics, list_metrics, ranking_metrics
from models.verdict import Evidence, GateConfig, Verdict, decide

K = 10
N_ITEMS = 120
CONFIG = GateConfig()


class TasteWorld:
    """Users with tastes, and models that see these tastes through noise: the same noise level, equally good models."""

    def __init__(self, n_users: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.taste = self.rng.normal(size=(n_users, 6)) @ self.rng.normal(size=(6, N_ITEMS)) + 1.5 * self.rng.normal(size=N_ITEMS)
        liked = np.argsort(-(self.taste + self.rng.gumbel(size=self.taste.shape)), axis=1)[:, :3]
        dense = np.zeros((n_users, N_ITEMS), np.float32)
        np.put_along_axis(dense, liked, 1, axis=1)
        self.targets = sp.csr_matrix(dense)

    def model(self, noise: float = 1.0) -> NDArray[np.int32]:
        """Return the lists of one freshly trained model."""
        scores = self.taste + noise * self.rng.normal(size=self.taste.shape)
        return np.argsort(-scores, axis=1)[:, :K].astype(np.int32)

    def popularity(self) -> NDArray[np.int32]:
        """Return the most liked items for everybody."""
        return np.tile(np.argsort(-self.popular)[:K].astype(np.int32), (len(self.taste), 1))

    @property
    def popular(self) -> NDArray[np.int64]:
        """Count who likes each item."""
        return np.asarray(self.targets.sum(axis=0)).ravel().astype(np.int64)

    def ndcg(self, lists: NDArray[np.int32]) -> NDArray[np.float64]:
        """Judge lists user by user."""
        return ranking_metrics(lists, self.targets, K)["ndcg"]

    def evidence(self, lists: NDArray[np.int32], champion: NDArray[np.int32] | None, trailing: tuple[float, ...] = ()) -> Evidence:
        """Measure a night that proposes these lists while the champion's are served."""
        ours, drawn = self.ndcg(lists), CONFIG.intervals
        return Evidence(
            k=K,
            ndcg=mean_interval(ours, 1, BootstrapConfig()),
            popularity=compare(ours, self.ndcg(self.popularity()), 1, drawn),
            champion=None if champion is None else compare(ours, self.ndcg(champion), 1, drawn),
            trailing_ndcg=trailing,
            lists=list_metrics(lists, K, self.popular, np.ones(N_ITEMS, np.bool_)),
        )


GOOD = Evidence(
    k=20,
    ndcg=Interval(0.0712, 0.0650, 0.0774, 943),
    popularity=Comparison(0.0290, Interval(0.0422, 0.0370, 0.0474, 943)),
    champion=Comparison(0.0700, Interval(0.0003, -0.0010, 0.0016, 512)),
    trailing_ndcg=(0.0705, 0.0712, 0.0709, 0.0716),
    lists=ListMetrics(
        coverage=0.3,
        reachable_coverage=1.0,
        novelty=9.0,
        gini=0.6,
        distinct_lists=0.99,
        commonest_list=0.001,
        effective_items=90.0,
        reachable_items=400,
    ),
)


def failed(verdict: Verdict) -> list[str]:
    """Name the checks that did not pass."""
    return [check.name for check in verdict.checks if not check.passed]


@pytest.mark.fault("C1")
@pytest.mark.parametrize("seed", range(20))
def test_an_equally_good_model_is_published(seed: int) -> None:
    """Retraining with other noise alone never holds a night: twenty worlds, twenty publications."""
    world = TasteWorld(300, seed)
    champion = world.model()
    verdict = decide(world.evidence(world.model(), champion), CONFIG)
    assert verdict.publish, verdict.reason


@pytest.mark.fault("C1")
@pytest.mark.parametrize("seed", range(3))
def test_shuffled_lists_are_refused(seed: int) -> None:
    """Giving every user somebody else's list is worse than the served models and worse than popularity, and both are said."""
    world = TasteWorld(300, seed)
    champion = world.model()
    verdict = decide(world.evidence(world.rng.permutation(champion), champion), CONFIG)
    assert failed(verdict) == ["popularity", "champion"]
    assert "worse than popularity" in verdict.reason
    assert "worse than the served models" in verdict.reason


def test_a_model_that_has_got_noisier_is_refused() -> None:
    """A model that still beats popularity by far is refused when the served one is clearly better."""
    world = TasteWorld(400, 7)
    verdict = decide(world.evidence(world.model(noise=3.0), world.model()), CONFIG)
    assert failed(verdict) == ["champion"]


@pytest.mark.fault("C5")
def test_one_list_for_everybody_is_refused_even_when_it_scores() -> None:
    """Popularity itself is not worse than popularity, but a night that gives everybody one list has collapsed."""
    world = TasteWorld(300, 1)
    verdict = decide(world.evidence(world.popularity(), None), CONFIG)
    assert failed(verdict) == ["distinct_lists", "commonest_list", "effective_items"]
    assert "100.0% of the users are given the very same list" in verdict.reason


def test_a_good_night_says_what_it_rests_on() -> None:
    """The reason of a publication names the comparison with the served models and tonight's NDCG, with ends and users."""
    assert decide(GOOD, CONFIG).reason == (
        "no worse than the served models: NDCG@20 +0.0003 (-0.0010 to +0.0016, 512 users) against 0.0700; "
        "NDCG@20 0.0712 (0.0650 to 0.0774, 943 users)"
    )


@pytest.mark.fault("C9")
def test_the_first_night_rests_on_floors_only() -> None:
    """With nothing served and nothing behind it, the first model is judged by floors, and says so."""
    verdict = decide(replace(GOOD, champion=None, trailing_ndcg=()), CONFIG)
    assert verdict.publish
    assert verdict.reason.startswith("first model: floors only; ")


@pytest.mark.parametrize(
    "champion", [None, Comparison(None, Interval(None, None, None, 0)), Comparison(0.09, Interval(-0.05, -0.06, -0.04, 199))]
)
def test_too_few_new_users_leave_the_champion_out(champion: Comparison | None) -> None:
    """However bad 199 users look, the served models are not compared on them; the trailing band still is."""
    verdict = decide(replace(GOOD, champion=champion), CONFIG)
    assert verdict.publish
    assert verdict.reason.startswith(f"too little new evidence: {champion.difference.n if champion else 0} of 200 users")
    fallen = decide(replace(GOOD, champion=champion, ndcg=Interval(0.05, 0.04, 0.06, 943)), CONFIG)
    assert failed(fallen) == ["trailing_band"]


def test_a_certain_but_trifling_loss_is_published() -> None:
    """An interval wholly below zero holds a night only when more than one per cent is lost."""
    loss = Interval(-0.0006, -0.0008, -0.0004, 90_000)
    assert decide(replace(GOOD, champion=Comparison(0.07, loss)), CONFIG).publish
    larger = replace(loss, value=-0.0008)
    assert failed(decide(replace(GOOD, champion=Comparison(0.07, larger)), CONFIG)) == ["champion"]


def test_an_uncertain_loss_is_published() -> None:
    """A loss whose interval holds zero is no evidence of a worse model, however large its middle."""
    assert decide(replace(GOOD, champion=Comparison(0.07, Interval(-0.01, -0.03, 0.001, 220))), CONFIG).publish


@pytest.mark.fault("C2")
def test_below_popularity_is_refused_on_every_night() -> None:
    """Popularity is a floor for the first model and for every later one."""
    below = replace(GOOD, popularity=Comparison(0.0832, Interval(-0.0120, -0.0150, -0.0090, 943)))
    assert decide(below, CONFIG).reason == "worse than popularity: NDCG@20 -0.0120 (-0.0150 to -0.0090, 943 users) against 0.0832"
    assert failed(decide(replace(below, champion=None, trailing_ndcg=()), CONFIG)) == ["popularity"]


def test_the_trailing_band_needs_three_nights_and_shrugs_off_one_odd_one() -> None:
    """Two nights make no band; among five, one outlier moves neither the median nor the width far enough to hide a fall."""
    fallen = replace(GOOD, ndcg=Interval(0.055, 0.05, 0.06, 943))
    assert decide(replace(fallen, trailing_ndcg=(0.07, 0.07)), CONFIG).publish
    verdict = decide(replace(fallen, trailing_ndcg=(0.0705, 0.0712, 0.0709, 0.0716, 0.3)), CONFIG)
    assert failed(verdict) == ["trailing_band"]
    assert "below the band of the last 5 published nights (median 0.0712" in verdict.reason


def test_nights_that_agree_by_chance_leave_a_band_all_the_same() -> None:
    """With no spread at all a night may still lie ten per cent below the median, and no more for certain."""
    agreed = (0.07, 0.07, 0.07)
    assert decide(replace(GOOD, trailing_ndcg=agreed, ndcg=Interval(0.0621, 0.061, 0.0631, 943)), CONFIG).publish
    assert failed(decide(replace(GOOD, trailing_ndcg=agreed, ndcg=Interval(0.0619, 0.061, 0.0629, 943)), CONFIG)) == ["trailing_band"]


@pytest.mark.fault("C10")
def test_a_tiny_holdout_is_not_judged_at_all() -> None:
    """Nineteen users can prove nothing, so the night is held for that alone; no users at all likewise."""
    for tiny in (Interval(0.5, 0.3, 0.7, 19), Interval(None, None, None, 0)):
        verdict = decide(replace(GOOD, ndcg=tiny), CONFIG)
        assert failed(verdict) == ["holdout_users"]
        assert verdict.reason == f"the holdout has {tiny.n} users to judge by, the least is 20"


def test_few_users_need_not_show_a_large_catalogue() -> None:
    """The coverage floor is a share of what the lists could show: forty users cannot show a million items."""
    assert decide(replace(GOOD, lists=replace(GOOD.lists, coverage=0.0004, reachable_coverage=0.0008)), CONFIG).publish
    assert failed(decide(replace(GOOD, lists=replace(GOOD.lists, coverage=0.004)), CONFIG)) == ["coverage"]


@pytest.mark.fault("C10")
def test_a_holdout_of_one_segment_is_said_to_be() -> None:
    """A night judged on one kind of users alone is published, and says that it knows nothing of the others; a mixed one says nothing."""
    one_sided = decide(replace(GOOD, judged={"1-4 likes": 3, "5-19 likes": 0, "20+ likes": 940}), CONFIG)
    assert one_sided.publish
    assert one_sided.reason.endswith("; judged on the segment 20+ likes alone; the others are not judged")
    assert "segment" not in decide(replace(GOOD, judged={"1-4 likes": 400, "20+ likes": 543}), CONFIG).reason


@pytest.mark.fault("C5")
def test_lists_in_no_order_are_refused() -> None:
    """Where more than one user in twenty has a list with a single score, its order means nothing, and the night is held."""
    assert decide(replace(GOOD, constant_lists=0.05), CONFIG).publish
    held = decide(replace(GOOD, constant_lists=0.06), CONFIG)
    assert failed(held) == ["constant_lists"]
    assert held.reason == "6.0% of the users have a list with one score throughout, the most is 5.0%"


@pytest.mark.fault("C5")
def test_lists_that_differ_in_their_order_alone_are_refused() -> None:
    """Thirty thousand orders of the same twenty items are different lists, and the entropy of what is shown still gives them away."""
    few = replace(GOOD.lists, effective_items=20.0, distinct_lists=1.0, commonest_list=0.001)
    assert failed(decide(replace(GOOD, lists=few), CONFIG)) == ["effective_items"]
    small = replace(few, effective_items=18.0, reachable_items=24)
    assert decide(replace(GOOD, lists=small), CONFIG).publish, "a catalogue of 24 items cannot fill lists of 20 with others"
