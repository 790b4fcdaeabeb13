"""Claims about explanations: the liked item named is the one that speaks most for what is recommended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.because import MODELS_ASKED, Because
from models.blend import Blend
from models.block_scores import Panel
from models.chosen import Chosen, best_of
from models.collaborative.als import Als, AlsConfig
from models.collaborative.ease import Ease, EaseConfig
from models.fused_blend import FusedBlend
from models.knowledge.popularity import Popularity
from models.scorer import Scorer, UserBlock
from models.sequential.transitions import Transitions
from tests.worlds import World, newcomers, two_tastes


def one_by_one(scorers: list[Scorer], users: UserBlock, chosen: Chosen) -> np.ndarray:
    """Ask for every recommended item alone, liked item by liked item: what `Because` must find, however slowly."""
    because = np.full(chosen.items.shape, -1)
    for user, place in zip(*np.nonzero(chosen.items >= 0), strict=True):
        liked = users.history[user].indices
        comparers = [model for model, scorer in enumerate(scorers) if scorer.similarity(np.arange(1), np.arange(1)) is not None]
        loudness = {model: chosen.parts[model, user, place] for model in comparers}
        for model in sorted(comparers, key=lambda number: -np.nan_to_num(loudness[number], nan=-np.inf))[:MODELS_ASKED]:
            recent = users.recent[user][users.recent[user] >= 0]
            past = recent if scorers[model].family == "sequential" and len(recent) else liked
            strength = [float(scorers[model].similarity(chosen.items[user, [place]].astype(int), np.array([one]))[0, 0]) for one in past]
            if len(liked) and strength and max(strength) > 0:
                because[user, place] = past[int(np.argmax(strength))]
                break
    return because


@pytest.mark.parametrize("world", [two_tastes(n_users=90), newcomers()], ids=["two tastes", "newcomers"])
def test_it_names_what_asking_one_by_one_would(world: World) -> None:
    """Three models of different kinds explain everybody's list; whoever likes nothing gets no explanation."""
    makers = (Ease(EaseConfig(reg=2.0)), Als(AlsConfig(embedding_size=6, iterations=3)), Transitions(), Popularity())
    scorers = [maker.fit(world.data, 0) for maker in makers]
    n_segments = len(world.data.segments)
    families = tuple(scorer.family for scorer in scorers)
    blend = Blend(tuple(scorer.name for scorer in scorers), families, world.data.segments, np.full((n_segments, 4), 0.25))
    users, seen = world.everybody, world.data.interactions.seen()
    chosen = best_of(FusedBlend(Panel.of(scorers), blend, np.ones(world.data.interactions.n_items, np.bool_)), users, seen, 7)
    found, expected = Because(scorers).of(users, chosen), one_by_one(scorers, users, chosen)
    for user, place in zip(*np.nonzero(found != expected), strict=True):  # equals in strength may stand in for each other
        liked = np.array([found[user, place], expected[user, place]])
        strengths = [scorer.similarity(chosen.items[user, [place]].astype(int), liked) for scorer in scorers[:3]]
        assert any(strength is not None and np.isclose(*strength[0], rtol=1e-5) for strength in strengths)
    assert (found >= 0).mean() > 0.5
    assert (found[np.diff(users.history.indptr) == 0] == -1).all()


def test_models_that_compare_nothing_explain_nothing() -> None:
    """Popularity alone recommends without a because."""
    world = two_tastes()
    scorers: list[Scorer] = [Popularity().fit(world.data, 0)]
    blend = Blend(("popularity",), ("knowledge",), world.data.segments, np.ones((2, 1)))
    users = replace(world.everybody)
    chosen = best_of(FusedBlend(Panel.of(scorers), blend, np.ones(24, np.bool_)), users, world.data.interactions.seen(), 5)
    assert (Because(scorers).of(users, chosen) == -1).all()
