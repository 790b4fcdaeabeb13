"""Claims about searching: it never breaks a promise, what it finds is scored exactly, and looking into every cell misses nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from models.blend import Blend
from models.block_scores import Panel
from models.cells import cells_of_catalogue
from models.chosen import best_of
from models.fused_blend import FusedBlend
from tests.models.made_up import Multiplied, Told
from tests.models.test_fused_blend import blended_worlds, lists_of
from tests.worlds import strangers


@given(blended_worlds(), st.integers(1, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_lists_are_whole_allowed_and_scored_as_always(world: Any, probes: int, seed: int) -> None:
    """However few of however odd cells are looked into: as many items as exactly, none that is masked, twice or wrongly scored.

    Where all cells are looked into, the lists are those of scoring everything.
    """
    scorers, blend, recommendable, people, seen, k = world
    cell = np.random.default_rng(seed).integers(-1, 6, len(recommendable))
    exact = FusedBlend(Panel.of(scorers), blend, recommendable, cell)
    wanted = best_of(exact, people, seen, k)
    every = best_of(exact.searching(exact.search_of(len(recommendable))), people, seen, k)
    np.testing.assert_array_equal(every.items, wanted.items)
    np.testing.assert_array_equal(every.parts, wanted.parts)
    of_all = best_of(exact, people, seen, len(recommendable))
    searched = best_of(exact.searching(exact.search_of(probes)), people, seen, k)
    np.testing.assert_array_equal((searched.items >= 0).sum(axis=1), (wanted.items >= 0).sum(axis=1))
    for user, listed in enumerate(lists_of(searched)):
        place = [lists_of(of_all)[user].index(item) for item in listed]
        assert place == sorted(set(place))
        np.testing.assert_array_equal(searched.parts[:, user, : len(listed)], of_all.parts[:, user, place])


@pytest.fixture
def shelves() -> tuple[list[Multiplied], Blend, sp.csr_matrix]:
    """Thirty clusters of a hundred items, users with a taste near one of them; a model that tells no vectors has favourites elsewhere."""
    rng = np.random.default_rng(4)
    middles = rng.normal(size=(30, 12))
    items = (np.repeat(middles, 100, axis=0) + 0.2 * rng.normal(size=(3000, 12))).astype(np.float32)
    users = (middles[rng.integers(0, 30, 40)] + 0.2 * rng.normal(size=(40, 12))).astype(np.float32)
    everything, everybody = np.ones(3000, np.bool_), np.ones(40, np.bool_)
    favourites = np.zeros((3000, 40), np.float32)
    favourites[rng.integers(0, 3000, (40, 3)), np.arange(40)[:, None]] = 1
    scorers = [
        Multiplied("collaborative", users, items, everything, everybody),
        Told("knowledge", np.eye(40, dtype=np.float32), favourites, everything, everybody),
    ]
    blend = Blend(("a", "b"), ("collaborative", "knowledge"), ("all",), np.array([[0.8, 0.2]]))
    return scorers, blend, sp.random(40, 3000, 0.01, "csr", np.float32, rng)


def test_a_tenth_of_the_cells_holds_nearly_all_of_the_best(shelves: Any) -> None:
    """Of what is best, what models that are no products speak for is found wherever it lies."""
    scorers, blend, seen = shelves
    cells = cells_of_catalogue(scorers, blend, 1)
    assert cells is not None
    exact = FusedBlend(Panel.of(scorers), blend, np.ones(3000, np.bool_), cells.of_item)
    search = exact.search_of(len(cells.middles) // 10)
    assert search.scores_of_user < 3000 / 8
    wanted, found = (lists_of(best_of(ranker, strangers(seen), seen, 10)) for ranker in (exact, exact.searching(search)))
    met = [len(set(one) & set(other)) / 10 for one, other in zip(wanted, found, strict=True)]
    assert np.mean(met) > 0.9
    favourite = scorers[1].score(strangers(seen)) > 0
    assert all(set(np.flatnonzero(favourite[user])) & set(one) <= set(found[user]) for user, one in enumerate(wanted))


def test_a_cell_that_holds_most_of_a_catalogue_is_cut(shelves: Any) -> None:
    scorers, blend, _ = shelves
    cell = np.where(np.arange(3000) < 100, np.arange(3000), 100)
    search = FusedBlend(Panel.of(scorers), blend, np.ones(3000, np.bool_), cell).search_of(1)
    assert search.sizes.max() <= 4 * 3000 / 101
    assert search.sizes.sum() == 3000
