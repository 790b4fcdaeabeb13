"""Claims about `tasks.explain`, on nights that were published by hand: every place, every cause, every event has its account."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest

from tasks.explain import explain
from tasks.explain.causes import setting_of
from tasks.in_memory import in_memory
from tasks.ingest import keep
from tasks.lock import locked
from tasks.night import Receipt
from tasks.raw_facts import events_of
from tasks.refusals import StorageError, UsageError
from tasks.served_night import served_night
from tasks.storage import file_hash
from tasks.warehouse import open_warehouse
from tasks.workspace import Workspace
from tests.published_nights import accept, everything, list_of, publish_by_hand

SUNDAY, MONDAY, TUESDAY = date(2026, 1, 4), date(2026, 1, 5), date(2026, 1, 6)

POLICIES = {
    "unavailable_where": {"in_stock": ["false"]},
    "own_items": "seller",
    "seen": {"default": "forever", "types": {"view": 3, "glance": "never"}},
    "blocks": {"items": ["23"], "users_attribute": None},
    "eligibility": [{"name": "country", "match": {"user": "country", "item": "ships_to"}, "missing": "allow"}],
    "caps": [{"name": "genres", "by": "genres", "most": 2}, {"name": "prices", "by": "price", "most": 1}],
    "quotas": [{"name": "local", "item": "origin=local", "least": 2}],
    "diversity": {"strength": 0.5, "by": "descriptions"},
    "fatigue": {"nights": 3, "within": 7},
    "minimum": {"chance": 0.2},
}
SETTINGS = {"score": {"k": 5}, "policies": POLICIES, "features": {"bands": {"price": [10.0, 20.0]}}, "events": {"impressions": ["shown"]}}

LEFT_OUT = {
    20: ("rank", ""), 21: ("seen", "seen"), 22: ("unavailable", "available"), 23: ("blocked", "blocks.items"),
    24: ("own_item", "own_items"),
    25: ("ineligible", "eligibility.country"), 26: ("tired_of", "fatigue"), 27: ("below_minimum", "minimum"), 28: ("capped", "caps.genres"),
    29: ("diversified", "diversity"), 30: ("displaced", "quotas.local"), 31: ("capped", "caps.prices"),
}  # fmt: skip
"""Candidate -> why it is not in the list 10, 11, 12, 13 of user 7."""


def catalogue() -> list[dict[str, Any]]:
    """Describe the items 10 to 42, but for 32 to 39."""
    told: dict[int, dict[str, Any]] = {item: {"title": f"Item {item}"} for item in (*range(10, 32), 40, 41, 42)}
    told[22] |= {"available_until": "2026-01-01T00:00:00Z", "attributes": json.dumps({"in_stock": "False"})}
    told[41] |= {"available_from": "2026-02-01T00:00:00Z"}
    for item, genres in ((10, "Comedy|Drama"), (11, "drama"), (12, "comedy"), (28, "Comedy|War")):
        told[item] |= {"attributes": json.dumps({"Genres": genres, "price": str(item)})}
    told[13] |= {"attributes": json.dumps({"Genres": "war"})}
    told[31] |= {"attributes": json.dumps({"price": "10.5"})}
    return [{"item_id": str(item), **facts} for item, facts in told.items()]


def event(user: Any, item: Any, at: str | None, kind: str = "view", **facts: Any) -> dict[str, Any]:
    return {"user_id": str(user), "item_id": str(item), "occurred_at": at, "event_type": kind} | facts


def events_on(*, sunday: bool) -> list[dict[str, Any]]:
    """Return a delivery of two: of what user 7 did, and of rows that do not count."""
    if sunday:
        return [
            event(7, 21, "2026-01-02T10:00:00Z"),
            event(7, 21, "2026-01-02T10:00:00Z"),  # the same once more
            event(7, 42, "2026-01-01T09:00:00Z", "purchase", value="2"),
            event(8, 10, "2026-01-03T09:00:00Z"),
            event(8, 20, "2026-01-02T09:00:00Z"),
            event(8, 40, "2026-01-03T09:00:00Z", "glance"),
            event(7, 40, "2026-01-03T09:00:00Z", "shown"),  # an impression
            event(7, "x", "2026-01-03T09:00:00Z"),  # no such id
            event(7, 15, "2026-01-03T09:00:00Z", malformed="torn"),
            event(7, 15, "whenever"),
        ]
    return [event(7, 21, "2026-01-04T10:00:00Z", event_id="a"), event(7, 13, "2026-01-06T00:00:00Z"), event(77, 10, "2026-01-05T09:00:00Z")]


def put(workspace: Workspace, **changed: Any) -> None:
    """Publish Sunday and Monday; of Monday, tables may be other than told above."""
    inputs = accept(workspace, "items", "catalogue", SUNDAY, catalogue())
    inputs |= accept(workspace, "interactions", "sunday", SUNDAY, events_on(sunday=True))
    inputs |= accept(workspace, "interactions", "monday", MONDAY, events_on(sunday=False))
    accept(workspace, "interactions", "later", TUESDAY, [event(7, 14, "2026-01-03T10:00:00Z")])  # late: Monday had not got it
    publish_by_hand(workspace, SUNDAY, everything(recommendations=list_of(7, 10)), inputs=inputs, settings=SETTINGS)
    scores = {"candidate_rank": 5, "score": 5.5}
    tables = {
        "recommendations": list_of(7, 10, 11, 12, 13, because_item_id=42) + list_of(8, 11),
        "why_not": [
            {"user_id": 7, "item_id": item, "cause": cause, "rule": rule, **scores, "candidate_rank": place}
            for place, (item, (cause, rule)) in enumerate(LEFT_OUT.items(), start=5)
        ],
        "changes": [{"user_id": 7, "item_id": 11, "change": "entered", "rank": 2, "cause": "new_event", "detail": ""}],
        "coverage": [{"fact": "short_list", "subject": subject, "reason": "few items are left"} for subject in ("7", "9")],
        "similar_items": [{"item_id": 42, "rank": 3, "similar_item_id": 11, "score": 0.25, "reason": "content"}],
        "exposure": [
            {"item_id": item, "segment": "__all__", "n_lists": 2, "n_first": 1, "share": 1.0}
            for item in (*range(10, 22), *range(23, 32), 40, 42)
        ],
    }  # fmt: skip
    tables |= changed
    publish_by_hand(workspace, MONDAY, everything(**tables), inputs=inputs, settings=SETTINGS, champion=f"night-{SUNDAY}")


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """Return a workspace with the two nights."""
    put(workspace)
    return workspace


def test_a_list_is_told_as_it_was_published_with_titles(shop):
    told = explain(shop, "7")
    assert [(place.rank, place.item_id, place.title, place.score) for place in told.recommendations] == [
        (1, 10, "Item 10", 9.0), (2, 11, "Item 11", 8.0), (3, 12, "Item 12", 7.0), (4, 13, "Item 13", 6.0),
    ]  # fmt: skip
    assert told.recommendations[0].parts == {"collaborative": 9.0, "sequential": None, "content": None, "knowledge": None, "policy": 0.0}
    assert (told.recommendations[0].because_item_id, told.recommendations[0].because_title) == (42, "Item 42")
    assert (told.user_id, told.run_date, told.k, told.short_because, told.sums_hold) == (7, MONDAY, 5, "few items are left", True)


def test_what_is_left_out_and_what_changed_is_told_with_its_cause(shop):
    told = explain(shop, "7")
    assert {row.item_id: (row.cause, row.rule) for row in told.why_not or ()} == LEFT_OUT
    assert [(row.item_id, row.title, row.change, row.cause) for row in told.changes or ()] == [(11, "Item 11", "entered", "new_event")]
    assert told.changed_since == SUNDAY


def test_another_date_is_told_where_it_is_asked_for(shop):
    told = explain(shop, "7", day=SUNDAY)
    assert (told.run_date, [place.item_id for place in told.recommendations], told.why_not, told.changed_since) == (SUNDAY, [10], (), None)


def test_the_past_is_what_counted_that_night_each_event_once(shop):
    """Refused rows, copies, other people's events, later ones and those delivered later are left out; the newest comes first."""
    told = explain(shop, "7")
    at = datetime.fromisoformat
    assert [(did.occurred_at, did.item_id, did.title, did.event_type, did.value) for did in told.history] == [
        (at("2026-01-04T10:00:00"), 21, "Item 21", "view", None),
        (at("2026-01-02T10:00:00"), 21, "Item 21", "view", None),
        (at("2026-01-01T09:00:00"), 42, "Item 42", "purchase", 2.0),
    ]
    assert told.n_events == 3


def test_the_past_is_what_the_night_itself_staged(workspace, night, deliver, stage_inbox):
    """The slow way is the pipeline: whatever is wrong with rows, what is told of a user is what was staged of them."""
    rows = (
        "1,10,2026-01-05T10:00:00Z,view,,e1", "1,10,2026-01-05T10:00:00Z,view,,e1", "1,11,2026-01-05T10:00:00Z,view,,e1",
        "01,12,2026-01-05T10:00:00Z,view,,", "1,13,2026-01-05 10:00:00,view,,", "1,14,1767600000,buy,3,",
        "1,15,2026-01-06T00:00:00Z,view,,",
        "1,16,1980-01-05T10:00:00Z,view,,", "1,17,2026-01-05T11:00:00+02:00,view,-3,", "1,18,2026-01-05T11:00:00+02:00,view,nan,",
        "1,,2026-01-05T10:00:00Z,view,,", "2,10,2026-01-05T10:00:00Z,view,,", "1,20,2026-01-05T09:00:00Z,,,",
        "1,20,2026-01-05T09:00:00Z,,,",
        "1,21,2026-01-05T09:00:00Z,hover,,",
    )  # fmt: skip
    deliver("monday.csv", "user_id,item_id,occurred_at,event_type,value,event_id\n" + "\n".join(rows) + "\n")
    weights = {"view": 1.0, "buy": 2.0, "": 1.0}
    delivered, _ = stage_inbox(source={"user_id_type": "integer"}, weights=weights)
    with open_warehouse(night()) as warehouse:
        staged = warehouse.table("staging.interactions").to_pylist()
    keep(night(), delivered, Receipt())
    inputs = {delivery.sha256: {"source": delivery.source, "name": delivery.name} for delivery in delivered.deliveries}
    publish_by_hand(workspace, MONDAY, everything(), inputs=inputs, settings={"events": {"weights": weights}})
    at = served_night(workspace)
    with in_memory(workspace.root, at.id_types) as store:
        told = events_of(store, at, 1)
    names = ("item_id", "occurred_at", "event_type", "value")
    expected = [tuple(row[name] for name in names) for row in staged if row["user_id"] == 1]
    assert len(expected) == 3
    assert sorted((tuple(getattr(each, name) for name in names) for each in told), key=str) == sorted(expected, key=str)


SAID = {
    20: ("0.5000 below the last place of the list (place 4); there collaborative adds most (6.0000)", "[[policies.boosts]]"),
    21: ("2 events (view), first 2026-01-02 10:00, last 2026-01-04 10:00 UTC", "until 2026-01-07 10:00 UTC"),
    22: ("available until 2026-01-01 00:00 UTC", "available_until"),
    23: ("blocked", '[policies.blocks] items = ["23"]'),
    24: ("offers it", '[policies] own_items = "seller"'),
    25: (
        "may not be shown it",
        '[[policies.eligibility]] name = "country", match = {item = "ships_to", user = "country"}, missing = "allow"',
    ),
    26: ("many nights", "[policies.fatigue] nights = 3, within = 7"),
    27: ("the chance", "[policies.minimum] chance = 0.2"),
    28: ("no more than 2 items of a list share genres = comedy, and these do: 10 (place 1), 12 (place 3)", "would have to leave the list"),
    29: ("much like items above it", '[policies.diversity] by = "descriptions", strength = 0.5'),
    30: ("kept for items of a rule", '[[policies.quotas]] name = "local", item = "origin=local", least = 2'),
    31: ("share price = 10 to 20, and these do: 10 (place 1), 11 (place 2), 12 (place 3)", '[[policies.caps]] name = "prices"'),
}
"""Candidate -> what is said of why it is absent, and of what would have to change."""


@pytest.mark.parametrize("item", SAID)
def test_every_cause_says_why_and_what_would_have_to_change(shop, item):
    answer = explain(shop, "7", str(item)).item
    assert answer.standing == "left_out"
    assert (answer.candidate.cause, answer.candidate.rule) == LEFT_OUT[item]
    because, change = SAID[item]
    assert because in " ".join(answer.because)
    assert change in " ".join(answer.would_have_to_change)


def test_an_item_that_is_not_in_stock_names_the_attribute_and_the_setting(shop):
    answer = explain(shop, "7", "22").item
    assert "it is not available: in_stock is False" in answer.because
    assert any('the setting is [policies.unavailable_where] in_stock = ["false"]' in change for change in answer.would_have_to_change)


def test_a_cap_names_only_values_that_are_full(shop):
    """One war film is in the list, and two may be."""
    assert "war" not in " ".join(explain(shop, "7", "28").item.because)


@pytest.mark.parametrize(("item", "standing"), [("10", "seen"), ("20", "below_candidates"), ("40", "below_candidates")])
def test_what_was_seen_counts_for_as_long_as_the_settings_say(shop, item, standing):
    """User 8 viewed 10 less than three days ago and 20 earlier; a glance at 40 never counted."""
    assert explain(shop, "8", item).item.standing == standing


def test_a_purchase_keeps_an_item_away_for_ever(shop):
    """Item 42 was bought, and is no candidate."""
    answer = explain(shop, "7", "42").item
    assert answer.standing == "seen"
    assert "for ever" in answer.would_have_to_change[0]
    assert "it was not among the best candidates of the user either" in answer.because


def test_an_item_in_the_list_is_told_by_what_it_is_made_of(workspace):
    """Contributions come by size, with what resembles the item it is recommended because of, and what changed."""
    parts = {
        "score": 6.5,
        "blended_score": 6.0,
        "collaborative": 1.0,
        "content": 5.5,
        "knowledge": -0.5,
        "policy": 0.5,
        "reason": "content",
    }
    put(workspace, recommendations=list_of(7, 11, because_item_id=42, **parts))
    answer = explain(workspace, "7", "11").item
    assert answer.standing == "recommended"
    assert answer.contributions == (("content", 5.5), ("collaborative", 1.0), ("policy", 0.5), ("knowledge", -0.5))
    assert [(each.item_id, each.similar_item_id, each.rank, each.score) for each in answer.resemblances] == [(42, 11, 3, 0.25)]
    assert (answer.changed.change, answer.shown.n_lists, answer.would_have_to_change) == ("entered", 2, ())


@pytest.mark.parametrize(("item", "standing"), [("40", "below_candidates"), ("41", "unavailable"), ("99", "unknown"), ("book", "unknown")])
def test_an_item_that_is_not_even_a_candidate_says_what_is_known_of_it(shop, item, standing):
    answer = explain(shop, "7", item).item
    assert (answer.standing, answer.candidate, answer.place) == (standing, None, None)
    assert answer.because
    if standing == "below_candidates":
        assert "below the best 15 of the user: below 5.5000; the last place of the list scored 6.0000" in answer.because[0]
    if standing == "unavailable":
        assert "only from 2026-02-01" in answer.because[0]


def test_a_candidate_above_the_last_place_is_not_said_to_have_scored_less(workspace):
    """Rules that arrange a list may put lower scores before higher ones."""
    why_not = [{"user_id": 7, "item_id": 20, "candidate_rank": 2, "score": 7.5, "cause": "rank", "rule": ""}]
    put(workspace, why_not=why_not)
    answer = explain(workspace, "7", "20").item
    assert answer.missing == -1.5
    assert "1.5000 more than the last place" in answer.because[1]


def test_a_score_that_is_not_the_sum_of_its_parts_is_seen(workspace):
    put(workspace, recommendations=list_of(7, 10, 11, policy=2e-6))
    told = explain(workspace, "7")
    assert (told.sums_hold, told.largest_gap) == (False, pytest.approx(2e-6))


def test_of_a_stranger_the_popular_items_and_ids_like_theirs_are_told(shop):
    told = explain(shop, "18")
    assert (told.is_known, told.recommendations, told.history) == (False, (), ())
    assert [(place.item_id, place.title) for place in told.popular] == [(10, "Item 10")]
    assert told.alike[0] == 8


@pytest.mark.parametrize("user", ["seven", "007", "7.0", "99999999999999999999"])
def test_what_is_no_id_of_the_workspace_is_a_stranger(shop, user):
    assert not explain(shop, user).is_known


@pytest.mark.parametrize(("user", "n_events", "reason"), [("9", 0, "few items are left"), ("77", 1, None)])
def test_somebody_without_a_list_but_heard_of_is_no_stranger(shop, user, n_events, reason):
    told = explain(shop, user)
    assert (told.is_known, told.recommendations, told.n_events, told.short_because) == (True, (), n_events, reason)


def test_ids_of_text_are_found_as_they_are(workspace):
    """No catalogue was delivered: nothing has a title, and every item somebody met is known."""
    types = {"user_id": "text", "item_id": "text"}
    inputs = accept(workspace, "interactions", "texts", SUNDAY, [event("007", "b-1", "2026-01-02T10:00:00Z")])
    tables = everything(recommendations=list_of("007", "a-1"), popular_items=(), exposure=[{"item_id": "c-1", "segment": "__all__"}])
    publish_by_hand(workspace, MONDAY, tables, types, inputs=inputs, settings=SETTINGS)
    told = explain(workspace, "007", "b-1")
    assert [place.item_id for place in told.recommendations] == ["a-1"]
    assert [did.item_id for did in told.history] == ["b-1"]
    assert explain(workspace, "007", "c-1").item.standing == "below_candidates"
    assert explain(workspace, "007", "d-1").item.standing == "unknown"
    assert not explain(workspace, "7").is_known


def test_a_date_published_with_fewer_tables_says_what_it_does_not_know(workspace):
    tables = {
        name: rows for name, rows in everything(recommendations=list_of(7, 10)).items() if name not in ("why_not", "changes", "exposure")
    }
    publish_by_hand(workspace, MONDAY, tables)
    told = explain(workspace, "7", "11")
    assert (told.why_not, told.changes) == (None, None)
    assert told.item.standing == "below_candidates"
    assert "published without the table why_not" in told.item.because[0]


def test_dates_that_are_not_published_are_refused_with_those_that_are(shop, tmp_path):
    with pytest.raises(UsageError, match="2026-01-04, 2026-01-05"):
        explain(shop, "7", day=TUESDAY)
    empty = Workspace(tmp_path / "empty")
    empty.create("")
    with pytest.raises(UsageError, match="none yet"):
        explain(empty, "7")
    shop.pointer.write_text("{}")
    with pytest.raises(UsageError, match="name a date: 2026-01-04, 2026-01-05"):
        explain(shop, "7")


@pytest.mark.parametrize("damage", ["gone", "torn", "other"])
def test_a_table_that_is_not_what_the_manifest_names_is_refused(shop, damage):
    file, other = (shop.table("recommendations", day) for day in (MONDAY, SUNDAY))
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"PAR1" if damage == "torn" else other.read_bytes())
    with pytest.raises(StorageError, match="nightly verify"):
        explain(shop, "7")


def test_raw_rows_that_are_gone_are_named(shop):
    next((shop.raw / "interactions").glob("monday*.parquet")).unlink()
    with pytest.raises(StorageError, match="the rows of monday"):
        explain(shop, "7")


def test_nothing_is_written_and_a_night_may_be_at_work(shop):
    """Every file of the workspace is as it was, the warehouse is not opened, and the lock is not asked for."""
    shop.warehouse.write_bytes(b"a night has it open")
    with locked(shop, "a night", datetime.fromisoformat("2026-01-06T03:00:00")):
        before = {str(path): file_hash(path) for path in sorted(shop.root.rglob("*")) if path.is_file()}
        assert explain(shop, "7", "21").is_known
        assert {str(path): file_hash(path) for path in sorted(shop.root.rglob("*")) if path.is_file()} == before


@pytest.mark.parametrize("rule", ["caps.genres", "fatigue", "own_items", "blocks.items", "minimum"])
def test_a_rule_of_a_night_without_policies_still_names_its_setting(rule):
    assert setting_of(rule, {}).startswith(("[policies", "[[policies"))


def test_a_rule_is_told_as_the_variant_of_the_user_has_it(workspace):
    """Where an experiment gives the user other policies, theirs are what would have to be set otherwise."""
    of_variant = {"name": "bold", "share": 0.5, "policies": {"caps": [{"name": "genres", "by": "genres", "most": 1}]}}
    settings = {**SETTINGS, "experiment": {"name": "spring", "variants": [{"name": "control", "share": 0.5}, of_variant]}}
    absent = {"candidate_rank": 3, "item_id": 28, "cause": "capped", "rule": "caps.genres"}
    inputs = accept(workspace, "items", "catalogue", MONDAY, catalogue())
    lists = list_of(7, 10, variant="bold") + list_of(8, 10, variant="control")
    tables = everything(recommendations=lists, why_not=[{"user_id": user, **absent} for user in (7, 8)])
    publish_by_hand(workspace, MONDAY, tables, inputs=inputs, settings=settings)
    told = {user: explain(workspace, user, "28").item for user in ("7", "8")}
    assert ["most = 1" in told[user].would_have_to_change[0] for user in told] == [True, False]
    assert "no more than 1 items" in told["7"].because[1]
