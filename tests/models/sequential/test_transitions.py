"""Claims about `models.sequential.transitions`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.scorer import Interactions, TrainingData, UserBlock
from models.sequential import transitions
from models.sequential.transitions import Transitions, TransitionsConfig, Walks, halved, normalised, strongest
from tests.worlds import World, interactions, training_data

STRICT = TransitionsConfig(window=1, backwards=0, from_power=1, to_power=0, shrinkage=0)
"""Next item only: the plain Markov chain."""


def in_order(sequences: list[list[int]], n_items: int, days_apart: float = 1.0) -> Interactions:
    """Let each user like their items in this order, so many days apart; the day of the last likes is not the newest there is."""
    user = np.repeat(np.arange(len(sequences)), [len(items) for items in sequences])
    age = np.concatenate([1 + np.arange(len(items))[::-1] * days_apart for items in sequences])
    return interactions(user, np.concatenate(sequences), (len(sequences), n_items), age_days=age)


def those_who_like(sequences: list[list[int]], n_items: int, days_apart: float = 1.0) -> UserBlock:
    """Return users to score who liked these items in this order."""
    happened = in_order(sequences, n_items, days_apart)
    return training_data(happened).block(slice(None), happened.histories())


def around_the_clock(n_items: int = 12) -> TrainingData:
    """Let everybody walk a stretch of a circle on which each item is followed by the next number."""
    return training_data(in_order([[(start + step) % n_items for step in range(5)] for start in range(n_items)], n_items))


def plain_scores(happened: Interactions, users: UserBlock, config: TransitionsConfig) -> NDArray[np.float64]:
    """Compute scores pair by pair and like by like, in dense matrices."""
    user, item, age = happened.sequences()
    counts = np.zeros((happened.n_items, happened.n_items))
    for before in range(len(user)):
        for after in range(before + 1, min(before + config.window + 1, len(user))):
            if user[before] == user[after]:
                faded = 1 if config.gap_days is None else 1 / (1 + (age[before] - age[after]) / config.gap_days)
                counts[item[before], item[after]] += config.step_decay ** (after - before - 1) * faded
    counts = counts + config.backwards * counts.T
    leaving, reaching = counts.sum(axis=1) + config.shrinkage, counts.sum(axis=0) + config.shrinkage
    with np.errstate(divide="ignore", invalid="ignore"):
        votes = np.nan_to_num(counts / (leaving[:, None] ** config.from_power * reaching[None, :] ** config.to_power))
    scores = np.zeros((len(users), happened.n_items))
    for row in range(len(users)):
        for place in range(config.last):
            if users.recent[row, place] >= 0:
                faded = 1 if config.fading_days is None else 1 / (1 + users.gap_days[row, place] / config.fading_days)
                scores[row] += config.recency_decay**place * faded * votes[users.recent[row, place]]
    return scores


def counted(happened: Interactions, config: TransitionsConfig) -> sp.csr_matrix:
    """Count the transitions of all items at once."""
    return Walks.of(happened, config).counts(range(happened.n_items))


def votes_of(happened: Interactions, config: TransitionsConfig) -> sp.csr_matrix:
    """Normalise the transitions of all items, none left out."""
    walks = Walks.of(happened, config)
    return normalised(walks.counts(range(happened.n_items)), *walks.sums(), config)


CONFIGS = (
    TransitionsConfig(),
    STRICT,
    TransitionsConfig(window=3, step_decay=0.5, gap_days=2.0, backwards=1, to_power=1, last=2, fading_days=None),
)


@pytest.mark.parametrize("config", CONFIGS)
def test_scores_are_what_a_slow_loop_adds_up(config: TransitionsConfig, two_tastes: World) -> None:
    """Sparse products give what counting pair by pair and adding like by like gives."""
    expected = plain_scores(two_tastes.data.interactions, two_tastes.everybody, config)
    scored = Transitions(config).fit(two_tastes.data, seed=0).score(two_tastes.everybody)
    np.testing.assert_allclose(scored, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("config", [STRICT, TransitionsConfig(backwards=0)])
def test_the_item_that_always_follows_comes_first(config: TransitionsConfig) -> None:
    """Where item n is always followed by n + 1, whoever liked n last is recommended n + 1."""
    scores = Transitions(config).fit(around_the_clock(), seed=0).score(those_who_like([[n] for n in range(12)], 12))
    np.testing.assert_array_equal(scores.argmax(axis=1), (np.arange(12) + 1) % 12)


def test_sums_are_those_of_the_counts(two_tastes: World) -> None:
    """What leaves and reaches items is added up without their counts, and is what these add up to."""
    happened = two_tastes.data.interactions
    for config in CONFIGS:
        counts, sums = counted(happened, config), Walks.of(happened, config).sums()
        for axis, total in zip((1, 0), sums, strict=True):
            np.testing.assert_allclose(total, np.asarray(counts.sum(axis=axis)).ravel(), rtol=1e-12)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_large_catalogue_changes_no_count(config: TransitionsConfig, two_tastes: World) -> None:
    """Where few of all pairs are met, they are looked up instead of standing in memory: the same counts, and none of nothing."""
    happened = two_tastes.data.interactions
    counts, among_many = counted(happened, config), counted(replace(happened, n_items=100_000), config)
    np.testing.assert_allclose(among_many[: happened.n_items, : happened.n_items].toarray(), counts.toarray(), rtol=1e-12)
    assert among_many.nnz == counts.nnz == np.count_nonzero(among_many.data)


def test_lots_change_nothing(two_tastes: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted a few likes at a time the votes are, to the bit, what they are counted at once; no item is counted twice or forgotten."""
    at_once = Transitions().fit(two_tastes.data, seed=0)._votes
    monkeypatch.setattr(transitions, "LIKES_AT_ONCE", 7)
    walks = Walks.of(two_tastes.data.interactions, TransitionsConfig())
    lots = list(walks.lots())
    assert len(lots) > 3
    assert [item for lot in lots for item in lot] == list(range(walks.n_items))
    few = Transitions().fit(two_tastes.data, seed=0)._votes
    assert (at_once.data.tobytes(), at_once.indices.tobytes()) == (few.data.tobytes(), few.indices.tobytes())


def test_order_matters() -> None:
    """The same likes in another order are another taste: the item that follows the latest like leads."""
    scorer = Transitions(TransitionsConfig(backwards=0)).fit(around_the_clock(), seed=0)
    scores = scorer.score(those_who_like([[2, 8], [8, 2]], 12))
    assert scores.argmax(axis=1).tolist() == [9, 3]


def test_far_apart_counts_less_than_close_together() -> None:
    """Of two items that follow equally often, the one that follows sooner is ahead, by steps as by days."""
    by_steps = in_order([[0, 1, 2]], 4)
    assert np.diff(counted(by_steps, TransitionsConfig(backwards=0)).toarray()[0, 1:3]) < 0
    days = interactions([0, 0, 1, 1], [0, 1, 0, 2], (2, 4), age_days=[1, 0, 9, 0])
    nearer, farther = counted(days, TransitionsConfig(backwards=0, gap_days=1.0)).toarray()[0, 1:3]
    assert (nearer, farther) == (pytest.approx(1 / 2), pytest.approx(1 / 10))


def test_backwards_speaks_for_what_came_before() -> None:
    """A like speaks for its predecessor as much less as the configuration says."""
    counts = counted(in_order([[0, 1]], 2), TransitionsConfig(backwards=0.25)).toarray()
    np.testing.assert_allclose(counts, [[0, 1], [0.25, 0]])


def test_full_normalisation_makes_a_markov_chain(two_tastes: World) -> None:
    """Divided fully by what leaves an item, without shrinkage, its votes are probabilities."""
    votes = votes_of(two_tastes.data.interactions, STRICT).toarray().sum(axis=1)
    np.testing.assert_allclose(votes[votes > 0], 1, rtol=1e-6)


def test_what_is_liked_by_all_does_not_lead_every_list() -> None:
    """With `to_power` the item that few like, but always after this one, beats the item that everybody likes after anything."""
    sequences = [[item, 5] for item in range(5)] * 4 + [[0, 4]] * 3
    follower = those_who_like([[0]], 6)
    plain, fair = (TransitionsConfig(window=1, backwards=0, shrinkage=0, to_power=power) for power in (0.0, 1.0))
    assert Transitions(plain).fit(training_data(in_order(sequences, 6)), seed=0).score(follower).argmax() == 5
    assert Transitions(fair).fit(training_data(in_order(sequences, 6)), seed=0).score(follower).argmax() == 4


def test_only_the_latest_likes_vote() -> None:
    """What lies further back than `last` changes nothing, and padding behind the end of a history is nobody's like."""
    scorer = Transitions(TransitionsConfig(last=2)).fit(around_the_clock(), seed=0)
    short, long = scorer.score(those_who_like([[3, 4], [9, 10, 3, 4]], 12))
    np.testing.assert_array_equal(short, long)


def test_without_times_nobody_is_known(two_tastes: World) -> None:
    """Interactions of one instant have no order: the model learns from them that it knows nothing."""
    happened = two_tastes.data.interactions
    timeless = interactions(happened.user, happened.item, (happened.n_users, happened.n_items), happened.positive)
    data = training_data(timeless)
    scorer = Transitions().fit(data, seed=0)
    everybody = data.block(slice(None), timeless.histories())
    assert not scorer.knows_user(everybody).any()
    assert not scorer.knows_item.any()
    assert not scorer.score(everybody).any()


def test_pruning_keeps_the_strongest_and_their_equals() -> None:
    """Of each item at least so many votes stay, never one weaker than one that went."""
    config = TransitionsConfig(backwards=0, from_power=1, to_power=0, shrinkage=0)
    kept = strongest(votes_of(in_order([[0, 1, 2, 3]] * 2 + [[0, 4]], 5), config), 2).toarray()
    assert np.flatnonzero(kept[0]).tolist() == [1, 2]
    assert (np.count_nonzero(kept, axis=1) <= 2).all()
    tied = strongest(votes_of(in_order([[0, 1], [0, 2], [0, 3]], 4), STRICT), 2)
    assert tied.getnnz() == 3


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=5), st.floats(1e-3, 1e3))
def test_fading_halves_and_never_vanishes(days: list[float], half_days: float) -> None:
    """A gap of `half_days` counts half, a longer one less, and none counts nothing."""
    faded = halved(np.array(days), half_days)
    assert ((faded > 0) & (faded <= 1)).all()
    assert halved(np.array([half_days]), half_days)[0] == pytest.approx(0.5)
    assert (np.diff(faded[np.argsort(days)]) <= 0).all()
