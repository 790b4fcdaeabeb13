"""Claims about `tasks.judging`: who is judged, and what becomes of a model that says nothing that can be ranked."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from models.block_scores import Panel
from models.knowledge.popularity import Popularity
from models.top_k import ScoreError
from tasks.judging import Audience, JudgingConfig, even_lots, heard_blocks, judged_sample, sample_of
from tasks.refusals import NightHeldError
from tests.worlds import two_tastes


class Mad(Popularity):
    """A model whose scores are no numbers."""

    def user_factors(self, users):
        """Answer with nothing that can be ranked."""
        return np.full_like(super().user_factors(users), np.nan)


def test_a_model_whose_scores_are_no_numbers_holds_the_night_under_its_name():
    """The night is held with the model's name and a way on; where settings are tried it stays a trial without scores."""
    data = two_tastes().data
    audience = Audience(data, np.ones(data.interactions.n_items, np.bool_))
    with pytest.raises(NightHeldError, match=r"found popularity: scores must be finite.*leave it out of models in \[train\]") as held:
        list(heard_blocks(audience, Panel.of([Mad().fit(data, 0)]), [np.arange(2)], lambda users, _: users))
    assert isinstance(held.value, ScoreError)


def known_users(ids: range) -> SimpleNamespace:
    """Return a training set of users who are all judged."""
    targets = sp.csr_matrix(np.ones((len(ids), 1), np.float32))
    return SimpleNamespace(targets=lambda: targets, users=pa.table({"user_id": ids}), n_users=len(ids))


def test_a_new_account_leaves_the_judged_users_as_they_are():
    """Whichever numbers the users have tonight: with a new lowest id, all numbers move by one, and one user at most is exchanged."""
    config = JudgingConfig(max_users=100)
    before, after = judged_sample(known_users(range(1, 3000)), config) + 1, judged_sample(known_users(range(3000)), config)
    assert len(before) == len(after) == 100
    assert len(np.intersect1d(before, after)) >= 99
    assert (np.diff(after) > 0).all()


def test_a_part_of_the_judged_users_is_not_those_with_the_lowest_ids():
    users = np.arange(1000, 2000)
    places = sample_of(known_users(range(3000)), users, 100)
    assert len(places) == 100
    assert places.max() > 900
    assert sample_of(known_users(range(3000)), users, 1000).tolist() == list(range(1000))


def test_how_much_stands_side_by_side_changes_nothing_that_is_said():
    """With room for one lot, for all, and without a bound, every user hears the same bytes."""
    data = two_tastes().data
    audience = Audience(data, np.ones(data.interactions.n_items, np.bool_))
    panel, lots = Panel.of([Popularity().fit(data, 0)]), even_lots(np.arange(data.interactions.n_users), 3)
    said = [
        np.concatenate(list(heard_blocks(audience, panel, lots, lambda _, heard: heard.scores.z[0], room=room))).tobytes()
        for room in (None, 0, 10**9)
    ]
    assert said[0] == said[1] == said[2]
