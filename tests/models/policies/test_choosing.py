"""Claims about choosing: lists keep limits and rules together, however deep one has to look for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from models.blend import Blend
from models.block_scores import Panel
from models.chosen import published_scores
from models.fused_blend import FusedBlend
from models.left_out import LISTED, candidates
from models.policies.choosing import CANDIDATES, Chooser
from models.policies.limits import SCORED_LESS, Limits
from models.policies.list_rules import Cap, Diversity, ListRules, Minimum, Quota
from tests.models.made_up import Multiplied, Told
from tests.models.test_fused_blend import blended_worlds, lists_of
from tests.models.test_left_out import drawn_limits
from tests.worlds import strangers

CAPPED, DIVERSIFIED, BELOW, DISPLACED = 7, 8, 9, 10


@given(blended_worlds(), st.integers(1, 6), st.integers(1, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_a_cap_is_kept_by_the_best_of_everything_that_is_allowed(world: Any, k: int, most: int, seed: int) -> None:
    """Going down all that limits allow, best first, and taking what the cap has room for, gives the same list."""
    scorers, blend, recommendable, people, _, _ = world
    rng = np.random.default_rng(seed)
    n_items = len(recommendable)
    limits, _ = drawn_limits(rng, len(people), n_items, boosted=True)
    groups = sp.csr_matrix(rng.random((n_items, 3)) < 0.4)
    ranker = FusedBlend(Panel.of(scorers), blend, recommendable, boosts=limits.boosts)
    heard = ranker.panel.hear(people)
    everything = Chooser(ranker, ListRules(), n_items).choose(heard, limits).chosen
    choice = Chooser(ranker, ListRules(caps=(Cap(groups, most, CAPPED),)), k).choose(heard, limits, CANDIDATES * k)
    of_item = groups.toarray()
    told = candidates(choice.reach, choice.codes, choice.chosen.items, CANDIDATES * k)
    for user, listed in enumerate(lists_of(choice.chosen)):
        count, expected = np.zeros(3, int), []
        for item in lists_of(everything)[user]:
            if len(expected) < k and not (of_item[item] & (count >= most)).any():
                expected.append(item)
                count += of_item[item]
        assert listed == expected
        for item, code in zip(told.item[told.user == user], told.code[told.user == user], strict=True):
            assert (code == LISTED) == (item in listed)
            assert code != CAPPED or (of_item[item] & (count >= most)).any()
            assert code != SCORED_LESS or len(listed) == k


@given(blended_worlds(), st.integers(1, 6), st.floats(0, 2), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_published_scores_of_a_diverse_list_add_up_and_never_rise(world: Any, k: int, strength: float, seed: int) -> None:
    """What diversity takes off is part of the score that ranks, as boosts are; the minimum holds for every item by itself."""
    scorers, blend, recommendable, people, _, _ = world
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(len(recommendable), 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    limits, codes = drawn_limits(rng, len(people), len(recommendable), boosted=True)
    ranker = FusedBlend(Panel.of(scorers), blend, recommendable, boosts=limits.boosts)
    least = np.array([-0.5, 0.2], np.float32)
    rules = ListRules(diversity=Diversity(vectors, strength, DIVERSIFIED), minimum=Minimum(least, BELOW))
    chosen = Chooser(ranker, rules, k).choose(ranker.panel.hear(people), limits).chosen
    boosts = limits.boosts
    assert boosts is not None
    for user, listed in enumerate(lists_of(chosen)):
        score = published_scores(chosen.parts, blend.families)[user, : len(listed)]
        total = score + chosen.policy[user, : len(listed)]
        assert (np.diff(total) <= 0).all()
        assert (codes[user, listed] == 0).all()
        boosted = boosts.items[listed] @ boosts.users[user]
        assert (chosen.policy[user, : len(listed)] <= boosted + 1e-5).all()
        assert (score + boosted >= least[people.segment[user]] - 1e-4).all()


@given(blended_worlds(), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3), st.floats(0, 0.5), st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_what_is_absent_for_its_score_scored_less_however_deep_lists_were_looked_for(
    world: Any, k: int, most: int, least: int, strength: float, seed: int
) -> None:
    """Under caps, a quota and diversity at once; quotas are met from whatever limits allow, if caps leave room for nothing else."""
    scorers, blend, recommendable, people, _, _ = world
    rng = np.random.default_rng(seed)
    n_items = len(recommendable)
    limits, _ = drawn_limits(rng, len(people), n_items, boosted=True)
    vectors = rng.normal(size=(n_items, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    wanted = rng.random(n_items) < 0.1
    rules = ListRules(
        caps=(Cap(sp.csr_matrix(rng.random((n_items, 3)) < 0.4), most, CAPPED),),
        quotas=(Quota(wanted, least, DISPLACED),),
        diversity=Diversity(vectors, strength, DIVERSIFIED),
    )
    ranker = FusedBlend(Panel.of(scorers), blend, recommendable, boosts=limits.boosts)
    choice = Chooser(ranker, rules, k).choose(ranker.panel.hear(people), limits, CANDIDATES * k)
    told = candidates(choice.reach, choice.codes, choice.chosen.items, CANDIDATES * k)
    total = published_scores(choice.chosen.parts, blend.families) + choice.chosen.policy
    for user, listed in enumerate(lists_of(choice.chosen)):
        last = total[user, len(listed) - 1] if len(listed) == k else np.inf
        rows = (told.user == user) & (told.code == SCORED_LESS)
        assert (told.score[rows] <= last + 1e-4).all()
        assert not rows.any() or len(listed) == k


def test_a_quota_is_met_by_what_stands_far_below_the_best() -> None:
    """One of three hundred items is new and scores least of all: it has the last place, and the score of what it takes it from."""
    n_items = 300
    scores = np.arange(n_items, 0, -1, dtype=np.float32)[None]
    scorer = Told("knowledge", np.ones((1, 1), np.float32), scores.T.copy(), np.ones(n_items, np.bool_), np.ones(1, np.bool_))
    blend = Blend(("one",), ("knowledge",), ("all",), np.ones((1, 1)))
    ranker = FusedBlend(Panel.of([scorer]), blend, np.ones(n_items, np.bool_))
    people = strangers(sp.csr_matrix((1, n_items), dtype=np.float32))
    new = np.zeros(n_items, np.bool_)
    new[n_items - 1] = True
    limits = Limits.by_what_was_seen(sp.csr_matrix((1, n_items), dtype=np.float32))
    chosen = Chooser(ranker, ListRules(quotas=(Quota(new, 1, DISPLACED),)), 4).choose(ranker.panel.hear(people), limits).chosen
    assert lists_of(chosen) == [[0, 1, 2, n_items - 1]]
    assert chosen.policy[0, :3].tolist() == [0, 0, 0]
    assert published_scores(chosen.parts, blend.families)[0, 3] + chosen.policy[0, 3] == pytest.approx(
        published_scores(Chooser(ranker, ListRules(), 4).choose(ranker.panel.hear(people), limits).chosen.parts, blend.families)[0, 3]
    )


@given(st.integers(1, 5), st.integers(1, 2), st.integers(1, 2), st.integers(2, 29), st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_what_is_absent_for_its_score_alone_scores_less_than_a_full_list(k: int, most: int, least: int, n_values: int, seed: int) -> None:
    """Also where a list had to look further down to keep its caps, and quotas then changed who stands in it."""
    rng = np.random.default_rng(seed)
    n_users, n_items = 8, 90
    everyone, everything = np.ones(n_users, np.bool_), np.ones(n_items, np.bool_)
    users, items = (rng.normal(size=(n, 3)).astype(np.float32) for n in (n_users, n_items))
    scorer = Multiplied("collaborative", users, items, everything, everyone)
    blend = Blend(("0",), ("collaborative",), ("all",), np.ones((1, 1)))
    limits, _ = drawn_limits(rng, n_users, n_items, boosted=False)
    ranker = FusedBlend(Panel.of([scorer]), blend, everything)
    groups = sp.csr_matrix(np.arange(n_values) == rng.integers(0, n_values, n_items)[:, None])
    rules = ListRules((Cap(groups, most, CAPPED),), (Quota(rng.random(n_items) < 0.2, min(k, least), DISPLACED),))
    heard = ranker.panel.hear(strangers(sp.csr_matrix((n_users, n_items), dtype=np.float32)))
    choice = Chooser(ranker, rules, k).choose(heard, limits, CANDIDATES * k)
    told = candidates(choice.reach, choice.codes, choice.chosen.items, CANDIDATES * k)
    score = published_scores(choice.chosen.parts, blend.families) + choice.chosen.policy
    for user, listed in enumerate(lists_of(choice.chosen)):
        only_less = (told.user == user) & (told.code == SCORED_LESS)
        assert len(listed) == k or not only_less.any()
        assert not len(listed) or (told.score[only_less] <= score[user, len(listed) - 1] + 1e-4).all()


@pytest.mark.parametrize("rules", ["a minimum that few reach", "a cap without room"])
def test_nobody_looks_further_down_where_nothing_can_be_found(rules: str) -> None:
    """Lists that the minimum or the caps leave short stay short: no deeper look is taken at the catalogue."""
    n_users, n_items, k = 3, 400, 5
    rng = np.random.default_rng(5)
    users, items = (rng.normal(size=(n, 3)).astype(np.float32) for n in (n_users, n_items))
    scorer = Multiplied("collaborative", users, items, np.ones(n_items, np.bool_), np.ones(n_users, np.bool_))
    ranker = FusedBlend(Panel.of([scorer]), Blend(("0",), ("collaborative",), ("all",), np.ones((1, 1))), np.ones(n_items, np.bool_))
    two_values = sp.csr_matrix(np.arange(2) == np.arange(n_items)[:, None] % 2)
    asked: list[int] = []
    looked_for = ranker.reach

    def reach(heard: Any, limits: Limits, depth: int, n_all: int = 0) -> Any:
        asked.append(depth)
        return looked_for(heard, limits, depth, n_all)

    ranker.reach = reach  # type: ignore[method-assign]
    found = {
        "a minimum that few reach": ListRules(minimum=Minimum(np.array([2.8], np.float32), BELOW)),
        "a cap without room": ListRules(caps=(Cap(two_values, 2, CAPPED),)),
    }[rules]
    nobody = strangers(sp.csr_matrix((n_users, n_items), dtype=np.float32))
    choice = Chooser(ranker, found, k).choose(ranker.panel.hear(nobody), Limits.by_what_was_seen(sp.csr_matrix((n_users, n_items))))
    assert ((choice.chosen.items >= 0).sum(axis=1) < k).any()
    assert asked == [CANDIDATES * k]
