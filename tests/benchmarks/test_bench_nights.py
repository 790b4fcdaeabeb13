import re
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.cold import cold, only
from benchmarks.compare import Plan, compare
from benchmarks.nights import known_items, places
from benchmarks.readme import README, quality_tables, replaced
from benchmarks.sets import BenchSet, SetMissingError, goodbooks, ml_latest_small, shop
from benchmarks.sparse_world import SparseWorldConfig, sparse_world
from benchmarks.splits import Likes

SMALL = SparseWorldConfig(n_users=300, n_items=400, n_pairs=6000, n_places=4, n_topics=20)


def test_published_rows_become_lists_of_places():
    """Ranks are places in a list, ids become places in the catalogue; an unknown item is a miss, an unknown user is left out."""
    table = pd.DataFrame({"user_id": [30, 30, 10, 99], "rank": [2, 1, 1, 1], "item_id": [5, 7, 404, 5]})
    lists = places(table, np.array([10, 20, 30]), np.array([5, 6, 7]))
    assert lists.tolist() == [[-1, -1], [-1, -1], [2, 0]]


def test_tags_of_a_held_out_like_are_withheld():
    """User 1's tag on item 8 tells that they met it, so a night must not see it; user 2's tag on the same item stays."""
    tags = pd.DataFrame({"user_id": [1, 2, 1], "item_id": [8, 8, 9], "tag": ["Dark", "slow|burn", "fun"]})
    likes = Likes.of(pd.DataFrame({"user_id": [1, 1, 2], "item_id": [8, 9, 8]}))
    bench_set = BenchSet("world", likes, "random", items=pd.DataFrame({"item_id": [8, 9]}), tags=tags)
    items = known_items(bench_set, likes.frame.iloc[:1])
    assert dict(zip(items.item_id, items.tags, strict=True)) == {8: "slow burn", 9: "fun"}


def test_wanted_items_keep_their_order_and_move_up():
    wanted = np.array([False, True, True, False])
    assert only(np.array([[3, 2, 0, 1], [0, 3, -1, -1]]), wanted).tolist() == [[2, 1, -1, -1], [-1, -1, -1, -1]]


def test_the_sparse_world_has_what_was_planted():
    """Likes follow the planted successor far oftener than chance, and lie mostly in few topics a user."""
    world = sparse_world(SMALL)
    ordered = world.interactions.sort_values(["user_id", "occurred_at"], kind="stable")
    same_user = ordered.user_id.to_numpy()[1:] == ordered.user_id.to_numpy()[:-1]
    follows = world.successor[ordered.item_id.to_numpy()[:-1]] == ordered.item_id.to_numpy()[1:]
    assert follows[same_user].mean() > 0.1
    assert len(world.interactions) == pytest.approx(SMALL.n_pairs, rel=0.2)
    assert not world.interactions.duplicated(["user_id", "item_id"]).any()
    assert sorted(world.successor) == list(range(SMALL.n_items))
    assert ordered.groupby("user_id").size().min() >= 3


def test_the_sparse_world_follows_its_seed():
    one, again, other = (sparse_world(SMALL.model_copy(update={"seed": seed})).interactions for seed in (1, 1, 2))
    assert one.equals(again)
    assert not one.equals(other)


@pytest.mark.parametrize("read", [goodbooks, ml_latest_small])
def test_a_missing_set_says_what_to_type(read, tmp_path):
    with pytest.raises(SetMissingError, match="--"):
        read(tmp_path)


def test_figures_replace_what_stood_between_their_marks():
    text = "a\n<!-- quality: begin -->\nold\n<!-- quality: end -->\nb\n"
    assert replaced(text, "quality", "new\n") == "a\n<!-- quality: begin -->\nnew\n<!-- quality: end -->\nb\n"
    with pytest.raises(ValueError, match="expected the marks"):
        replaced(text, "speed", "new")


def test_every_table_has_its_place():
    """Each name under which a bench writes its table is marked in benchmarks/README.md: hours of measuring must not end without one."""
    written = {name for file in README.parent.glob("*.py") for name in re.findall(r'\bwrite\("([a-z ]+)",', file.read_text())}
    assert written == {"quality", "scoring", "speed", "training loops", "second night", "growth"}
    for name in written:
        assert replaced(README.read_text(), name, "new figures").count("new figures") == 1


def test_the_shop_is_known_to_the_last_day():
    assert shop(None).run_date == date(2026, 1, 2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_everything_is_measured_on_a_small_world(tmp_path: Path):
    """Nights, rivals, singles and cold start run end to end; lists hold nothing seen, the plain rival EASE beats popularity."""
    world = sparse_world(SMALL)
    users = pd.DataFrame({"user_id": np.arange(SMALL.n_users)}).assign(kind=lambda rows: (rows.user_id % 3).map("kind {}".format))
    bench_set = BenchSet("world", Likes.of(world.interactions), "last_one_out", world.items, users, factors=8, ease_l2=(10, 100))
    plan = Plan(tmp_path, seeds=(1,), rivals=("popularity", "EASE"))
    results = [*compare(bench_set, plan, singles=False), *cold(bench_set, plan)]
    assert [result["kind"] for result in results if result["kind"] == "absent"] == []
    lists = {result["system"]: result for result in results if result["kind"] == "lists"}
    assert {name: result["faults"] for name, result in lists.items()} == {"nightly": 0, "popularity": 0, "EASE": 0}
    assert lists["EASE"]["ndcg@10"] > lists["popularity"]["ndcg@10"]
    assert [result["what"] for result in results if result["kind"] == "cold"] == ["new items", "new items", "new users"]
    assert "| **nightly**, seed 1 |" in quality_tables(results)
