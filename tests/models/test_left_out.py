"""Claims about candidates: the best of everything that is scored, each recommended or with the reason why not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models import tiles
from models.blend import Blend
from models.block_scores import Panel
from models.chosen import published_scores
from models.fused_blend import FusedBlend
from models.left_out import LISTED, SHARE_UNAVAILABLE, candidates, scored_items
from models.policies.limits import Boosts, Limits
from models.voiced_blend import VoicedBlend
from models.voices import Voice
from tests.models.made_up import Told
from tests.models.test_fused_blend import blended_worlds, lists_of, pair_by_pair
from tests.worlds import strangers


def drawn_limits(rng: np.random.Generator, n_users: int, n_items: int, *, boosted: bool) -> tuple[Limits, NDArray[np.int8]]:
    """Draw bars of every kind and boosts, and the code of every pair as a matrix: the smallest of those that hold, 0 of none."""
    pairs = rng.integers(0, 5, (n_users, n_items)) * (rng.random((n_users, n_items)) < 0.3)
    closed = rng.integers(0, 5, n_items) * (rng.random(n_items) < 0.2)
    ineligible = rng.integers(0, 5, (2, n_items)) * (rng.random((2, n_items)) < 0.3)
    kind = rng.integers(0, 2, n_users)
    every = np.stack([pairs, np.broadcast_to(closed, pairs.shape), ineligible[kind]])
    smallest = np.where(every > 0, every, 99).min(axis=0)
    codes = np.where(smallest == 99, 0, smallest).astype(np.int8)
    boosts = Boosts(rng.integers(0, 2, (n_users, 3)).astype(np.float32), rng.normal(size=(n_items, 3)).astype(np.float32))
    limits = Limits(
        sp.csr_matrix(pairs.astype(np.int8)), closed.astype(np.int8), ineligible.astype(np.int8), kind, boosts if boosted else None
    )
    return limits, codes


@given(blended_worlds(), st.integers(1, 9), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_lists_and_candidates_are_those_of_scoring_and_sorting_everything(
    world: Any, k: int, tiled: bool, boosted: bool, seed: int
) -> None:
    """Lists hold the best of what nothing bars, candidates the best of all, each with the code that bars it; boosts count in both."""
    scorers, blend, recommendable, people, _, n_all = world
    n_all = max(k, n_all // 2) if not tiled else k + 2
    limits, codes = drawn_limits(np.random.default_rng(seed), len(people), len(recommendable), boosted=boosted)
    with pytest.MonkeyPatch.context() as patch:
        if tiled:
            for name, value in {"ONE_TILE": 0, "SAMPLED": 2, "TILE_CELLS": 17, "CELLS_AT_ONCE": 50, "DEVIATIONS": 0.5}.items():
                patch.setattr(tiles, name, value)
        ranker = FusedBlend(Panel.of(scorers), blend, recommendable, boosts=limits.boosts)
        reach = ranker.reach(ranker.panel.hear(people), limits, k, n_all)
    chosen = reach.best(blend.families, k)
    found = candidates(reach, reach.codes, chosen.items, n_all)
    nothing = sp.csr_matrix(codes.shape, dtype=np.float32)
    items, scores = pair_by_pair(scorers, blend, recommendable, people, nothing, len(recommendable))
    total = published_scores(chosen.parts, blend.families) + chosen.policy
    for user, listed in enumerate(lists_of(chosen)):
        added = np.zeros(len(recommendable)) if limits.boosts is None else limits.boosts.items @ limits.boosts.users[user]
        truth = {item: score + float(added[item]) for item, score in zip(items[user], scores[user], strict=True)}
        ranked = sorted(truth, key=lambda item: (-truth[item], item))
        allowed = [item for item in ranked if codes[user, item] == 0][:k]
        assert len(listed) == len(allowed)
        np.testing.assert_allclose([truth[item] for item in listed], [truth[item] for item in allowed], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(total[user, : len(listed)], [truth[item] for item in listed], rtol=1e-4, atol=1e-4)
        rows = found.user == user
        assert list(found.rank[rows]) == list(range(1, min(n_all, len(ranked)) + 1))
        np.testing.assert_allclose(found.score[rows], [truth[item] for item in ranked[:n_all]], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found.score[rows], [truth[int(item)] for item in found.item[rows]], rtol=1e-4, atol=1e-4)
        for item, code in zip(found.item[rows], found.code[rows], strict=True):
            assert code == (LISTED if item in listed else codes[user, item])


@given(blended_worlds(), st.integers(1, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_search_tells_candidates_of_the_cells_it_looks_into(world: Any, k: int, seed: int) -> None:
    """Looking into every cell, what is found and why it is barred is what scoring everything finds."""
    scorers, blend, recommendable, people, _, n_all = world
    rng = np.random.default_rng(seed)
    limits, _ = drawn_limits(rng, len(people), len(recommendable), boosted=True)
    exact = FusedBlend(Panel.of(scorers), blend, recommendable, rng.integers(0, 4, len(recommendable)), limits.boosts)
    told = []
    for ranker in (exact, exact.searching(exact.search_of(len(recommendable)))):
        reach = ranker.reach(ranker.panel.hear(people), limits, k, n_all)
        chosen = reach.best(blend.families, k)
        told.append((chosen, candidates(reach, reach.codes, chosen.items, n_all)))
    (wanted, all_wanted), (found, all_found) = told
    np.testing.assert_array_equal(found.items, wanted.items)
    np.testing.assert_allclose(all_found.score, all_wanted.score, rtol=1e-4, atol=1e-4)
    assert sorted(zip(all_found.user, all_found.rank, strict=True)) == sorted(zip(all_wanted.user, all_wanted.rank, strict=True))


def test_blends_of_probabilities_tell_candidates_too() -> None:
    """The best of a voiced blend, and what bars the others."""
    scores = np.array([[5.0, 4.0, 3.0, 2.0, 1.0]], np.float32)
    scorer = Told("knowledge", np.ones((1, 1), np.float32), scores.T.copy(), np.ones(5, np.bool_), np.ones(1, np.bool_))
    blend = Blend(("one",), ("knowledge",), ("all",), np.ones((1, 1)), voice=Voice("probability", (1.0,)))
    ranker = VoicedBlend(Panel.of([scorer]), blend, np.ones(5, np.bool_))
    people = strangers(sp.csr_matrix((1, 5), dtype=np.float32))
    limits = Limits(sp.csr_matrix(np.array([[1, 0, 0, 0, 0]], np.int8)), np.array([0, 0, 2, 0, 0], np.int8))
    reach = ranker.reach(ranker.panel.hear(people), limits, 2, 4)
    chosen = reach.best(blend.families, 2)
    assert lists_of(chosen) == [[1, 3]]
    found = candidates(reach, reach.codes, chosen.items, 4)
    assert list(zip(found.item.tolist(), found.code.tolist(), strict=True)) == [(0, 1), (1, LISTED), (2, 2), (3, LISTED)]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40))
def test_of_what_is_not_recommendable_only_the_most_liked_is_scored(items: list[tuple[int, bool]]) -> None:
    likes, recommendable = (np.array(column) for column in zip(*items, strict=True))
    scored = scored_items(likes, recommendable)
    assert scored[recommendable].all()
    others, left = scored & ~recommendable, ~scored & ~recommendable
    assert np.count_nonzero(others) <= np.count_nonzero(recommendable) // SHARE_UNAVAILABLE
    if others.any() and left.any():
        assert likes[others].min() >= likes[left].max()
