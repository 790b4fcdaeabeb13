"""Claims about `tasks.champion`: when the served table may be compared with tonight's models, and when it may not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from models.bootstrap import compare
from models.evidence import GateConfig
from models.gate_rules import against_champion
from models.holdout import DAY, Events, HoldoutConfig, split
from models.knowledge.popularity import Popularity
from models.scorer import Described, TrainingData
from models.top_k import top_k
from tasks.champion import served_before, since_then
from tasks.prepare.training_set import SegmentConfig, TrainingSet
from tasks.storage import file_hash, write_json
from tests.models.test_verdict import GOOD

CONFIG = GateConfig()
N_USERS, N_ITEMS, N_DAYS, A_DAY = 1500, 200, 25, 300


def known_tonight(seed: int, min_users: int) -> TrainingSet:
    """Draw a shop whose tastes drift from day to day, and 300 users a day who each do two things."""
    rng = np.random.default_rng(seed)
    taste, rows = -0.8 * np.log(1 + rng.permutation(N_ITEMS)), []
    for day in range(N_DAYS):
        taste = taste + rng.normal(0, 0.3, N_ITEMS)
        users = rng.choice(N_USERS, A_DAY, replace=False)
        for _ in range(2):
            items = rng.choice(N_ITEMS, A_DAY, p=np.exp(taste) / np.exp(taste).sum())
            rows.append(np.stack([users, items, day * DAY + rng.integers(0, DAY, A_DAY)]))
    user, item, at = np.unique(np.concatenate(rows, axis=1), axis=1)
    events = Events(user.astype(np.int32), item.astype(np.int32), at, np.ones(len(user), np.bool_))
    found = split(events, 0, HoldoutConfig(min_users=min_users))
    assert found.kind == "days"
    nothing, weight = [Described.by(sp.csr_matrix((n, 0), dtype=np.float32)) for n in (N_ITEMS, N_USERS)], np.ones(len(user), np.float32)
    users = pa.table({"user_id": np.arange(N_USERS)})
    items = pa.table({"item_id": np.arange(N_ITEMS), "is_known": [True] * N_ITEMS, "is_available": [True] * N_ITEMS})
    return TrainingSet(users, items, events, weight, weight * np.nan, found.fit, found.holdout, *nothing, SegmentConfig())


def lists_of(data: TrainingData, seen: sp.csr_matrix):
    """Let the one model of both nights learn from something, and rank for everybody what they had not seen."""
    model = Popularity().fit(data, 0)
    scores = model.score(data.block(np.arange(N_USERS), data.interactions.histories()))
    return top_k(np.where(seen.toarray() > 0, -np.inf, scores).astype(np.float32), 10)[0]


@pytest.fixture
def tonight(night):
    """Return a maker of a night before which the same model was published, refitted on all but the last day."""

    def make(known: TrainingSet):
        earlier = known.events.occurred_at < (N_DAYS - 1) * DAY
        lists = lists_of(replace(known, fit=earlier).training_data("fit"), known.pairs(earlier).seen())
        user, rank = np.nonzero(lists >= 0)
        at = night(champion="before")
        path = at.workspace.table("recommendations", at.run_date.replace(day=4))
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"user_id": user, "rank": rank + 1, "item_id": lists[user, rank]}), path)
        through = np.datetime64(int(known.events.occurred_at[earlier].max()), "us").astype("M8[s]")
        facts = {"run_id": "before", "run_date": "2026-01-04", "published_at": "2026-01-05T03:00:00Z", "model_version": "m"}
        tables = {"recommendations": {"path": at.workspace.relative(path), "sha256": file_hash(path)}}
        write_json(at.workspace.manifest_file("before"), {**facts, "data_through": f"{through}Z", "tables": tables})
        return at

    return make


def judged(known: TrainingSet, at):
    """Return what the rule on the served models says of the same model, trained again tonight."""
    champion, why_not = served_before(at, known, np.arange(N_USERS), by_days=True)
    found = None
    if champion is not None:
        ours = lists_of(known.training_data("fit"), champion.seen)
        since = since_then([ours], champion, np.arange(N_USERS), (10,))
        found = compare(*(since.per_user[name][10]["ndcg"] for name in ("tonight", "yesterday")), 0, CONFIG.intervals)
    return against_champion(replace(GOOD, k=10, champion=found, no_champion=why_not), CONFIG)


@pytest.mark.fault("C1")
@pytest.mark.parametrize("seed", range(6))
def test_the_same_model_is_never_refused_where_several_days_are_held_out(tonight, seed):
    """Three days and more are held out, of which the served models knew all but one: they are not compared, and the sentence says why."""
    known = known_tonight(seed, min_users=600)
    assert known.events.occurred_at[known.holdout].min() // DAY <= N_DAYS - 3
    rule = judged(known, tonight(known))
    assert (rule.passed, rule.value) == (True, None)
    assert rule.sentence.startswith("not compared with the served models: their data reach to 1970-01-24T")
    assert "into what is held out; floors, the trailing band and the pinned models decided" in rule.sentence


@pytest.mark.fault("C1")
@pytest.mark.parametrize("seed", range(3))
def test_the_same_model_is_exactly_as_good_where_the_last_day_is_held_out(tonight, seed):
    """One day is held out, and neither side knew anything of it: the same model differs from itself by nothing."""
    known = known_tonight(seed, min_users=200)
    assert known.events.occurred_at[known.holdout].min() // DAY == N_DAYS - 1
    rule = judged(known, tonight(known))
    assert (rule.passed, rule.value) == (True, 0.0)
    assert "200 users" not in rule.sentence


@pytest.mark.fault("C1")
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_served_table_that_is_not_what_was_published_is_no_evidence(tonight, damage):
    """Its bytes are compared with its manifest first; the night goes on without it, and says which file it is."""
    known = known_tonight(0, min_users=200)
    at = tonight(known)
    path = at.workspace.table("recommendations", at.run_date.replace(day=4))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-8])
    else:
        path.unlink()
    rule = judged(known, at)
    assert (rule.passed, rule.value) == (True, None)
    assert f"{at.workspace.relative(path)} is not what was served" in rule.sentence


def test_only_the_lists_of_the_judged_users_are_read(tonight):
    """They are those that everybody would get; the others' rows are empty."""
    known = known_tonight(0, min_users=200)
    at = tonight(known)
    some = np.arange(0, N_USERS, 7)
    everybody, few = (served_before(at, known, users, by_days=True)[0].lists for users in (np.arange(N_USERS), some))
    np.testing.assert_array_equal(few[some], everybody[some])
    assert (everybody[some] >= 0).any()
    assert (np.delete(few, some, axis=0) == -1).all()
