"""Claims that hold of every pool and all rules together, and a plain version to equal."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from models.policies import arrange as arranging
from models.policies.arrange import Arranged, arrange
from models.policies.fill import Pool, fill
from models.policies.list_rules import Cap, Diversity, ListRules, Quota
from tests.models.policies.arranged_plainly import Arranger
from tests.models.policies.pools import CAP, DIVERSITY, MINIMUM, N_ITEMS, QUOTA, World, cap, caps_of, quotas_of, value_of, worlds


def published(scores: np.ndarray, arranged: Arranged) -> np.ndarray:
    """Return scores plus what is added, (block, k), -inf behind the last."""
    return np.where(arranged.place >= 0, np.take_along_axis(scores, arranged.place, axis=1) + arranged.added, -np.inf)


@given(worlds())
def test_it_equals_the_plain_version(world: World) -> None:
    """One user at a time, place by place, with Python's loops, the same lists come out, to the last bit."""
    arranged = world.arranged()
    for user in range(len(world.items)):
        n = int((world.items[user] >= 0).sum())
        least = -np.inf if world.rules.minimum is None else float(world.rules.minimum.score[world.segment[user]])
        plain = Arranger(world.items[user, :n].tolist(), world.scores[user, :n].tolist(), least, world.k, world.rules)
        place, added, reasons = plain.arranged()
        length = int((arranged.place[user] >= 0).sum())
        assert arranged.place[user, :length].tolist() == place
        assert arranged.added[user, :length].tolist() == added
        assert arranged.absent[user, :n].tolist() == reasons


def test_it_equals_the_plain_version_at_full_width() -> None:
    """Lists of 10 out of 40 for ten users, vectors 64 wide: the same to the last bit, however arrays lie in memory."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(0.3, 1, (200, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    genres = Cap(sp.csr_matrix(rng.random((200, 18)) < 0.1, dtype=np.int8), 4, CAP)
    rules = ListRules((genres,), (Quota(rng.random(200) < 0.1, 3, QUOTA),), Diversity(vectors, 0.5, DIVERSITY))
    items = np.array([rng.permutation(200)[:40] for _ in range(10)], np.int32)
    scores = -np.sort(-rng.normal(size=(10, 40)), axis=1)
    arranged = arrange(np.asfortranarray(items), np.asfortranarray(scores), np.zeros(10, np.intp), 10, rules)
    assert set(np.unique(arranged.absent)) == {-1, 0, CAP, QUOTA, DIVERSITY}
    for user in range(10):
        place, added, reasons = Arranger(items[user].tolist(), scores[user].tolist(), -np.inf, 10, rules).arranged()
        assert arranged.place[user, : len(place)].tolist() == place
        assert arranged.added[user, : len(place)].tolist() == added
        assert arranged.absent[user].tolist() == reasons


@given(worlds())
def test_a_list_depends_on_its_user_alone(world: World) -> None:
    """Arranged in two parts, in parts of one user, or all together, lists are the same to the byte."""
    whole = world.arranged()
    middle = len(world.items) // 2
    parts = [world.arranged(users=slice(0, middle)), world.arranged(users=slice(middle, None))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arranging, "PART_CELLS", 1)
        one_by_one = world.arranged()
    for field in fields(Arranged):
        expected = getattr(whole, field.name)
        assert np.concatenate([getattr(part, field.name) for part in parts]).tobytes() == expected.tobytes()
        assert getattr(one_by_one, field.name).tobytes() == expected.tobytes()


@given(worlds())
def test_every_candidate_is_recommended_once_or_has_a_reason(world: World) -> None:
    """Lists have no item twice and no gaps; who is absent has the code of a rule, or scored no more than the last of a full list."""
    arranged = world.arranged()
    scores = published(world.scores, arranged)
    listed = arranged.place >= 0
    assert (np.diff(listed.astype(int), axis=1) <= 0).all()
    for user in range(len(world.items)):
        places = arranged.place[user, listed[user]].tolist()
        assert len(set(places)) == len(places)
        there = world.items[user] >= 0
        assert set(np.flatnonzero((arranged.absent[user] == -1) & there)) == set(places)
        assert (arranged.absent[user, ~there] == -1).all()
        rank = arranged.absent[user] == 0
        if rank.any():
            assert len(places) == world.k
            assert world.scores[user, rank].max() <= scores[user, -1] + 1e-12


@given(worlds())
def test_published_scores_never_rise(world: World) -> None:
    """Scores plus what is added fall, equals stand by item, and only quotas add and only diversity takes away."""
    arranged = world.arranged()
    scores = published(world.scores, arranged)
    items = np.where(arranged.place >= 0, np.take_along_axis(world.items, arranged.place, axis=1), N_ITEMS)
    above, below = scores[:, :-1], scores[:, 1:]
    assert ((above > below) | ((above == below) & (items[:, :-1] < items[:, 1:])) | (items[:, 1:] == N_ITEMS)).all()
    assert world.rules.quotas or (arranged.added <= 0).all()
    assert world.rules.diversity is not None or (arranged.added >= 0).all()


@given(worlds())
def test_values_never_rise_while_lists_are_filled(world: World) -> None:
    """Without quotas, every place is filled with a value that is no larger than the one above it."""
    pool = Pool.of(world.items, world.scores, world.segment, world.rules.minimum)
    value = fill(pool, world.k, world.rules).value
    assert (value[:, 1:] <= value[:, :-1]).all()


@given(worlds())
def test_no_list_goes_beyond_a_cap_or_below_the_minimum(world: World) -> None:
    """Whatever else is asked of it, and whoever is absent for a cap would go beyond it."""
    arranged = world.arranged()
    for user, places in enumerate(arranged.place):
        chosen = world.items[user, places[places >= 0]]
        for rule in world.rules.caps:
            counts = rule.groups[chosen].sum(axis=0).A1 if len(chosen) else np.zeros(4)
            assert counts.max() <= rule.most
            for item in world.items[user, arranged.absent[user] == rule.code]:
                assert (counts[rule.groups[[item]].indices] >= rule.most).any()
        if world.rules.minimum is not None:
            least = world.rules.minimum.score[world.segment[user]]
            assert (world.scores[user, places[places >= 0]] >= least).all()
            assert ((world.scores[user] < least) & (world.items[user] >= 0) == (arranged.absent[user] == MINIMUM)).all()


@given(worlds())
def test_quotas_never_lower_the_scores_of_a_list(world: World) -> None:
    """A list as long as without quotas has at least the scores that it would have, place by place."""
    free = published(world.scores, world.arranged(replace(world.rules, quotas=())))
    kept = published(world.scores, world.arranged())
    there = kept > -np.inf
    assert (kept[there] >= free[there] - 1e-12).all()


@given(worlds(st.builds(lambda *quotas: ListRules(quotas=quotas), quotas_of, quotas_of)))
def test_quotas_are_met_as_far_as_there_are_candidates(world: World) -> None:
    """Where lists have places for all of them, and no cap stands against it."""
    world = replace(world, k=6)
    arranged = world.arranged()
    for user, places in enumerate(arranged.place):
        chosen, offered = world.items[user, places[places >= 0]], world.items[user, world.items[user] >= 0]
        for rule in world.rules.quotas:
            assert rule.items[chosen].sum() >= min(rule.least, rule.items[offered].sum())


def largest_within(items: list[int], rule: Cap) -> int:
    """Try all sets of items and return the size of the largest that keeps the cap."""
    values = [rule.groups[[item]].indices.tolist() for item in range(N_ITEMS)]
    for size in range(len(items), 0, -1):
        for some in combinations(items, size):
            if max(Counter(value for item in some for value in values[item]).values(), default=0) <= rule.most:
                return size
    return 0


@given(worlds(st.builds(lambda one, least: ListRules((one,), (least,)), st.builds(cap, value_of, st.integers(1, 2)), quotas_of)))
def test_a_quota_beside_a_cap_is_met_whenever_any_list_could_meet_it(world: World) -> None:
    """One quota, and one cap by an attribute of which items have one value or none: no set of candidates comes closer to the quota."""
    arranged = world.arranged()
    (rule,), (one,) = world.rules.quotas, world.rules.caps
    for user, places in enumerate(arranged.place):
        theirs = [int(item) for item in world.items[user] if item >= 0 and rule.items[item]]
        assert rule.items[world.items[user, places[places >= 0]]].sum() >= min(rule.least, world.k, largest_within(theirs, one))


@given(worlds(st.builds(lambda one, other, least: ListRules((one, other), (least,)), caps_of, caps_of, quotas_of)))
def test_a_quota_is_short_only_where_caps_bar_all_that_is_left_of_it(world: World) -> None:
    """One quota, and caps of any kind."""
    arranged = world.arranged()
    (rule,) = world.rules.quotas
    for user, places in enumerate(arranged.place):
        chosen = world.items[user, places[places >= 0]]
        if rule.items[chosen].sum() >= min(rule.least, world.k):
            continue
        for item in set(world.items[user, world.items[user] >= 0].tolist()) - set(chosen.tolist()):
            full = [
                (one.groups[chosen].sum(axis=0).A1[one.groups[[item]].indices] >= one.most).any() if len(chosen) else one.most == 0
                for one in world.rules.caps
            ]
            assert not rule.items[item] or any(full)
