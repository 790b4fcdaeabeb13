"""Whole nights under every kind of policy at once, with an experiment: lists keep the rules, and the tables account for all of it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.attempt import Options
from flows.nightly import run_night
from flows.settings import load_settings
from tasks.shop import Shop, write_delivery
from tasks.workspace import Workspace
from tests.conftest import SMALL_SHOP, WITHOUT_NETWORKS

FIRST, SECOND = SMALL_SHOP.delivery_dates[:2]
K = 10
SETTINGS = f"""
[features]
bands = {{price = [20.0, 60.0]}}

[score]
k = {K}
wide = true

[policies]
unavailable_where = {{category = ["refurbished"]}}

[policies.seen]
types = {{view = "never"}}

[[policies.eligibility]]
name = "garden"
item = "category=garden"
user = "country=de"

[[policies.boosts]]
name = "bestsellers"
item = "category=bestseller"
points = 0.7

[[policies.caps]]
name = "categories"
by = "category"
most = 4

[[policies.caps]]
name = "prices"
by = "price"
most = 7

[[policies.quotas]]
name = "gifts"
item = "category=gift"
least = 2

[policies.diversity]
strength = 0.2
by = "als"

[policies.fatigue]
nights = 1
within = 3

[policies.minimum]
chance = 0.0001

[experiment]
name = "spring"

[[experiment.variants]]
name = "control"
share = 0.5

[[experiment.variants]]
name = "free"
share = 0.5
models = ["ease", "als", "popularity"]

[experiment.variants.policies.exploration]
least = 1
"""
Row = dict[str, Any]


@pytest.fixture(scope="module")
def shop_with_policies(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("policies") / "shop")
    workspace.create(WITHOUT_NETWORKS.replace("min_new_users = 30", "min_new_users = 200") + SETTINGS)
    shop = Shop(SMALL_SHOP)
    for day in (FIRST, SECOND):
        write_delivery(shop, day, workspace.root / "inbox")
        ending = run_night(workspace.root, day, load_settings(workspace.root), Options())
        assert ending.ending == "published", ending.reason
    return workspace


@pytest.fixture(scope="module")
def items(shop_with_policies: Workspace) -> dict[int, Row]:
    """Return what the newest catalogue says of each item."""
    rows = [row for path in sorted((shop_with_policies.raw / "items").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    return {int(row["item_id"]): row for row in rows}


def rows(workspace: Workspace, table: str, day: date = SECOND) -> list[Row]:
    return pq.read_table(workspace.table(table, day)).to_pylist()


def lists(workspace: Workspace, variant: str, day: date = SECOND) -> dict[int, list[Row]]:
    """Return the lists of the users in a variant."""
    found = defaultdict(list)
    for row in rows(workspace, "recommendations", day):
        if row["variant"] == variant:
            found[row["user_id"]].append(row)
    return found


def since(path: Path) -> bool:
    """Tell whether a delivery is the one of the second night."""
    return json.loads(path.with_suffix(".json").read_text())["first_night"] == str(SECOND)


def categories(items: dict[int, Row], item: int) -> list[str]:
    return [name.lower() for name in json.loads(json.loads(items[item]["attributes"])["category"])]


def test_every_list_of_the_control_keeps_every_rule(shop_with_policies, items):
    """Caps to the letter, nothing refurbished, garden tools in one country alone, gifts where caps leave room, scores that add up."""
    users = pq.read_table(next((shop_with_policies.raw / "users").glob("*.parquet"))).to_pylist()
    in_germany = {int(user["user_id"]) for user in users if json.loads(user["attributes"]).get("country") == "DE"}
    with_gifts = Counter()
    for user, listed in lists(shop_with_policies, "control").items():
        of_list = [categories(items, row["item_id"]) for row in listed]
        counted = Counter(name for names in of_list for name in names)
        assert max(counted.values()) <= 4
        assert "refurbished" not in counted
        assert user in in_germany or "garden" not in counted
        bands = Counter(
            sum(float(json.loads(items[row["item_id"]]["attributes"])["price"]) >= bound for bound in (20, 60)) for row in listed
        )
        assert max(bands.values()) <= 7
        with_gifts[min(2, counted["gift"])] += 1
        parts = [sum(row[name] or 0 for name in ("collaborative", "sequential", "content", "knowledge", "policy")) for row in listed]
        assert parts == pytest.approx([row["score"] for row in listed], abs=1e-6)
    assert with_gifts[2] > 0.9 * with_gifts.total()


def test_a_variant_has_its_own_models_and_policies(shop_with_policies, items):
    """Only three models speak to it, no cap of the control holds, and what holds for everybody does."""
    found = lists(shop_with_policies, "free")
    assert all(row["sequential"] is None and row["content"] is None for listed in found.values() for row in listed)
    counts = [Counter(name for row in listed for name in categories(items, row["item_id"])) for listed in found.values()]
    assert max(max(count.values()) for count in counts) > 4
    assert not any("refurbished" in count for count in counts)


def test_what_was_shown_and_not_taken_up_is_shown_to_nobody_again(shop_with_policies):
    """One night is enough to tire; those rows say so where they still score well. What was viewed since may come back."""
    before = {(row["user_id"], row["item_id"]) for row in rows(shop_with_policies, "recommendations", FIRST)}
    tonight = {(row["user_id"], row["item_id"]) for row in rows(shop_with_policies, "recommendations")}
    (newest,) = [path for path in (shop_with_policies.raw / "interactions").glob("*.parquet") if since(path)]
    taken_up = {(int(row["user_id"]), int(row["item_id"])) for row in pq.read_table(newest).to_pylist() if row["user_id"]}
    assert before & tonight <= taken_up
    told = {(row["user_id"], row["item_id"]): row for row in rows(shop_with_policies, "why_not")}
    tired = {pair for pair, row in told.items() if row["cause"] == "tired_of"}
    assert tired
    assert tired <= before
    assert {told[pair]["rule"] for pair in tired} == {"fatigue"}


def test_candidates_are_recommended_or_absent_for_a_reason(shop_with_policies):
    """Of the best 3 K of every user, the missing ranks are no more than what is recommended; every cause but rank has its rule."""
    listed = defaultdict(set)
    for row in rows(shop_with_policies, "recommendations"):
        listed[row["user_id"]].add(row["item_id"])
    absent = defaultdict(dict)
    for row in rows(shop_with_policies, "why_not"):
        absent[row["user_id"]][row["candidate_rank"]] = row
    assert set(absent) <= set(listed)
    for user, by_rank in absent.items():
        assert not {row["item_id"] for row in by_rank.values()} & listed[user]
        assert max(by_rank) <= 3 * K
        assert max(by_rank) - len(by_rank) <= len(listed[user])
        scores = [by_rank[rank]["score"] for rank in sorted(by_rank)]
        assert scores == sorted(scores, reverse=True)
    causes = {(row["cause"], row["rule"]) for by_rank in absent.values() for row in by_rank.values()}
    assert {("capped", "caps.categories"), ("seen", "seen"), ("unavailable", "available"), ("ineligible", "eligibility.garden")} <= causes
    assert all((cause == "rank") == (rule == "") for cause, rule in causes)


def changed(workspace: Workspace) -> Iterator[tuple[tuple[int, int], int | None, int | None]]:
    before, after = (
        {(row["user_id"], row["item_id"]): row["rank"] for row in rows(workspace, "recommendations", day)} for day in (FIRST, SECOND)
    )
    for pair in before.keys() | after.keys():
        if before.get(pair) != after.get(pair):
            yield pair, before.get(pair), after.get(pair)


def test_changes_are_all_there_is_between_the_two_nights(shop_with_policies):
    """Both ways, and what left for a rule names it."""
    told = {(row["user_id"], row["item_id"]): (row["rank_before"], row["rank"]) for row in rows(shop_with_policies, "changes")}
    assert told == {pair: (before, after) for pair, before, after in changed(shop_with_policies)}
    left = Counter((row["cause"], row["detail"]) for row in rows(shop_with_policies, "changes") if row["change"] == "left")
    assert left["policy", "fatigue"] > 0


def test_what_each_rule_costs_is_measured(shop_with_policies):
    """Every rule but fatigue has its rows; without policies the lists of most users would be others."""
    judged = [row for row in rows(shop_with_policies, "metrics") if row["segment"] == "__all__"]
    found = {(row["ranking"], row["metric"]): row["value"] for row in judged if row["metric"] != "ndcg" or row["k"] == 10}
    rules = {ranking for ranking, metric in found if metric == "ndcg_cost"}
    assert rules == {"without policies"} | {
        f"without {rule}"
        for rule in (
            *("eligibility.garden", "boosts.bestsellers", "caps.categories", "caps.prices", "quotas.gifts", "diversity", "minimum"),
        )
    }
    assert found["without policies", "lists_changed"] > 0.5
    assert found["without policies", "ndcg"] - found["with policies", "ndcg"] == pytest.approx(found["without policies", "ndcg_cost"])


def test_the_first_night_is_judged_by_variant_once_people_went_on(shop_with_policies):
    segments = {row["segment"] for row in rows(shop_with_policies, "metrics") if row["ranking"] == f"published {FIRST}"}
    assert "__all__" in segments
    assert any(segment.startswith("variant: ") for segment in segments)


def test_one_row_per_list_says_the_same(shop_with_policies):
    wide = {row["user_id"]: (row["item_ids"], row["variant"]) for row in rows(shop_with_policies, "recommendations_wide")}
    long = defaultdict(list)
    for row in rows(shop_with_policies, "recommendations"):
        long[row["user_id"], row["variant"]].append(row["item_id"])
    assert wide == {user: (listed, variant) for (user, variant), listed in long.items()}


def test_the_same_night_again_is_unchanged(shop_with_policies, run):
    """Fatigue reads earlier lists: they are part of what makes a night the same."""
    assert run(shop_with_policies, SECOND).ending == "unchanged"
