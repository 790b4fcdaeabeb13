"""Claims about `tasks.diff`: two published dates compared, against a slow comparison and against known answers."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.diff import diff, made_from
from tasks.refusals import UsageError
from tasks.storage import file_hash
from tasks.workspace import Workspace
from tests.published_nights import accept, everything, list_of, publish_by_hand

SUNDAY, MONDAY = date(2026, 1, 4), date(2026, 1, 5)

Lists = dict[int, list[int]]


def put(workspace: Workspace, before: Lists, after: Lists, **monday: Any) -> None:
    """Publish lists on two dates."""
    for day, lists, facts in ((SUNDAY, before, {}), (MONDAY, after, monday)):
        rows = [row for user, items in lists.items() for row in list_of(user, *items)]
        publish_by_hand(workspace, day, everything(recommendations=rows, **facts.pop("tables", {})), **facts)


@pytest.fixture
def two_dates(workspace: Workspace) -> Workspace:
    """Publish lists of which one stays, one is turned round, one changes an item, one is new and one is gone."""
    put(
        workspace,
        {1: [10, 11], 2: [10, 11], 3: [10, 11], 4: [12]},
        {1: [10, 11], 2: [11, 10], 3: [10, 13], 5: [13, 10]},
        champion=f"night-{SUNDAY}",
        tables={"changes": [
            {"user_id": 3, "item_id": 11, "change": "left", "rank_before": 2, "cause": "policy", "detail": "caps.genres"},
            {"user_id": 3, "item_id": 13, "change": "entered", "rank": 2, "cause": "policy", "detail": "caps.genres"},
            {"user_id": 5, "item_id": 13, "change": "entered", "rank": 1, "cause": "new_user", "detail": ""},
            {"user_id": 5, "item_id": 10, "change": "entered", "rank": 2, "cause": "new_user", "detail": ""},
        ]},
    )  # fmt: skip
    return workspace


def test_users_places_and_items_are_counted_by_what_became_of_them(two_dates):
    found = diff(two_dates, SUNDAY, MONDAY).summary
    assert (found.n_users_before, found.n_users_after, found.n_users_both) == (4, 4, 3)
    assert (found.n_changed, found.n_other_items) == (2, 1)
    assert (found.n_entered, found.n_left, found.n_moved) == (1, 1, 2)
    assert found.overlap == pytest.approx((1 + 1 + 0.5) / 3)
    assert (found.n_items_before, found.n_items_after, found.n_new, found.n_gone) == (3, 3, 1, 1)


def test_items_come_by_how_much_more_or_less_they_are_shown(two_dates):
    movers = diff(two_dates, SUNDAY, MONDAY).movers
    expected = [(13, 0, 2), (10, 3, 4), (11, 3, 2), (12, 1, 0)]
    assert [(each.item_id, each.lists_before, each.lists_after) for each in movers] == expected
    assert [(each.item_id, each.first_before, each.first_after) for each in movers[:2]] == [(13, 0, 1), (10, 3, 2)]


def test_users_come_by_how_little_of_their_lists_is_left(two_dates):
    """Those whose list did not change, and those who have one on one date only, are no news."""
    changed = diff(two_dates, SUNDAY, MONDAY).most_changed
    assert [(each.user_id, each.places, each.n_kept, each.n_moved) for each in changed] == [(3, 2, 1, 0), (2, 2, 2, 2)]


def test_no_more_is_listed_than_asked_for(two_dates):
    told = diff(two_dates, SUNDAY, MONDAY, most=1)
    assert (len(told.movers), len(told.most_changed)) == (1, 1)


def test_causes_are_counted_where_the_later_date_was_compared_with_the_earlier(two_dates):
    causes = diff(two_dates, SUNDAY, MONDAY).causes
    assert [(each.change, each.cause, each.detail, each.n_places, each.n_users) for each in causes] == [
        ("entered", "new_user", "", 2, 1), ("entered", "policy", "caps.genres", 1, 1), ("left", "policy", "caps.genres", 1, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("champion", "said"), [(None, "against no night"), ("gone", "no longer served"), (f"night-{MONDAY}", f"night of {MONDAY}")]
)
def test_causes_told_against_another_night_are_not_told(workspace, champion, said):
    put(workspace, {1: [10]}, {1: [11]}, champion=champion)
    told = diff(workspace, SUNDAY, MONDAY)
    assert told.causes is None
    assert said in told.why_no_causes


def test_a_date_compared_with_itself_has_no_differences(two_dates):
    told = diff(two_dates, MONDAY, MONDAY)
    assert (told.summary.n_changed, told.summary.overlap, told.movers, told.most_changed) == (0, 1.0, (), ())
    assert all(not part for part in told.made.model_dump().values())


def test_both_lists_of_a_user_stand_side_by_side_with_causes(two_dates):
    told = diff(two_dates, SUNDAY, MONDAY, user="3")
    assert [place.item_id for place in told.beside.before] == [10, 11]
    assert [place.item_id for place in told.beside.after] == [10, 13]
    assert {change.item_id: change.detail for change in told.beside.changes} == {11: "caps.genres", 13: "caps.genres"}
    assert (told.summary, told.movers) == (None, ())


@pytest.mark.parametrize("user", ["6", "six"])
def test_a_user_without_a_list_on_either_date_is_refused(two_dates, user):
    with pytest.raises(UsageError, match=f"nightly explain {user}"):
        diff(two_dates, SUNDAY, MONDAY, user=user)


def test_what_two_nights_were_made_from_is_compared(workspace):
    """Settings by their paths, versions, deliveries by name, and what only one of them has."""
    then = {"settings": {"seed": 1, "policies": {"caps": []}, "old": 1}, "versions": {"duckdb": "1"}, "inputs": {}, "model_version": "a"}
    caps = [{"name": "genres", "most": 3}]
    now = {"settings": {"seed": 1, "policies": {"caps": caps}}, "versions": {"duckdb": "2"}, "model_version": "b", "code": "c"}
    made = made_from(then, now | {"inputs": accept(workspace, "items", "more", MONDAY, [{"item_id": "1"}])})
    assert [(each.what, each.before, each.after) for each in made.settings] == [("old", 1, None), ("policies.caps", [], caps)]
    assert [(each.what, each.before, each.after) for each in made.versions] == [("duckdb", "1", "2")]
    assert [each.what for each in made.facts] == ["code", "model_version"]
    assert (made.more_delivered, made.fewer_delivered) == (("items/more",), ())


def test_dates_that_are_not_published_are_refused_with_those_that_are(two_dates):
    with pytest.raises(UsageError, match="2026-01-04, 2026-01-05"):
        diff(two_dates, SUNDAY, date(2026, 1, 6))


def test_nothing_is_written(two_dates):
    before = {str(path): file_hash(path) for path in sorted(two_dates.root.rglob("*")) if path.is_file()}
    diff(two_dates, SUNDAY, MONDAY)
    assert {str(path): file_hash(path) for path in sorted(two_dates.root.rglob("*")) if path.is_file()} == before


LISTS = st.dictionaries(st.integers(1, 5), st.lists(st.integers(10, 15), unique=True, min_size=1, max_size=4), min_size=1)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=LISTS, after=LISTS)
def test_the_comparison_is_that_of_a_slow_one(workspace, before, after):
    """Whatever the lists, counts and movers are what counting one by one gives."""
    put(workspace, before, after)
    told = diff(workspace, SUNDAY, MONDAY, most=100)
    both = before.keys() & after.keys()
    kept = {user: set(before[user]) & set(after[user]) for user in both}
    found = told.summary
    assert found.n_changed == sum(before[user] != after[user] for user in both)
    assert found.n_other_items == sum(set(before[user]) != set(after[user]) for user in both)
    assert found.n_entered == sum(len(after[user]) - len(kept[user]) for user in both)
    assert found.n_left == sum(len(before[user]) - len(kept[user]) for user in both)
    assert found.n_moved == sum(before[user].index(item) != after[user].index(item) for user in both for item in kept[user])
    shares = [len(kept[user]) / max(len(before[user]), len(after[user])) for user in both]
    assert found.overlap == (pytest.approx(sum(shares) / len(shares)) if shares else None)
    shown = [{item: sum(item in items for items in lists.values()) for item in range(10, 16)} for lists in (before, after)]
    moved = {item: shown[1][item] - shown[0][item] for item in range(10, 16) if shown[0][item] != shown[1][item]}
    expected = sorted(moved, key=lambda item: (-abs(moved[item]), item))
    assert [each.item_id for each in told.movers] == expected
