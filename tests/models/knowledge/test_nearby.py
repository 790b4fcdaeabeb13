"""Claims about `models.knowledge.nearby`, beyond the contract of all scorers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import scipy.sparse as sp

from models.knowledge import nearby
from models.knowledge.great_circle import distance_km
from models.knowledge.nearby import Nearby, NearbyConfig
from models.scorer import Described, TrainingData, UserBlock
from tests.worlds import interactions, training_data

ZURICH, WINTERTHUR, BERN, TOKYO, NOWHERE = (47.38, 8.54), (47.50, 8.72), (46.95, 7.45), (35.68, 139.65), (np.nan, np.nan)
ITEMS = (ZURICH, WINTERTHUR, BERN, TOKYO, NOWHERE)


def described(places: Sequence[tuple[float, float]]) -> Described:
    """Describe things by where they are, and by nothing else."""
    return Described.by(sp.csr_matrix((len(places), 0), dtype=np.float32), place=np.array(places, np.float64).reshape(-1, 2))


def world(users: Sequence[tuple[float, float]], likes: Sequence[tuple[int, int]] = ()) -> TrainingData:
    """Put users at places among the items, and let them like some of those."""
    user, item = zip(*likes, strict=True) if likes else ((), ())
    data = training_data(interactions(user, item, (len(users), len(ITEMS))))
    return TrainingData(data.interactions, described(ITEMS), described(users), data.user_segment, data.segments)


def everybody(data: TrainingData) -> UserBlock:
    """Return all users as one block."""
    return data.block(slice(None), data.interactions.histories())


def test_nearness_falls_by_e_every_length() -> None:
    """Next door is 1; so many kilometres away is exp(-kilometres / length)."""
    data = world([ZURICH, BERN])
    scores = Nearby(NearbyConfig(length_km=30.0)).fit(data, seed=0).score(everybody(data))
    expected = np.exp(-distance_km(np.array([ZURICH, BERN]), np.array(ITEMS[:4])) / 30)
    np.testing.assert_allclose(scores[:, :4], expected, rtol=1e-5, atol=1e-30)
    assert scores[0, 0] == 1


def test_places_far_and_unknown_give_no_nan() -> None:
    """The other end of the world is at nearness 0, and what has no place is unknown."""
    data = world([(-47.38, 8.54 - 180), NOWHERE])
    scorer = Nearby().fit(data, seed=0)
    assert np.isfinite(scorer.score(everybody(data))).all()
    assert scorer.knows_item.tolist() == [True] * 4 + [False]
    assert scorer.knows_user(everybody(data)).tolist() == [True, False]


def test_batch_mates_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A score is a matter of one user and one item: alone, in a crowd and in small portions it is the same number."""
    rng = np.random.default_rng(0)
    data = world(rng.uniform((-90, -180), (90, 180), (40, 2)))
    scorer = Nearby(NearbyConfig(length_km=5000.0)).fit(data, seed=0)
    together = scorer.score(everybody(data))
    histories = data.interactions.histories()
    alone = np.concatenate([scorer.score(data.block(np.array([user]), histories)) for user in range(40)])
    np.testing.assert_array_equal(alone, together)
    monkeypatch.setattr(nearby, "CELLS_AT_ONCE", 16)
    np.testing.assert_array_equal(scorer.score(everybody(data)), together)


def test_a_user_without_a_place_is_where_they_like_things() -> None:
    """The middle of Zurich and Winterthur stands in, and a liked item without a place does not move it."""
    data = world([NOWHERE], [(0, 0), (0, 1), (0, 4)])
    scores = Nearby().fit(data, seed=0).score(everybody(data))[0]
    middle = np.mean([ZURICH, WINTERTHUR], axis=0)
    np.testing.assert_allclose(scores[:4], np.exp(-distance_km(middle[None], np.array(ITEMS[:4]))[0] / 50), rtol=1e-3, atol=1e-30)


@pytest.mark.parametrize("liked", [(0, 3), (3, 4, 0), (4,), ()])
def test_the_middle_of_places_far_apart_is_no_place(liked: tuple[int, ...]) -> None:
    """Whoever likes Zurich and Tokyo does not live in Siberia: the model is silent; so it is if nothing liked has a place."""
    data = world([NOWHERE], [(0, item) for item in liked])
    scorer = Nearby().fit(data, seed=0)
    assert not scorer.knows_user(everybody(data)).any()
    assert not scorer.score(everybody(data)).any()


def test_an_own_place_counts_more_than_what_is_liked() -> None:
    """A user in Bern who likes Zurich is in Bern."""
    data = world([BERN], [(0, 0)])
    assert Nearby().fit(data, seed=0).score(everybody(data))[0].argmax() == 2


def test_the_spread_of_liked_places_is_their_quadratic_mean_from_the_middle() -> None:
    """Two places 22 km apart are spread by 11: a limit below says nothing of the user, one above does, none asks for own places."""
    data = world([NOWHERE], [(0, 0), (0, 1)])
    half = distance_km(np.array([ZURICH]), np.array([WINTERTHUR]))[0, 0] / 2
    known = [Nearby(NearbyConfig(spread_km=limit)).fit(data, 0).knows_user(everybody(data))[0] for limit in (0.99 * half, 1.01 * half, 0)]
    assert known == [False, True, False]


def test_items_resemble_what_is_near_them() -> None:
    """Similarity is nearness of items, zero for one without a place."""
    alike = Nearby().fit(world([]), seed=0).similarity(np.array([0, 4]), np.arange(5))
    assert alike[0].argsort()[::-1].tolist()[:3] == [0, 1, 2]
    assert not alike[1].any()
