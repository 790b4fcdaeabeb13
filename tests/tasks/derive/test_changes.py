"""Claims about `tasks.derive.changes`: nothing that changed is left out, and the first cause that holds is named."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.derive import changes
from tasks.derive.changes import write_changes
from tasks.policies.seen import SeenConfig
from tests.tasks.derive.conftest import IDS, NOON, filled, happened, recommendations, small

FOREVER = SeenConfig()
AFTER, EARLIER = "2026-01-04 12:00:01", "2026-01-01 00:00:00"

some_lists = st.dictionaries(st.integers(1, 5), st.lists(st.integers(1, 6), min_size=1, max_size=5, unique=True), max_size=5)


def places(lists):
    """Return (user, item) -> rank."""
    return {(user, item): rank for user, items in lists.items() for rank, item in enumerate(items, start=1)}


def written(world, k: int = 5, seen: SeenConfig = FOREVER):
    """Write the changes and read them."""
    write_changes(world.night, world.warehouse, k, IDS, seen)
    table = pq.read_table(world.night.staged_table("changes"))
    assert table.sort_by([("user_id", "ascending"), ("item_id", "ascending")]) == table
    return table.to_pylist()


def causes(world):
    """Return (user, item) -> change, cause and detail."""
    return {(row["user_id"], row["item_id"]): (row["change"], row["cause"], row["detail"]) for row in written(world)}


def test_either_lists_can_be_made_of_the_others_and_what_changed(night, monkeypatch):
    """Whatever the lists, and however few users are compared at a time."""
    monkeypatch.setattr(changes, "ROWS_AT_ONCE", 15)
    with small(night) as world:

        @settings(max_examples=25)
        @given(before=some_lists, tonight=some_lists)
        def holds(before, tonight):
            world.serve(recommendations=recommendations(before))
            world.stage("recommendations", recommendations(tonight))
            rows = written(world)
            was, made = places(before), places(tonight)
            for row in rows:
                pair = row["user_id"], row["item_id"]
                assert row["rank_before"] != row["rank"]
                assert was.pop(pair, None) == row["rank_before"]
                assert made.pop(pair, None) == row["rank"]
                assert row["change"] == ("entered" if row["rank_before"] is None else "left" if row["rank"] is None else "moved")
            assert was == made
            assert len({(row["user_id"], row["item_id"]) for row in rows}) == len(rows)

        holds()


def test_lists_that_are_the_same_have_no_changes(world):
    world.serve(recommendations=recommendations({1: [1, 2]}))
    world.stage("recommendations", recommendations({1: [1, 2]}))
    assert written(world) == []


LEAVES = {1: [1, 2, 3], 2: [1, 2, 3]}, {1: [1, 2], 2: [1, 2, 3]}
ENTERS = LEAVES[1], LEAVES[0]
MOVES = {1: [1, 2]}, {1: [2, 1]}
NAMED = filled("why_not", [{"user_id": 1, "candidate_rank": 1, "item_id": 3, "cause": "capped", "rule": "caps.genres"}])
SCORED_LESS = filled("why_not", [{"user_id": 1, "candidate_rank": 1, "item_id": 3, "cause": "rank", "rule": ""}])
SEEN_BEFORE = filled("why_not", [{"user_id": 1, "candidate_rank": 1, "item_id": 3, "cause": "seen", "rule": "seen"}])


@pytest.mark.parametrize(
    ("reasons", "did", "item", "variant", "expected"),
    [
        (NAMED, f"(1, 3, '{AFTER}', null, null)", "false", "b", ("seen", "")),
        (NAMED, f"(2, 3, '{AFTER}', null, null)", "false", "b", ("unavailable", "")),
        (NAMED, f"(1, 9, '{AFTER}', null, null)", "true", "b", ("policy", "caps.genres")),
        (SEEN_BEFORE, f"(1, 9, '{AFTER}', null, null)", "true", "b", ("variant", "")),
        (SCORED_LESS, f"(1, 9, '{AFTER}', null, null)", "true", "a", ("new_event", "")),
        (SCORED_LESS, f"(1, 9, '{NOON}.999999', null, null)", "true", "a", ("models", "")),
    ],
)
def test_what_made_an_item_leave_is_named_in_this_order(world, reasons, did, item, variant, expected):
    """From what the user saw to what nothing but the models explains; an event within the last second that was known is none since."""
    world.serve(recommendations=recommendations(LEAVES[0], variant={1: "a", 2: "a"}))
    world.stage("recommendations", recommendations(LEAVES[1], variant={1: variant, 2: "a"}))
    world.stage("why_not", reasons)
    happened(world, did)
    world.know("training.items", "item_id, is_known, is_available", f"(3::bigint, true, {item})", "(1, true, true)", "(2, true, true)")
    assert causes(world) == {(1, 3): ("left", *expected)}


def test_users_who_came_or_went_explain_all_their_places(world):
    """Their items enter and leave with them, whatever else holds."""
    world.serve(recommendations=recommendations({1: [1], 2: [2]}))
    world.stage("recommendations", recommendations({2: [2], 3: [3]}, policy={(3, 3): 1.0}))
    happened(world, f"(1, 1, '{AFTER}', null, null)", f"(3, 9, '{AFTER}', null, null)")
    assert causes(world) == {(1, 1): ("left", "user_gone", ""), (3, 3): ("entered", "new_user", "")}


@pytest.mark.parametrize(
    ("available_from", "first_met", "before", "adds", "expected"),
    [
        (AFTER, EARLIER, NAMED, 1.0, ("new_item", "")),
        (None, AFTER, NAMED, 1.0, ("new_item", "")),
        (EARLIER, AFTER, NAMED, 1.0, ("policy", "caps.genres")),
        (None, EARLIER, SEEN_BEFORE, 1.0, ("policy", "seen")),
        (None, EARLIER, SCORED_LESS, 1.0, ("policy", "raised")),
        (None, EARLIER, SCORED_LESS, -1.0, ("new_event", "")),
        (None, EARLIER, None, 0.0, ("new_event", "")),
    ],
)
def test_what_made_an_item_enter_is_named_in_this_order(world, available_from, first_met, before, adds, expected):
    """A new item, a rule that left it out before, a rule that lifts it; then the user's events."""
    tables = {} if before is None else {"why_not": before}
    world.serve(recommendations=recommendations(ENTERS[0]), **tables)
    world.stage("recommendations", recommendations(ENTERS[1], policy={(1, 3): adds}))
    since = "null" if available_from is None else f"'{available_from}'"
    world.know("staging.items", "item_id, available_from", f"(3::bigint, {since}::timestamp)")
    happened(world, f"(2, 3, '{first_met}', null, null)", f"(1, 9, '{AFTER}', null, null)")
    assert causes(world) == {(1, 3): ("entered", *expected)}


def test_an_item_that_could_be_shown_before_is_not_new(world):
    """The exposure of the night before names it, so that the first event it was met by does not make it new; one without is new."""
    shown = filled("exposure", [{"item_id": 3, "segment": "__all__"}])
    world.serve(recommendations=recommendations({1: [1]}), exposure=shown)
    world.stage("recommendations", recommendations({1: [3, 4]}))
    happened(world, f"(2, 3, '{AFTER}', null, null)", f"(2, 4, '{AFTER}', null, null)")
    assert {pair: cause for pair, (change, cause, _) in causes(world).items() if change == "entered"} == {
        (1, 3): "models",
        (1, 4): "new_item",
    }


def test_without_times_nothing_is_an_event_since(world):
    """Nothing tells what was known then; but what could be shown then, the exposure tells."""
    world.serve(None, recommendations=recommendations({1: [1, 2]}), exposure=filled("exposure", [{"item_id": 3, "segment": "__all__"}]))
    world.stage("recommendations", recommendations({1: [2, 3, 4]}))
    happened(world, "(1, 9, null, null, null)")
    assert {pair: cause for pair, (_, cause, _) in causes(world).items()} == {
        (1, 1): "models",
        (1, 2): "models",
        (1, 3): "models",
        (1, 4): "new_item",
    }


@pytest.mark.parametrize(
    ("adds", "variant", "expected"),
    [((0.0, 0.5), "b", "raised"), ((0.5, -0.5), "b", "lowered"), ((0.5, 0.7), "b", "variant"), ((0.0, 0.0), "a", "models")],
)
def test_an_item_moves_by_policy_once_that_lifts_it_or_lowers_it_otherwise(world, adds, variant, expected):
    """More of the same is no new policy."""
    both = [{(1, 1): add, (1, 2): add} for add in adds]
    world.serve(recommendations=recommendations(MOVES[0], both[0], {1: "a"}))
    world.stage("recommendations", recommendations(MOVES[1], both[1], {1: variant}))
    cause = ("policy", expected) if expected in ("raised", "lowered") else (expected, "")
    assert causes(world) == {(1, item): ("moved", *cause) for item in (1, 2)}


def test_lists_of_an_older_contract_are_compared(world):
    """They have no variants, which is as if nobody had been in one."""
    world.serve(recommendations=recommendations({1: [1, 2]}).drop_columns("variant"))
    world.stage("recommendations", recommendations({1: [2, 1]}))
    assert {cause for _, cause, _ in causes(world).values()} == {"models"}


def test_there_are_no_changes_without_lists_to_compare(world):
    """None served before, damaged ones, or ids of another type."""
    world.stage("recommendations", recommendations({1: [2, 1]}))
    assert written(world) == []
    text = recommendations({1: [1, 2]})
    world.serve(recommendations=text.set_column(0, "user_id", text["user_id"].cast("string")))
    assert written(world) == []
    world.serve(recommendations=text)
    assert len(written(world)) == 2
    served = world.night.workspace.table("recommendations", world.night.run_date.replace(day=4))
    served.write_bytes(served.read_bytes()[:-8])
    assert written(world) == []


def test_causes_are_counted(world):
    world.serve(recommendations=recommendations({1: [1, 2], 2: [1]}))
    world.stage("recommendations", recommendations({1: [2, 1]}))
    assert write_changes(world.night, world.warehouse, 2, IDS, FOREVER) == {"models": 2, "user_gone": 1}


@pytest.mark.parametrize(("met", "cause", "other"), [("2026-01-05 10:00:00", "seen", "new_event"), (EARLIER, "models", "models")])
def test_what_may_be_recommended_again_did_not_leave_for_being_seen(world, met, cause, other):
    """Where views keep an item out for a day, one of days ago is no reason; another type of event is, whenever it happened."""
    world.serve(recommendations=recommendations({1: [1, 2, 3]}))
    world.stage("recommendations", recommendations({1: [3]}))
    happened(world, f"(1, 1, '{met}', 'view', null)", f"(1, 2, '{EARLIER}', 'purchase', null)")
    rows = {row["item_id"]: row["cause"] for row in written(world, seen=SeenConfig(types={"view": 1}))}
    assert rows == {1: cause, 2: "seen", 3: other}
