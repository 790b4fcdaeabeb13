"""Claims about the fused blend: it chooses what scoring everything, one pair after the other, would choose."""

from __future__ import annotations

from collections.abc import Sequence
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
from models.cell_search import CellSearch
from models.chosen import Chosen, best_of, published_scores
from models.fused_blend import FusedBlend
from models.products import DotProduct
from models.scorer import FAMILIES, UserBlock
from models.top_k import ScoreError
from models.voiced_blend import VoicedBlend
from tests.models.made_up import Matrix, Multiplied, Told
from tests.worlds import strangers


def pair_by_pair(
    scorers: Sequence[Multiplied], blend: Blend, recommendable: NDArray[np.bool_], users: UserBlock, seen: sp.csr_matrix, k: int
) -> tuple[list[list[int]], list[list[float]]]:
    """Score every pair in float64 from the definitions, sort everything, cut: what the fused blend must give, however slowly."""
    scores = [scorer.score(users).astype(np.float64) for scorer in scorers]
    lists, totals = [], []
    for user in range(len(users)):
        told = []
        for model, scorer in enumerate(scorers):
            of_known = scores[model][user, scorer.knows_item]
            mean, deviation = (of_known.mean(), of_known.std()) if len(of_known) else (0.0, 0.0)
            told.append((scorer.knows_user(users)[user] and deviation > 1e-6 * max(abs(mean), 1e-30), mean, deviation))
        weights = blend.weights[users.segment[user]]
        heard_at_all = sum(weights[model] for model, (speaks, *_) in enumerate(told) if speaks)
        ranked = []
        for item in np.flatnonzero(recommendable & (seen[user].toarray()[0] == 0)):
            spoken = [model for model, scorer in enumerate(scorers) if told[model][0] and scorer.knows_item[item]]
            heard = sum(weights[model] for model in spoken)
            if heard <= 0:
                continue
            counted = heard + (1 - blend.redistributed) * (heard_at_all - heard)
            parts = np.full((len(scorers), 1), np.nan)
            for model in spoken:
                parts[model] = weights[model] / counted * ((scores[model][user, item] - told[model][1]) / told[model][2])
            ranked.append((-float(published_scores(parts, blend.families)[0]), int(item)))
        best = sorted(ranked)[:k]
        lists.append([item for _, item in best])
        totals.append([-score for score, _ in best])
    return lists, totals


def lists_of(chosen: Chosen) -> list[list[int]]:
    return [[int(item) for item in row if item >= 0] for row in chosen.items]


@st.composite
def blended_worlds(draw: st.DrawFn) -> tuple[list[Multiplied], Blend, NDArray[np.bool_], UserBlock, sp.csr_matrix, int]:
    """Draw models, weights and masks; few distinct numbers make for many ties, and some users and items are unknown to some models."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_users, n_items, n_models = draw(st.integers(1, 6)), draw(st.integers(1, 70)), draw(st.integers(1, 4))
    coarse, redistributed = draw(st.booleans()), draw(st.sampled_from([0.0, 0.4, 1.0]))

    def numbers(*shape: int) -> Matrix:
        drawn = rng.normal(size=shape)
        return (np.round(drawn) if coarse else drawn).astype(np.float32)

    scorers = []
    for _ in range(n_models):
        width = int(rng.integers(1, 5))
        knows_item = rng.random(n_items) < rng.choice([0.6, 1.0])
        knows_user = rng.random(n_users) < rng.choice([0.6, 1.0])
        made = Multiplied if rng.random() < 0.6 else Told
        scorers.append(made(FAMILIES[rng.integers(4)], numbers(n_users, width), numbers(n_items, width), knows_item, knows_user))
    weights = rng.dirichlet(np.ones(n_models), 2)
    families = tuple(scorer.family for scorer in scorers)
    blend = Blend(tuple(map(str, range(n_models))), families, ("few", "many"), weights, redistributed)
    seen = sp.csr_matrix((rng.random((n_users, n_items)) < rng.choice([0.0, 0.3, 1.0])).astype(np.float32))
    people = strangers(seen)
    people.segment[:] = rng.integers(0, 2, n_users)
    return scorers, blend, rng.random(n_items) < rng.choice([0.2, 0.9, 1.0]), people, seen, draw(st.integers(1, 80))


@given(blended_worlds(), st.sampled_from([None, 0.0, 4.0]))
@settings(max_examples=300, deadline=None)
def test_it_chooses_what_scoring_pair_by_pair_would(world: Any, deviations: float | None) -> None:
    """As a whole, and by tiles of a few items, also where the bound drawn from a sample is too high for most users."""
    scorers, blend, recommendable, people, seen, k = world
    with pytest.MonkeyPatch.context() as patch:
        if deviations is not None:
            k = 1 + k % 6
            tiny = {"ONE_TILE": 0, "SAMPLED": 2, "TILE_CELLS": 17, "CELLS_AT_ONCE": 50, "DEVIATIONS": deviations}
            for name, value in tiny.items():
                patch.setattr(tiles, name, value)
        chosen = best_of(FusedBlend(Panel.of(scorers), blend, recommendable), people, seen, k)
    lists, totals = pair_by_pair(scorers, blend, recommendable, people, seen, k)
    found = published_scores(chosen.parts, blend.families)
    for user, (expected, scores) in enumerate(zip(lists, totals, strict=True)):
        listed = lists_of(chosen)[user]
        assert len(listed) == len(expected)
        np.testing.assert_allclose(found[user, : len(listed)], scores, rtol=1e-5, atol=2e-5)
        # Items may change places only where their scores are the same but for rounding.
        moved = [place for place, (ours, theirs) in enumerate(zip(listed, expected, strict=True)) if ours != theirs]
        assert all(abs(found[user, place] - scores[place]) < 2e-5 for place in moved)


def test_what_stands_in_for_models_is_a_product_or_is_none() -> None:
    """Of the two kinds of models made up here, the blend may multiply the vectors of one."""
    numbers = (np.ones((1, 2), np.float32), np.ones((3, 2), np.float32), np.ones(3, np.bool_), np.ones(1, np.bool_))
    assert [isinstance(made("content", *numbers), DotProduct) for made in (Multiplied, Told)] == [True, False]


def test_it_chooses_as_the_blend_that_scores_everything_does() -> None:
    """On scores without ties both ways name the same items in the same order, and split their scores alike."""
    rng = np.random.default_rng(5)
    n_users, n_items = 30, 3000
    everyone, everything = np.ones(n_users, np.bool_), np.arange(n_items) >= 200
    scorers = [
        Multiplied("collaborative", *(rng.normal(size=(n, 16)).astype(np.float32) for n in (n_users, n_items)), everything, everyone),
        Told("content", *(rng.normal(size=(n, 8)).astype(np.float32) for n in (n_users, n_items)), ~everything | everything, everyone),
    ]
    blend = Blend(("a", "b"), ("collaborative", "content"), ("all",), np.array([[0.7, 0.3]]), 0.5)
    seen = sp.random(n_users, n_items, 0.02, "csr", np.float32, rng)
    seen.data[:] = 1
    rankers = (made(Panel.of(scorers), blend, np.ones(n_items, np.bool_)) for made in (FusedBlend, VoicedBlend))
    fused, voiced = (best_of(ranker, strangers(seen), seen, 50) for ranker in rankers)
    np.testing.assert_array_equal(fused.items, voiced.items)
    np.testing.assert_allclose(fused.parts, voiced.parts, atol=1e-5)
    np.testing.assert_array_equal(fused.user_speaks, voiced.user_speaks)


def one_model(users: Matrix, items: Matrix) -> FusedBlend:
    """Rank by the product of given vectors alone."""
    scorer = Multiplied("collaborative", users, items, np.ones(len(items), np.bool_), np.ones(len(users), np.bool_))
    return FusedBlend(Panel.of([scorer]), Blend(("a",), ("collaborative",), ("all",), np.ones((1, 1))), np.ones(len(items), np.bool_))


ADVERSARIES = ("lengths from 1e-3 to 1e3", "sorted by score", "each item five times", "all scores negative", "best items in no sample")


@pytest.mark.parametrize("world", ADVERSARIES)
def test_catalogues_of_many_tiles_that_are_hard_to_bound(world: str) -> None:
    """Lists are those of sorting all float64 scores: of vectors of all lengths, of duplicates (by number), and wherever the best items are.

    One user has seen everything, one all but three items.
    """
    rng = np.random.default_rng(8)
    n_users, n_items, k = 12, 3 * tiles.ONE_TILE + 5, 40
    users, items = (rng.normal(size=(n, 16)).astype(np.float32) for n in (n_users, n_items))
    if world == "lengths from 1e-3 to 1e3":
        items *= np.geomspace(1e-3, 1e3, n_items, dtype=np.float32)[:, None]
    elif world == "sorted by score":
        items = items[np.argsort(items @ users[0])]
    elif world == "each item five times":
        items = items[np.arange(n_items) // 5]
    elif world == "all scores negative":
        users[:, 0], items[:, 0] = 50, -50
    else:
        items[np.arange(n_items) % tiles.SAMPLED == 1] *= 20
    seen = sp.lil_matrix((n_users, n_items), dtype=np.float32)
    seen[3, :], seen[4, 3:] = 1, 1
    seen = seen.tocsr()
    chosen = best_of(one_model(users, items), strangers(seen), seen, k)
    scores = np.vecdot(users[:, None], items).astype(np.float64)
    scores[seen.nonzero()] = -np.inf
    for user, listed in enumerate(lists_of(chosen)):
        expected = np.lexsort((np.arange(n_items), -scores[user]))[: min(k, int(np.isfinite(scores[user]).sum()))]
        np.testing.assert_array_equal(listed, expected)


def test_what_float32_cannot_hold_is_refused() -> None:
    """Items so close to nothing that what users are multiplied by, to bring their scores to one scale, is beyond all numbers."""
    users, items = np.ones((2, 3), np.float32), np.geomspace(1e-42, 1e-40, 15, dtype=np.float32).reshape(5, 3)
    nothing = sp.csr_matrix((2, 5), dtype=np.float32)
    with pytest.raises(ScoreError, match="finite"):
        best_of(one_model(users, items), strangers(nothing), nothing, 2)


def test_nobodys_list_depends_on_who_else_is_in_the_block() -> None:
    """The same user gets the same items and the same bytes of contributions alone and among others."""
    rng = np.random.default_rng(6)
    users, items = (rng.normal(size=(n, 24)).astype(np.float32) for n in (40, 900))
    blend, seen = Blend(("a",), ("collaborative",), ("all",), np.ones((1, 1))), sp.csr_matrix((40, 900), dtype=np.float32)

    def best(rows: slice) -> Chosen:
        everybody = np.ones(len(users[rows]), np.bool_)
        scorer = Multiplied("collaborative", users[rows], items, np.ones(900, np.bool_), everybody)
        return best_of(FusedBlend(Panel.of([scorer]), blend, np.ones(900, np.bool_)), strangers(seen[rows]), seen[rows], 10)

    together, alone = best(slice(None)), [best(slice(user, user + 1)) for user in range(40)]
    np.testing.assert_array_equal(together.items, np.concatenate([one.items for one in alone]))
    np.testing.assert_allclose(together.parts, np.concatenate([one.parts for one in alone], axis=1), rtol=1e-12)


@pytest.mark.parametrize("made", [Multiplied, Told])
def test_scores_that_are_no_numbers_are_refused_by_name(made: type[Multiplied]) -> None:
    users, items = np.ones((2, 3), np.float32), np.ones((5, 3), np.float32)
    items[2, 1] = np.nan
    scorer = made("content", users, items, np.ones(5, np.bool_), np.ones(2, np.bool_))
    blend = Blend(("content",), ("content",), ("all",), np.ones((1, 1)))
    nothing = sp.csr_matrix((2, 5), dtype=np.float32)
    with pytest.raises(ScoreError, match="content"):
        best_of(FusedBlend(Panel.of([scorer]), blend, np.ones(5, np.bool_)), strangers(nothing), nothing, 2)


def test_blocks_are_as_large_as_what_stands_in_memory_allows() -> None:
    """Of products only the sample of the catalogue does; of a model that is none, its scores and their sum; of a search, some cells."""
    n_items = 32_000
    numbers = (np.ones((1, 2), np.float32), np.ones((n_items, 2), np.float32), np.ones(n_items, np.bool_), np.ones(1, np.bool_))
    blend = Blend(("a",), ("collaborative",), ("all",), np.ones((1, 1)))
    product, told = (FusedBlend(Panel.of([made("content", *numbers)]), blend, np.ones(n_items, np.bool_)) for made in (Multiplied, Told))
    assert product.users_at_once(100 * n_items // tiles.SAMPLED) == 100
    assert told.users_at_once(100 * 3 * n_items) == 97
    assert product.users_at_once(1 << 40) > told.users_at_once(1 << 40)
    searching = product.searching(CellSearch(product.stacked, np.arange(n_items) // 1000, product.bounds, 4))
    assert searching.users_at_once(100 * 2 * 4 * 1000) == 100
